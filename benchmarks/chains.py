"""Exact posteriors of chains: ``python benchmarks/chains.py``. Prints tables and writes nothing.

The other side is the method of LuhanTang/dllm_sampler (arXiv 2602.19619) written plainly: forward and backward
messages of all rows together as matrix products in torch, a step for each position, in float64 and not in float16.
Both answer the same rows, L = 256 with half of the tokens masked, with log posteriors (B, L, V) on one thread; they
take turns within one run, processor time is compared, the median of the ratios printed, and the answers are compared.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, or its threads are there already

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from generators.text.hidden import HiddenMarkov
from generators.text.markov import MarkovChain
from generators.text.random_chains import random_hidden, random_markov
from lo_theory.posteriors.chains import ChainPosterior

LENGTH, ROUNDS = 256, 5
GOAL = 5.0  # times as fast as the messages in torch
RATES = {27: 10_000, 256: 300}  # rows per second and core, memory 1
TOLERANCE = 1e-12  # of probabilities
CASES: dict[str, tuple[MarkovChain | HiddenMarkov, int]] = {
    "memory 1, V = 27": (random_markov(27, LENGTH, structure_seed=0), 512),
    "memory 1, V = 256": (random_markov(256, LENGTH, structure_seed=0), 64),
    "memory 2, V = 8": (random_markov(8, LENGTH, structure_seed=0, memory=2), 64),
    "memory 2, V = 32": (random_markov(32, LENGTH, structure_seed=0, memory=2), 16),
    "hidden, 16 states, V = 27": (random_hidden(16, 27, LENGTH, structure_seed=0), 256),
}


class PlainMessages:
    """Batched messages in torch, float64; the state of a chain of memory 2 is a pair (B, V, V)."""

    def __init__(self, chain: MarkovChain | HiddenMarkov) -> None:
        self.vocabulary, self.length = chain.vocabulary, chain.length
        self.initial, self.transition = torch.tensor(chain.initial), torch.tensor(chain.transition)
        self.pairs = self.initial.ndim == 2
        hidden = isinstance(chain, HiddenMarkov)
        self.emission = torch.tensor(chain.emission) if hidden else torch.eye(self.vocabulary, dtype=torch.float64)

    def log_marginals(self, tokens: Tensor) -> Tensor:
        """(B, L) -> (B, L, V)."""
        columns = torch.cat([self.emission.T, torch.ones(1, len(self.emission), dtype=torch.float64)])
        likelihood = columns[tokens]  # (B, L, S)
        states = self._pairs(likelihood) if self.pairs else self._singles(likelihood)
        marginals = states @ self.emission
        seen = torch.nn.functional.one_hot(tokens, self.vocabulary + 1)[..., :-1].double()
        masked = (tokens == self.vocabulary)[..., None]
        return torch.where(masked, marginals / marginals.sum(dim=-1, keepdim=True), seen).log()

    def _singles(self, likelihood: Tensor) -> Tensor:
        """Posterior weights of the states, (B, L, S)."""
        alpha = [_scaled(self.initial * likelihood[:, 0])]
        for t in range(1, self.length):
            alpha.append(_scaled((alpha[-1] @ self.transition) * likelihood[:, t]))
        beta = [torch.ones_like(alpha[0])]
        for t in range(self.length - 1, 0, -1):
            beta.append(_scaled((beta[-1] * likelihood[:, t]) @ self.transition.T))
        return torch.stack(alpha, dim=1) * torch.stack(beta[::-1], dim=1)

    def _pairs(self, likelihood: Tensor) -> Tensor:
        """The same for pairs of tokens."""
        alpha = [_scaled(self.initial * likelihood[:, 0, :, None] * likelihood[:, 1, None, :])]
        for t in range(2, self.length):
            moved = torch.einsum("buv,uvw->bvw", alpha[-1], self.transition)
            alpha.append(_scaled(moved * likelihood[:, t, None, :]))
        beta = [torch.ones_like(alpha[0])]
        for t in range(self.length - 1, 1, -1):
            beta.append(_scaled(torch.einsum("bvw,uvw->buv", beta[-1] * likelihood[:, t, None, :], self.transition)))
        both = torch.stack(alpha, dim=1) * torch.stack(beta[::-1], dim=1)  # (B, L - 1, V, V)
        return torch.cat([both[:, :1].sum(dim=3), both.sum(dim=2)], dim=1)


def _scaled(messages: Tensor) -> Tensor:
    return messages / messages.flatten(1).sum(dim=1).view(-1, *[1] * (messages.ndim - 1))


def half_masked(chain: MarkovChain | HiddenMarkov, rows: int) -> np.ndarray:
    """Rows of the chain, each token masked with probability one half."""
    tokens = chain.rows(0, 0, rows).astype(np.int64)
    return np.where(np.random.default_rng(1).random(tokens.shape) < 0.5, chain.mask_id, tokens)


def seconds(run: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def compare(name: str, chain: MarkovChain | HiddenMarkov, rows: int) -> tuple[float, float]:
    """One line; the ratio and our rows per second."""
    tokens = half_masked(chain, rows)
    ours, theirs, asked = ChainPosterior(chain), PlainMessages(chain), torch.tensor(tokens)
    apart = np.abs(np.exp(ours.log_marginals(tokens)) - theirs.log_marginals(asked).exp().numpy()).max()
    times = [
        (seconds(lambda: ours.log_marginals(tokens)), seconds(lambda: theirs.log_marginals(asked)))
        for _ in range(ROUNDS)
    ]
    ratio = statistics.median(plain / compiled for compiled, plain in times)
    rate = rows / statistics.median(compiled for compiled, _ in times)
    print(f"{name:<28}{rate:>12,.0f}{ratio:>10.1f}{apart:>12.1e}")
    if apart > TOLERANCE:
        raise SystemExit(f"{name}: the two methods differ by {apart:.1e}, more than {TOLERANCE:.0e}.")
    return ratio, rate


@torch.no_grad()
def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    print(f"{f'L = {LENGTH}, half masked':<28}{'rows/s':>12}{'ratio':>10}{'apart':>12}")
    found = {name: compare(name, *case) for name, case in CASES.items()}
    for name, (ratio, _) in found.items():
        print(f"{name}: {ratio:.1f} times as fast; goal {GOAL:g}: {'reached' if ratio >= GOAL else 'MISSED'}")
    for size, goal in RATES.items():
        rate = found[f"memory 1, V = {size}"][1]
        print(f"V = {size}: {rate:,.0f} rows per second; goal {goal:,}: {'reached' if rate >= goal else 'MISSED'}")


if __name__ == "__main__":
    main()
