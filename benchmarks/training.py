"""Training and decoding against an older checkout and a bare loop: ``python benchmarks/training.py [--against DIR]``.

Prints tables and writes nothing. Processor time on one thread, medians; every round runs each program once, so that
whatever else the machine does slows all alike, and ratios are taken within rounds. Programs are processes of their own,
as two versions of one package cannot live in one. The shapes:

- A: 3 layers of width 64, 24 tokens, batches of 256, AdamW (the hardness experiment);
- B: 6 layers of width 256, 300 tokens, batches of 32, AdamW;
- C: 5 layers of width 64, 81 tokens, batches of 64, Muon (Sudoku);
- D: 6 layers of width 64, 300 tokens, batches of 64, Muon (Table 1 at the paper's sizes);
- small, large: decoding 300 tokens in 10 calls, 64 rows, 3 layers of width 64 and 6 of width 256, by margin.

"bare" is a loop in plain PyTorch of the same shape, masks and optimizer, with its fused attention kernel and nothing
else: no log, no checks, no schedule. "bfloat16" and "visible" are this checkout with products in bfloat16, and with
keys from visible tokens alone. The last table is the error of the gradient against float64, and the share of the
machine's matrix rate that a training reaches.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, or its threads are there already

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import tyro

ROOT = Path(__file__).resolve().parents[1]
SHAPES: dict[str, dict[str, Any]] = {
    "A": {"layers": 3, "width": 64, "heads": 4, "length": 24, "batch": 256, "optimizer": "adamw", "steps": 12},
    "B": {"layers": 6, "width": 256, "heads": 8, "length": 300, "batch": 32, "optimizer": "adamw", "steps": 3},
    "C": {"layers": 5, "width": 64, "heads": 4, "length": 81, "batch": 64, "optimizer": "muon", "steps": 8},
    "D": {"layers": 6, "width": 64, "heads": 4, "length": 300, "batch": 64, "optimizer": "muon", "steps": 3},
    "small": {"layers": 3, "width": 64, "heads": 4, "length": 300, "batch": 64, "calls": 10},
    "large": {"layers": 6, "width": 256, "heads": 8, "length": 300, "batch": 64, "calls": 10},
}

PROGRAM = """
import json, statistics, sys, time
import torch
try:
    from lo_theory.denoisers.network import MaskedDenoiser
except ImportError:  # where it was in older checkouts
    from lo_theory.learning.learners import MaskedDenoiser
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.objective import MaskedObjective, per_mask
from lo_theory.learning.training import TrainConfig, train
from lo_theory.samplers.decoder import Decoder
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.reveal import scheduled
from lo_theory.samplers.scores import margin_score
from lo_theory.samplers.tokens import sample_token

try:
    from generators.ground.allocator import keep_freed_memory
    keep_freed_memory()
except ImportError:
    pass
torch.set_num_threads(1)
shape = json.loads(sys.argv[1])

class Rows:
    batch_size, length, vocabulary, fingerprint = shape["batch"], shape["length"], 2, "0" * 16
    def batch(self, step):
        return torch.randint(0, 2, (self.batch_size, self.length), generator=torch.Generator().manual_seed(step))
    def to_json(self):
        return {}

sizes = {name: shape[name] for name in ("length", "layers", "width", "heads")}
keys = {"keys": shape["keys"]} if "keys" in shape else {}
network = Transformer(NetworkConfig(vocabulary=2, **sizes, **keys), torch.Generator().manual_seed(0))
clock = []
if "steps" in shape:
    precision = shape.get("precision", "float32")
    config = TrainConfig(steps=shape["steps"] + 2, optimizer=shape["optimizer"], precision=precision)
    train(network, MaskedObjective(per_mask), Rows(), config, on_step=lambda _: clock.append(time.process_time()))
    took = statistics.median(b - a for a, b in zip(clock[1:], clock[2:]))
else:
    torch.nn.init.normal_(network.head, std=0.1, generator=torch.Generator().manual_seed(1))
    decoder = Decoder(margin_score, scheduled(shape["calls"]), sample_token())
    hidden = torch.full((shape["batch"], shape["length"]), 2)
    start = time.process_time()
    options = {"precision": shape["precision"]} if "precision" in shape else {}
    decode(MaskedDenoiser(network, **options), hidden, decoder, torch.Generator().manual_seed(0))
    took = time.process_time() - start
print(took)
"""

BARE = """
import json, statistics, sys, time
import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)
shape = json.loads(sys.argv[1])
L, W, H, B = shape["length"], shape["width"], shape["heads"], shape["batch"]
torch.manual_seed(0)

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(W, 3 * W, bias=False), nn.Linear(W, W, bias=False)
        self.up, self.down = nn.Linear(W, 4 * W, bias=False), nn.Linear(4 * W, W, bias=False)
        self.before, self.between = nn.RMSNorm(W), nn.RMSNorm(W)
    def forward(self, x):
        q, k, v = self.qkv(self.before(x)).view(len(x), L, 3, H, W // H).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(len(x), L, W)
        x = x + self.out(mixed)
        return x + self.down(F.gelu(self.up(self.between(x))))

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.place = nn.Embedding(3, W), nn.Parameter(torch.randn(L, W))
        self.blocks = nn.ModuleList(Block() for _ in range(shape["layers"]))
        self.norm, self.head = nn.RMSNorm(W), nn.Linear(W, 2, bias=False)
    def forward(self, tokens):
        x = self.token(tokens) + self.place
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

network, clock = Network(), []
if "steps" in shape:
    inner = [w for w in network.blocks.parameters() if w.ndim == 2] if shape["optimizer"] == "muon" else []
    others = [w for w in network.parameters() if not any(w is one for one in inner)]
    optimizers = [torch.optim.AdamW(others, lr=3e-3, fused=True)]
    optimizers += [torch.optim.Muon(inner, lr=3e-3, adjust_lr_fn="match_rms_adamw")] if inner else []
    for step in range(shape["steps"] + 2):
        rows = torch.randint(0, 2, (B, L))
        counts = (torch.rand(B) * L).long() + 1
        hidden = torch.rand(B, L).argsort(1).argsort(1) < counts[:, None]
        loss = F.cross_entropy(network(rows.masked_fill(hidden, 2))[hidden], rows[hidden])
        network.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        clock.append(time.process_time())
    took = statistics.median(b - a for a, b in zip(clock[1:], clock[2:]))
else:
    tokens, reveal = torch.full((B, L), 2), L // shape["calls"]
    start = time.process_time()
    with torch.no_grad():
        for call in range(shape["calls"]):
            best = network(tokens).softmax(-1).topk(2).values
            score = (best[..., 0] - best[..., 1]).masked_fill(tokens != 2, -1.0)
            at = score.topk(reveal).indices
            tokens.scatter_(1, at, torch.randint(0, 2, at.shape))
    took = time.process_time() - start
print(took)
"""


def measure(program: str, root: Path, shape: dict[str, Any]) -> float:
    """Processor seconds of a step, or of a decoding, in a fresh process that imports the packages of ``root``."""
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-W", "ignore", "-c", program, json.dumps(shape)]
    ran = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(ran.stdout)


def gradient_error(shape: dict[str, Any]) -> tuple[float, float]:
    """Largest error of a weight's gradient relative to the largest entry of it, and the share of the matrix rate."""
    import time

    import torch

    from lo_theory.learning.flops import training_flops
    from lo_theory.learning.network import NetworkConfig, Transformer
    from lo_theory.learning.objective import MaskedObjective, per_mask
    from lo_theory.learning.products import fast_products, matrix_rate

    torch.set_num_threads(1)
    sizes = {name: shape[name] for name in ("length", "layers", "width", "heads")}
    config = NetworkConfig(vocabulary=2, **sizes)
    rows = torch.randint(0, 2, (16, config.length), generator=torch.Generator().manual_seed(0))
    gradients, rate = [], 0.0
    for dtype in (torch.float32, torch.float64):
        network = Transformer(config, torch.Generator().manual_seed(0))
        torch.nn.init.normal_(network.head, std=0.1, generator=torch.Generator().manual_seed(1))
        network = network.to(dtype)
        with fast_products(torch.device("cpu")):
            start = time.process_time()
            MaskedObjective(per_mask).loss(network, rows, torch.Generator().manual_seed(2)).backward()
            took = time.process_time() - start
        gradients.append([weight.grad for weight in network.parameters()])
        if dtype == torch.float32:
            rate = len(rows) * training_flops(config) / took
    pairs = zip(*gradients, strict=True)
    error = max(float((one.double() - true).norm() / true.norm()) for one, true in pairs if true.norm() > 0)
    return error, rate / matrix_rate(torch.device("cpu"))


def main(against: Path | None = None, rounds: int = 5) -> None:
    """Compare.

    Args:
        against: an older checkout of this repository.
        rounds: how often each program runs.
    """
    programs = {"ours": (PROGRAM, ROOT, {}), "bare": (BARE, ROOT, {})}
    if against is not None:
        programs["older"] = (PROGRAM, against.resolve(), {})
    programs["bfloat16"] = (PROGRAM, ROOT, {"precision": "bfloat16"})
    programs["visible"] = (PROGRAM, ROOT, {"keys": "visible"})
    print(f"{'shape':8}{'ours, ms':>10}" + "".join(f"{f'{name} / ours':>20}" for name in programs if name != "ours"))
    for name, shape in SHAPES.items():
        fits = {key: made for key, made in programs.items() if "steps" in shape or key != "visible"}
        times = [
            {key: measure(one, root, shape | more) for key, (one, root, more) in fits.items()} for _ in range(rounds)
        ]
        line = f"{name:8}{1e3 * statistics.median(time['ours'] for time in times):10.1f}"
        for other in programs:
            if other in times[0] and other != "ours":
                ratios = sorted(time[other] / time["ours"] for time in times)
                line += f"{statistics.median(ratios):8.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"
        print(line, flush=True)
    print(f"\n{'shape':8}{'gradient error':>16}{'share of the matrix rate':>28}")
    for name in "ABCD":
        error, share = gradient_error(SHAPES[name])
        print(f"{name:8}{error:16.1e}{share:28.0%}", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
