"""How fast belief propagation is: ``python benchmarks/belief_propagation.py``. Prints a table and writes nothing.

Processor seconds on one thread until convergence (tolerance 1e-6, damping 0.3), or for 300 iterations where it does not
converge. Compilation is not counted: it happens once per installation. Last, masked sequences per second of the
denoiser at the sizes of the paper.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported, or its threads are there already

import time

import numpy as np

from generators.families import nae_sat
from generators.observations import named_tables as named
from generators.planted.constraints import PlantedEnsemble, Shown
from lo_theory.phases.belief_posterior import BeliefPropagationPosterior
from lo_theory.phases.belief_propagation import Settings, Start, overlap, planted_beliefs
from lo_theory.phases.ensemble import Ensemble

GOAL_SECONDS = 10.0  # 10,000 latents of degree 30
CASES: tuple[tuple[np.ndarray, Shown], ...] = (
    (named.nae(arity=3), "both"),
    (named.nae(arity=3, latent_alphabet=3), "satisfied"),
    (named.t_in_k(2, arity=4), "both"),
)
SETTINGS = Settings(damping=0.3, tolerance=1e-6, max_iterations=300)


def one_run(table: np.ndarray, shown: Shown, degree: float, start: Start, n_latents: int = 10_000) -> float:
    """Time one instance, print its line, return seconds."""
    m = table.shape[0]
    planted = PlantedEnsemble(np.full(m, 1 / m), n_latents, table, degree, shown)
    rng = np.random.default_rng(0)
    instance = planted.sample(rng)
    began = time.process_time()
    ends = planted_beliefs(planted, instance, start, rng=rng, settings=SETTINGS)
    seconds = time.process_time() - began
    truth = overlap(ends.marginals, instance.latents, Ensemble.from_planted(planted).label_symmetries())
    name = f"k = {table.ndim}, m = {m}, {shown}, degree {degree:g}, {start} start"
    print(
        f"  {name:<52}{seconds:>8.2f}{ends.iterations:>12}{1e3 * seconds / ends.iterations:>12.1f}"
        f"{ends.converged!s:>11}{truth:>9.3f}{ends.free_entropy:>9.4f}"
    )
    return seconds


def main() -> None:
    """Measure and print."""
    one_run(named.nae(arity=3), "both", 3.0, "random", n_latents=100)  # compiles
    heads = f"{'seconds':>8}{'iterations':>12}{'ms each':>12}{'converged':>11}{'overlap':>9}{'phi':>9}"
    print(f"  {'10,000 latents':<52}{heads}")
    worst = 0.0
    for table, shown in CASES:
        for start in ("random", "planted"):
            worst = max(worst, one_run(table, shown, 30.0, start))
    print(f"goal: degree 30 in at most {GOAL_SECONDS:.0f} s; slowest {worst:.1f} s\n")
    print(f"  {'denoiser, NAE-3, hidden tokens uniform on 1..L':<52}{'per second':>12}{'converged':>11}")
    for size in ((20, 280), (50, 250), (100, 200)):
        distribution, rng = nae_sat(*size, structure_seed=0), np.random.default_rng(0)
        rows = distribution.sample(200, rng).astype(np.int64)
        places = rng.random(rows.shape).argsort(axis=1).argsort(axis=1)
        tokens = np.where(places < rng.integers(1, rows.shape[1] + 1, (200, 1)), distribution.mask_id, rows)
        posterior = BeliefPropagationPosterior(distribution)
        began = time.process_time()
        convergence = posterior.query(tokens).convergence
        rate = 200 / (time.process_time() - began)
        print(f"  {f'{size}':<52}{rate:>12,.0f}{convergence.converged.mean():>11.1%}")


if __name__ == "__main__":
    main()
