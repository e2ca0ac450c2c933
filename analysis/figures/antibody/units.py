"""What a real masked language model says along different orders, and how decoding order changes its infilling.

Rows are human germline V genes, one allele each. Genes are related by descent: intervals over them take each for a draw
of its own, and are too narrow as statements on V genes at large. The model is one of proteins, not of text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float64

from analysis.figures.antibody.material import LOCI, Gene, Locus, antibody_denoiser, germline_genes
from analysis.lab.rows import Row, Subject
from analysis.lab.scale import ScaleName
from analysis.measures.infilling import (
    NATS,
    RIGHT,
    SPREAD,
    hidden_at_random,
    infill,
    named_orders,
    nats_by_order,
    order_spread,
)
from lo_theory.denoisers.hugging_face import HuggingFaceDenoiser
from lo_theory.estimate import clustered_interval, mean_estimate
from lo_theory.samplers.decoding import decode
from lo_theory.samplers.menu import MARGIN, TOP, VANILLA, SamplingRule, per_call_rules

EXPERIMENT_NAME = "antibody"
MODEL = "AntiBERTy"
BEYOND = "infilled_right_minus_vanilla"
ENTROPY, OWN_NATS = "residue_entropy_nats", "own_nats_per_token"
RULES: tuple[str, ...] = (VANILLA, TOP, MARGIN, "negative entropy", "left to right", "threshold")
GENES = "germline genes"
"""The model's name where the rows are the genes themselves."""


@dataclass(frozen=True, kw_only=True)
class OrdersUnit:
    """Likelihood of genes along left to right, right to left and uniformly drawn orders.

    Attributes:
        genes: how many of the locus, evenly spaced by name; all if there are fewer.
        drawn: uniform orders, the same for all genes of a length.
        seed: of the orders.
    """

    locus: Locus
    genes: int
    drawn: int
    seed: int = 0

    @property
    def label(self) -> str:
        """The locus."""
        return f"orders, {self.locus}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Nats per residue by order, and how far the orders of a gene are apart."""
        nats: dict[str, list[Float64[np.ndarray, " n"]]] = {}
        spreads = []
        for denoiser, rows in _by_length(chosen(germline_genes(self.locus), self.genes), directory, device):
            found = nats_by_order(denoiser, rows, named_orders(denoiser.length, self.drawn, self.seed))
            spreads.append(order_spread(found))
            for name, values in found.items():
                nats.setdefault(name, []).append(values.mean(axis=1))
        about = _about(self.locus)
        for name, values in nats.items():
            yield about.row(EXPERIMENT_NAME, NATS, mean_estimate(np.concatenate(values), "chain"), decoder=name)
        yield about.row(EXPERIMENT_NAME, SPREAD, mean_estimate(np.concatenate(spreads), "chain"))


@dataclass(frozen=True, kw_only=True)
class InfillUnit:
    """The same hidden residues of every gene filled in by every rule, tokens drawn at temperature 1.

    Attributes:
        genes: as :class:`OrdersUnit`.
        hidden: residues hidden at random in each gene.
        seed: of the hidden residues and of decoding.
    """

    locus: Locus
    genes: int
    hidden: int
    seed: int = 0

    @property
    def label(self) -> str:
        """The locus."""
        return f"infilling, {self.locus}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Share of hidden residues that come back, by rule; and its difference from vanilla, gene by gene."""
        hits: dict[str, list[Bool[np.ndarray, "n k"]]] = {name: [] for name in RULES}
        calls: dict[str, float] = dict.fromkeys(RULES, 0.0)
        for denoiser, rows in _by_length(chosen(germline_genes(self.locus), self.genes), directory, device):
            gone = hidden_at_random(len(rows), denoiser.length, self.hidden, self.seed)
            for rule in rules(self.hidden):
                done = infill(denoiser, rows, gone, rule.decoder, self.seed)
                hits[rule.name].append(done.hits)
                calls[rule.name] += done.calls * len(rows)
        about, blind = _about(self.locus), np.concatenate(hits[VANILLA]).mean(axis=1)
        for name, parts in hits.items():
            own = np.concatenate(parts)
            low, high = clustered_interval(own)
            row = partial(about.row, EXPERIMENT_NAME, decoder=name, calls=calls[name] / len(own), n_masked=self.hidden)
            yield row(RIGHT, mean_estimate(own.mean(axis=1)), low=low, high=high)
            if name != VANILLA:
                yield row(BEYOND, mean_estimate(own.mean(axis=1) - blind))


@dataclass(frozen=True, kw_only=True)
class WrittenUnit:
    """Sequences of the length of most genes, written from masks alone; never scored as if they were data.

    Attributes:
        rule: that decodes.
        sequences: written.
        seed: of decoding.
    """

    rule: str
    sequences: int
    seed: int = 0
    length: int = field(default=98)

    @property
    def label(self) -> str:
        """The rule."""
        return f"written, {self.rule}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Entropy of the residues of each sequence, and what the sequence cost along its own order."""
        denoiser = antibody_denoiser(self.length, directory, str(device))
        rule = next(rule for rule in rules(self.length) if rule.name == self.rule)
        start = torch.full((self.sequences, self.length), denoiser.vocabulary)
        done = decode(denoiser, start, rule.decoder, torch.Generator().manual_seed(self.seed))
        about = Subject(distribution="written", fingerprint="", model=MODEL, seed=self.seed)
        entropies = residue_entropies(done.tokens.tolist())
        yield about.row(EXPERIMENT_NAME, ENTROPY, mean_estimate(entropies), decoder=self.rule)
        own = -done.trace.log_prob().numpy() / self.length
        yield about.row(EXPERIMENT_NAME, OWN_NATS, mean_estimate(own), decoder=self.rule)


@dataclass(frozen=True, kw_only=True)
class GenesUnit:
    """The genes themselves: how many there are, and the entropy of their residues."""

    locus: Locus

    @property
    def label(self) -> str:
        """The locus."""
        return f"genes, {self.locus}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """Entropy of the residues of each gene; the number of samples is that of the genes."""
        entropies = residue_entropies([gene.residues for gene in germline_genes(self.locus)])
        about = Subject(distribution=self.locus, fingerprint="", model=GENES)
        yield about.row(EXPERIMENT_NAME, ENTROPY, mean_estimate(entropies))


@dataclass(frozen=True, kw_only=True)
class AntibodySize:
    """How much is measured.

    Attributes:
        genes: per locus, for infilling.
        order_genes: per locus, for likelihoods, which take a call per residue and order.
        drawn: uniform orders.
        hidden: residues hidden in a gene.
        sequences: written by each rule.
    """

    genes: int
    order_genes: int
    drawn: int
    hidden: int = 24
    sequences: int


SIZES: dict[ScaleName, AntibodySize] = {
    "smoke": AntibodySize(genes=3, order_genes=2, drawn=2, hidden=16, sequences=2),
    "small": AntibodySize(genes=99, order_genes=16, drawn=4, sequences=16),
    "paper": AntibodySize(genes=99, order_genes=99, drawn=8, sequences=128),
}


def units(size: AntibodySize) -> list[OrdersUnit | InfillUnit | WrittenUnit | GenesUnit]:
    """The likelihoods first: they take longest."""
    return [
        *(OrdersUnit(locus=locus, genes=size.order_genes, drawn=size.drawn) for locus in LOCI),
        *(InfillUnit(locus=locus, genes=size.genes, hidden=size.hidden) for locus in LOCI),
        *(WrittenUnit(rule=rule, sequences=size.sequences) for rule in (VANILLA, TOP, MARGIN)),
        *(GenesUnit(locus=locus) for locus in LOCI),
    ]


def rules(hidden: int) -> list[SamplingRule]:
    """The rules of the figure, one residue per call but for that of trust."""
    return [rule for rule in per_call_rules(hidden, 1) if rule.name in RULES]


def chosen(genes: Sequence[Gene], most: int) -> list[Gene]:
    """``most`` of the genes, evenly spaced."""
    places = np.linspace(0, len(genes) - 1, min(most, len(genes))).round().astype(int)
    return [genes[place] for place in places]


def residue_entropies(sequences: Sequence[Sequence[object]]) -> Float64[np.ndarray, " n"]:
    """Entropy of the letters of each sequence in nats: at most that of twenty equally frequent ones, log 20."""
    shares = [np.unique(np.array(list(one)), return_counts=True)[1] / len(one) for one in sequences]
    return np.array([-(share * np.log(share)).sum() for share in shares])


def _by_length(
    genes: Sequence[Gene], directory: Path, device: torch.device
) -> Iterator[tuple[HuggingFaceDenoiser, np.ndarray]]:
    """Genes of one length as rows of symbols, and the model for that length; the weights are read once."""
    lengths = sorted({len(gene.residues) for gene in genes})
    first = antibody_denoiser(lengths[0], directory, str(device))
    symbol = {letter: i for i, letter in enumerate(_letters(directory))}
    for length in lengths:
        rows = [[symbol[letter] for letter in gene.residues] for gene in genes if len(gene.residues) == length]
        yield HuggingFaceDenoiser(first.model, first.tokens, length), np.array(rows)


def _letters(directory: Path) -> list[str]:
    """The residues in the order of the model's ids: its vocabulary without what stands in brackets."""
    words = (directory / "antiberty/vocab.txt").read_text().split()
    return [word for word in words if not word.startswith("[")]


def _about(locus: Locus) -> Subject:
    return Subject(distribution=locus, fingerprint="", model=MODEL)
