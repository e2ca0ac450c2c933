"""The figure of a pretrained model: genes read aright, every number where it belongs; the weights if they are there."""

from __future__ import annotations

import math
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.figures.antibody import material, units
from analysis.figures.antibody.material import antibody_denoiser, genes_in, germline_genes, translated
from analysis.figures.antibody.plot import draw_antibody
from analysis.figures.antibody.report import EXPERIMENT, antibody_checks
from analysis.figures.antibody.units import (
    BEYOND,
    ENTROPY,
    RULES,
    InfillUnit,
    OrdersUnit,
    WrittenUnit,
    chosen,
    residue_entropies,
)
from analysis.lab.rows import Rows
from analysis.measures.infilling import NATS, RIGHT, SPREAD
from lo_theory.denoisers.data_tokens import DataTokens
from lo_theory.denoisers.hugging_face import HuggingFaceDenoiser

CPU = torch.device("cpu")
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
FORWARD = "GCT" * 95  # 95 alanines
FASTA = f"""
>IGHV1-1*02__homo_sapiens
{FORWARD}
>IGHV1-1*01__homo_sapiens
{"GCT" * 40}TAA{"GCT" * 60}
>IGHV2-1*01__homo_sapiens
{"TGG" * 50}
{"TGG" * 46}T
>IGHV3-1*01__homo_sapiens
{"GCT" * 89}
>IGKV1-1*01__homo_sapiens
{FORWARD}
>IGHV4-1*01__homo_sapiens
{"GCN" * 95}
"""
needs_wheels = pytest.mark.skipif(not material.available(), reason="needs the wheels of make antibody")


class Skewed(torch.nn.Module):
    """Knows that every residue is alanine with probability 1/2, whatever is visible."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, input_ids):
        probability = torch.full((25,), 0.5 / 19, dtype=torch.float64)
        probability[5] = 0.5
        logits = self.scale * probability.log().expand(*input_ids.shape, 25)
        return type("Answers", (), {"logits": logits})()


@pytest.fixture
def genes(tmp_path, monkeypatch):
    """Wheels with five genes, and a model that is not the real one."""
    monkeypatch.setenv(material.VARIABLE, str(tmp_path))
    with zipfile.ZipFile(tmp_path / material.GENES_WHEEL, "w") as wheel:
        wheel.writestr("abstar/germline_dbs/bcr/human/ungapped/v.fasta", FASTA)
    (tmp_path / "antiberty").mkdir()
    (tmp_path / "antiberty/vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]))
    tokens = DataTokens(tuple(range(5, 25)), mask=4, pad=0, before=(2,), after=(3,))

    def fake(length, directory, device="cpu"):
        return HuggingFaceDenoiser(Skewed(), tokens, length)

    monkeypatch.setattr(units, "antibody_denoiser", fake)
    return tmp_path


def rows_of(unit, directory):
    return Rows(unit.measure(directory, CPU))


def test_the_genetic_code():
    assert translated("ATGTGGTAATAGTGATTTGGGNNNAT") == "MW***FGX"
    assert len(material._CODONS) == 64
    assert sorted(set(material._CODONS.values())) == sorted(f"*{LETTERS}")


def test_the_first_allele_that_is_read_through():
    """A stop, an unknown base and a stump are no gene; the order is by name."""
    assert [(gene.name, gene.residues) for gene in genes_in(FASTA, "IGHV")] == [
        ("IGHV1-1*02", "A" * 95),
        ("IGHV2-1*01", "W" * 96),
    ]
    assert [gene.name for gene in genes_in(FASTA, "IGKV")] == ["IGKV1-1*01"]


def test_genes_are_chosen_evenly():
    some = genes_in(FASTA, "IGHV")
    assert chosen(some, 9) == some
    assert chosen(some, 1) == some[:1]


def test_entropy_of_residues():
    assert residue_entropies(["AAAA", "ACAC", [1, 2, 3, 4]]) == pytest.approx([0, math.log(2), math.log(4)])


def test_likelihoods_along_orders(genes):
    """Of independent residues every order costs the same: log 2 for each alanine, log 38 for each tryptophan."""
    rows = rows_of(OrdersUnit(locus="IGHV", genes=9, drawn=2), genes)
    each = (math.log(2) + math.log(38)) / 2
    assert [row.value for row in rows.where(metric=NATS)] == pytest.approx([each] * 3)
    assert rows.where(metric=NATS).values("decoder") == ["left to right", "right to left", "uniform"]
    assert rows.one(metric=SPREAD).value == pytest.approx(0, abs=1e-9)
    assert {row.samples for row in rows} == {2}


def test_infilling(genes):
    """Hidden alanines come back half the time: 24 of each rule in one gene, five deviations."""
    rows = rows_of(InfillUnit(locus="IGKV", genes=9, hidden=24), genes)
    assert tuple(rows.where(metric=RIGHT).values("decoder")) == RULES
    for row in rows.where(metric=RIGHT):
        assert abs(row.value - 0.5) < 5 * 0.5 / math.sqrt(24)
        blind = rows.one(metric=RIGHT, decoder="vanilla").value
        if row.decoder != "vanilla":
            assert rows.one(metric=BEYOND, decoder=row.decoder).value == pytest.approx(row.value - blind)
        assert row.n_masked == 24
    assert rows.one(metric=RIGHT, decoder="margin").calls == 24


def test_written_sequences(genes):
    """Their own cost per residue is the entropy of the answers, log 2 / 2 + log 38 / 2, within five deviations."""
    rows = rows_of(WrittenUnit(rule="margin", sequences=8, length=50), genes)
    expected, deviation = (math.log(2) + math.log(38)) / 2, math.log(19) / 2
    assert abs(rows.one(metric="own_nats_per_token").value - expected) < 5 * deviation / math.sqrt(400)
    assert 0 < rows.one(metric=ENTROPY).value < math.log(20)


def test_from_units_to_the_page(genes, tmp_path, monkeypatch):
    monkeypatch.setattr(units, "LOCI", ("IGHV", "IGKV"))
    size = units.AntibodySize(genes=2, order_genes=2, drawn=1, hidden=4, sequences=2)
    monkeypatch.setattr(units, "germline_genes", lambda locus: genes_in(FASTA, "IGHV"))
    rows = Rows(row for unit in units.units(size) for row in rows_of(unit, genes))
    assert len(draw_antibody(rows).axes) == 2
    cheap = Rows(replace(row, value=-1.0) if row.decoder == "right to left" else row for row in rows)
    assert draw_antibody(cheap).get_suptitle().endswith(": right to left costs least")
    parted = Rows(
        replace(row, value=-2.0) if (row.decoder, row.distribution) == ("uniform", "IGKV") else row for row in cheap
    )
    assert draw_antibody(parted).get_suptitle().endswith("V genes")
    checks = antibody_checks(rows)
    assert [check.met for check in checks if "standard deviation" in check.text] == [False, False]
    assert len(checks) == 2 + 2 * 2
    assert list(EXPERIMENT.figures(rows, size)) == ["antibody"]


def test_without_the_wheels_the_way_out_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv(material.VARIABLE, str(tmp_path))
    assert not material.available()
    for call in (lambda: germline_genes("IGHV"), lambda: antibody_denoiser(98, tmp_path)):
        with pytest.raises(FileNotFoundError, match=r"make antibody; elsewhere: pip download --no-deps"):
            call()


def damaged(kind, whole):
    """The bytes of a wheel with one fault."""
    if kind == "flipped":
        at = whole.index(b"GCTGCT")
        return whole[:at] + b"A" + whole[at + 1 :]
    return {"empty": b"", "cut": whole[:-30], "moved": whole[40:]}[kind]


@pytest.mark.parametrize("kind", ["empty", "cut", "flipped", "moved"])
def test_a_damaged_wheel_is_named(genes, kind, tmp_path):
    path = tmp_path / material.GENES_WHEEL
    path.write_bytes(damaged(kind, path.read_bytes()))
    with pytest.raises(ValueError, match=rf"{material.GENES_WHEEL} is damaged \(.+\); remove it .* make antibody\.$"):
        germline_genes("IGHV")


def test_a_wheel_without_what_is_looked_for(genes, tmp_path):
    with pytest.raises(ValueError, match=r"is damaged \(no gene of IGLV in .*v\.fasta is read through\)"):
        rows_of(OrdersUnit(locus="IGLV", genes=2, drawn=1), genes)
    (tmp_path / material.GENES_WHEEL).rename(tmp_path / material.WEIGHTS_WHEEL)
    with pytest.raises(
        ValueError, match=r"antiberty.* is damaged \(There is no item named .*config\.json.*in the arch"
    ):
        antibody_denoiser(98, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@needs_wheels
def test_the_real_genes_and_weights(tmp_path):
    """Twenty residues in the order of the alphabet, and a model that knows a conserved one: the first cysteine."""
    assert [len(germline_genes(locus)) > 30 for locus in material.LOCI] == [True] * 3
    gene = next(gene for gene in germline_genes("IGHV") if gene.name == "IGHV3-7*01")
    denoiser = antibody_denoiser(len(gene.residues), tmp_path)
    assert "".join(units._letters(tmp_path)) == LETTERS
    tokens = torch.tensor([[LETTERS.index(letter) for letter in gene.residues]])
    place = gene.residues.index("C")
    tokens[0, place] = denoiser.vocabulary
    answer = denoiser(tokens)[0, place].exp()
    assert answer.sum() == pytest.approx(1, abs=1e-5)
    assert LETTERS[int(answer.argmax())] == "C"
    assert np.isfinite(denoiser(tokens)[0, place].numpy()).all()
