"""What keys and values kept from call to call save an autoregressive model: ``python benchmarks/key_value_cache.py``.

Sequences of 243 tokens, as a 9x9 Sudoku in triples, are written token by token with and without memory in one run, in
turns; processor time on one thread, medians of the ratios. "Prompts" are 75 to 90 given tokens, all alike or as many as
the row has, so that rows end one after the other and the slowest row decides what is read again. Prints a table and
writes nothing.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, or its threads are there already

import statistics
import time

import numpy as np
import torch
from torch import Tensor, nn

from lo_theory.denoisers.network import CausalDenoiser
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.reveal import one_per_step
from lo_theory.samplers.scores import left_to_right_score
from lo_theory.samplers.tokens import argmax_token

LENGTH, VOCABULARY, REPEATS = 243, 9, 3
PROMPTS = (75, 90)
SHAPES = {"width 64, 4 layers, 32 rows": ((64, 4, 8), 32), "width 256, 8 layers, 2 rows": ((256, 8, 8), 2)}
OWN_ORDER = Decoder(left_to_right_score, one_per_step(), argmax_token)


def network_of(width: int, layers: int, heads: int) -> Transformer:
    """With a random head: the untrained one ties all tokens."""
    draws = torch.Generator().manual_seed(0)
    config = NetworkConfig(length=LENGTH, vocabulary=VOCABULARY, layers=layers, width=width, heads=heads, causal=True)
    network = Transformer(config, draws)
    nn.init.normal_(network.head, std=0.1, generator=draws)
    return network


def prompted(rows: int, spread: bool) -> Tensor:
    """(rows, L): prompts of one length or of all in ``PROMPTS``, then masks."""
    draws = torch.Generator().manual_seed(1)
    tokens = torch.randint(VOCABULARY, (rows, LENGTH), generator=draws)
    low, high = PROMPTS if spread else PROMPTS[:1] * 2
    given = torch.randint(low, high + 1, (rows, 1), generator=draws)
    return tokens.masked_fill(torch.arange(LENGTH) >= given, VOCABULARY)


def seconds(network: Transformer, tokens: Tensor, remembers: bool) -> float:
    """Of writing all rows to their end."""
    denoiser = CausalDenoiser(network, np.arange(LENGTH), remembers=remembers)
    start = time.process_time()
    decode(denoiser, tokens, OWN_ORDER, torch.Generator().manual_seed(2))
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    print(f"{'L = 243':<32}{'prompts':>10}{'without / with memory':>24}")
    for name, (shape, rows) in SHAPES.items():
        network = network_of(*shape)
        for spread in (False, True):
            tokens = prompted(rows, spread)
            ratios = [seconds(network, tokens, False) / seconds(network, tokens, True) for _ in range(REPEATS)]
            print(f"{name:<32}{'spread' if spread else 'alike':>10}{statistics.median(ratios):>24.1f}")


if __name__ == "__main__":
    main()
