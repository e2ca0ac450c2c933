"""The Bayes loss at the paper's six sizes: the floor under every model, by the share of masked tokens.

The paper takes a longer-trained network for the Bayes-optimal predictor. Its sizes, L&O-NAE-SAT with (N, P) from
(20, 280) to (100, 200), are within reach of the exact posterior.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64
from scipy.special import entr

from analysis.experiment import run_units, write_tables
from analysis.networks.task_error import balanced_masks, roles_of
from analysis.plots.bayes import draw_bayes
from analysis.plots.style import CONTROL, SavedFigure, save_figure
from analysis.report import FigureItem, Report, Section, TableItem, show, write_report
from analysis.rows import Role, Row, Subject
from analysis.scales import ScaleName
from analysis.store import StoredUnit
from generators.distribution import LODistribution
from generators.families import nae_sat
from lo_theory.estimate import ratio_estimate
from lo_theory.oracle import Posterior
from lo_theory.posteriors.elimination import EliminatedPosterior

EXPERIMENT = "bayes"
BAYES_NATS = "bayes_nats"
PAPER_SIZES = ((20, 280), (25, 275), (30, 270), (40, 260), (50, 250), (100, 200))
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 1.0)
_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class BayesUnit:
    """One size: the exact posterior's expected loss per masked token.

    Attributes:
        samples: masked sequences per share of masked tokens.
        structures: distributions of this size, seeds 0, 1, ...; the samples are spread over them.
    """

    n_latents: int
    n_observations: int
    samples: int
    structures: int = 4
    shares: tuple[float, ...] = SHARES
    seed: int = 0

    @property
    def label(self) -> str:
        """The size."""
        return f"NAE-SAT ({self.n_latents}, {self.n_observations})"

    @property
    def seeds(self) -> dict[str, int]:
        """The first structure and the draws."""
        return {"structure_seed": 0, "seed": self.seed}

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """A row per share of masked tokens and role."""
        rng = np.random.default_rng([self.seed, self.n_latents])
        distributions = [
            nae_sat(self.n_latents, self.n_observations, structure_seed=seed) for seed in range(self.structures)
        ]
        solvers = [(d, EliminatedPosterior(d)) for d in distributions]
        about = Subject(
            distribution=self.label, fingerprint=distributions[0].fingerprint, model=CONTROL, seed=self.seed
        )
        length = distributions[0].length
        for n_masked in sorted({max(1, round(share * length)) for share in self.shares}):
            count = -(-self.samples // self.structures)
            losses = [expected_loss(d, solver, n_masked, count, rng) for d, solver in solvers]
            for role in losses[0]:
                yield _row(about, np.concatenate([loss[role] for loss in losses]), role, n_masked)


def expected_loss(
    distribution: LODistribution, posterior: Posterior, n_masked: int, samples: int, rng: np.random.Generator
) -> dict[Role, Float64[np.ndarray, "S 2"]]:
    """For each sequence and role, the sum of the posterior's entropies over masked tokens, in nats, and their number.

    The expected loss of a Bayes-optimal predictor at a masked token is the entropy of its posterior, so no true token
    is needed and nothing but the draw of sequence and mask is random.
    """
    x = distribution.sample(samples, rng)
    masks = balanced_masks(samples, distribution.length, n_masked, rng)
    tokens = np.where(masks, distribution.mask_id, x).astype(np.int64)
    entropy = np.concatenate(
        [
            entr(np.exp(posterior.log_marginals(tokens[start : start + _BATCH]))).sum(axis=-1)
            for start in range(0, samples, _BATCH)
        ]
    )
    masked = np.where(masks, entropy, 0.0)
    return {
        role: np.stack([masked[:, at].sum(axis=1), masks[:, at].sum(axis=1).astype(np.float64)], axis=1)
        for role, at in roles_of(distribution).items()
    }


def _row(about: Subject, sums: Float64[np.ndarray, "S 2"], role: Role, n_masked: int) -> Row:
    """Total entropy over number of masked tokens, a sequence being one draw."""
    totals, cells = sums[sums[:, 1] > 0].T
    estimate = asdict(ratio_estimate(totals, cells))
    return Row(**asdict(about), experiment=EXPERIMENT, metric=BAYES_NATS, role=role, n_masked=n_masked, **estimate)


_SAMPLES: dict[ScaleName, int] = {"smoke": 200, "small": 4_000, "paper": 40_000}


@dataclass(frozen=True, kw_only=True)
class BayesExperiment:
    """The Bayes loss at all six sizes.

    Attributes:
        scale: how many sequences per point; the sizes are the paper's at every scale.
        directory: for rows, figure and report; finished sizes in it are kept and skipped.
        jobs: sizes computed at once; all processors if not given.
        device: not used; the posterior runs on the processor.
    """

    scale: ScaleName
    directory: Path
    jobs: int | None = None
    device: str = "cpu"

    @property
    def units(self) -> list[BayesUnit]:
        """One per size."""
        return [BayesUnit(n_latents=n, n_observations=p, samples=_SAMPLES[self.scale]) for n, p in PAPER_SIZES]

    def run(self) -> Path:
        """Compute what is missing, draw the figure, write table and report; returns the report's file."""
        started = time.perf_counter()
        units = run_units(self.units, self.directory, name=f"bayes {self.scale}", jobs=self.jobs)
        rows = [row for unit in units for row in unit.rows]
        write_tables(units, self.directory / "tables")
        figure = save_figure(draw_bayes(rows), self.directory / "figures", "bayes")
        report = _report(rows, units, figure, self.scale, (time.perf_counter() - started) / 60)
        return write_report(self.directory, report)


def _report(
    rows: Sequence[Row], units: Sequence[StoredUnit], figure: SavedFigure, scale: ScaleName, minutes: float
) -> Report:
    return Report(
        title="The Bayes loss of L&O-NAE-SAT at the paper's sizes",
        summary=[
            "No predictor of a masked token can have a smaller expected loss than the entropy of its exact posterior. "
            "This floor is exact for each drawn sequence and mask, by variable elimination; the intervals of 95% come "
            "from the draw of sequences, masks and four distributions of each size."
        ],
        scale=scale,
        minutes=minutes,
        sections=[
            Section(
                title="Floor under every model",
                figures=[
                    FigureItem(
                        path=figure.svg,
                        caption="Bayes loss per masked token against the share of masked tokens.",
                        alt="Six curves each for latents and observations, rising with the share of masked tokens.",
                    )
                ],
                tables=[_table(rows, "latent"), _table(rows, "observation")],
            )
        ],
        units=units,
        caveats=[
            "Masks are uniform given their size; other protocols, such as all latents visible, have other floors.",
            "The paper gives no Bayes losses: its reference is a network trained for longer.",
        ],
    )


def _table(rows: Sequence[Row], role: Role) -> TableItem:
    names = list(dict.fromkeys(row.distribution for row in rows))
    found = {(row.distribution, row.n_masked): row for row in rows if row.role == role}
    counts = sorted({row.n_masked or 0 for row in rows})
    return TableItem(
        caption=f"Bayes loss of a masked {role}, nats; L = 300.",
        header=["masked tokens", *names],
        rows=[[str(n), *(show(found[name, n], 4) if (name, n) in found else "-" for name in names)] for n in counts],
    )
