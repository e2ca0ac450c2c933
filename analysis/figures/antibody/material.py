"""Weights and sequences, out of two wheels that are read and never installed.

The weights are AntiBERTy's (Ruffolo, Gray and Sulam 2021, arXiv 2112.07782; MIT): a BERT of 26 million parameters
trained on 558 million natural antibody sequences, which loads as a stock ``BertForMaskedLM``. The sequences are human
germline V genes of OGRDB as ``abstar`` ships them (MIT), translated here: real, but no whole antibodies, and the model
has seen thousands of descendants of each.
"""

from __future__ import annotations

import errno
import itertools
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from generators.ground.storage import write_atomic
from lo_theory.denoisers.hugging_face import HuggingFaceDenoiser, load_hugging_face

Locus = Literal["IGHV", "IGKV", "IGLV"]
LOCI: tuple[Locus, ...] = ("IGHV", "IGKV", "IGLV")
VARIABLE = "LO_THEORY_ANTIBODY"
USUAL = Path("build/antibody")
WEIGHTS_WHEEL, GENES_WHEEL = "antiberty-0.1.3-py3-none-any.whl", "abstar-0.8.0-py3-none-any.whl"
_INSIDE = "antiberty/trained_models/"
_MODEL_FILES = {
    "config.json": f"{_INSIDE}AntiBERTy_md_smooth/config.json",
    "pytorch_model.bin": f"{_INSIDE}AntiBERTy_md_smooth/pytorch_model.bin",
    "vocab.txt": f"{_INSIDE}vocab.txt",
}
_GENES_FILE = "abstar/germline_dbs/bcr/human/ungapped/v.fasta"
_BASES, _ACIDS = "TCAG", "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
_CODONS = {"".join(codon): acid for codon, acid in zip(itertools.product(_BASES, repeat=3), _ACIDS, strict=True)}
_UNKNOWN = "X"
_SHORTEST = 90  # residues; a V gene has about a hundred
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, ValueError, OverflowError, RuntimeError)
"""What the standard library says of an archive that was cut off or changed; of unknown methods it is a RuntimeError."""


@dataclass(frozen=True)
class Gene:
    """A germline V gene, by the first of its alleles that is read through to the end.

    Attributes:
        name: of the allele, such as ``IGHV3-7*01``.
        residues: its translation, one letter each.
    """

    name: str
    residues: str


def folder() -> Path:
    """Where the wheels lie: what ``LO_THEORY_ANTIBODY`` names, else build/antibody."""
    return Path(os.environ.get(VARIABLE, USUAL))


def available() -> bool:
    """Whether both wheels are there."""
    return all((folder() / wheel).is_file() for wheel in (WEIGHTS_WHEEL, GENES_WHEEL))


def antibody_denoiser(length: int, directory: Path, device: str = "cpu") -> HuggingFaceDenoiser:
    """The pretrained model for sequences of this length; its three files are unpacked into ``directory``.

    Raises:
        FileNotFoundError: the wheel is not there. ValueError: it is damaged.
    """
    unpacked = directory / "antiberty"
    missing = {name: inside for name, inside in _MODEL_FILES.items() if not (unpacked / name).exists()}
    if missing:
        contents = _read(_wheel(WEIGHTS_WHEEL), list(missing.values()))
        for name, content in zip(missing, contents, strict=True):
            write_atomic(unpacked / name, content)
    return load_hugging_face(unpacked, length, device=device)


def germline_genes(locus: Locus) -> list[Gene]:
    """One allele of each gene of a locus, by name.

    Raises:
        FileNotFoundError: the wheel is not there. ValueError: it is damaged, or has no gene of the locus.
    """
    path = _wheel(GENES_WHEEL)
    (content,) = _read(path, [_GENES_FILE])
    genes = genes_in(content.decode(errors="replace"), locus)
    if not genes:
        raise _damaged(path, f"no gene of {locus} in {_GENES_FILE} is read through")
    return genes


def genes_in(fasta: str, locus: Locus) -> list[Gene]:
    """Genes of a FASTA text of nucleotides; those without an allele that is read through are left out."""
    alleles: dict[str, str] = {}
    for record in fasta.split(">")[1:]:
        head, _, sequence = record.partition("\n")
        alleles[head.split("__")[0].strip()] = translated("".join(sequence.split()).upper())
    genes: dict[str, Gene] = {}
    for name in sorted(alleles):
        residues, gene = alleles[name], name.split("*")[0]
        whole = "*" not in residues and _UNKNOWN not in residues and len(residues) >= _SHORTEST
        if name.startswith(locus) and whole and gene not in genes:
            genes[gene] = Gene(name, residues)
    return list(genes.values())


def translated(nucleotides: str) -> str:
    """Residues of whole codons, ``*`` for a stop and ``X`` where a base is unknown."""
    return "".join(_CODONS.get(nucleotides[i : i + 3], _UNKNOWN) for i in range(0, len(nucleotides) - 2, 3))


def _read(path: Path, inside: Sequence[str]) -> list[bytes]:
    """Files of a wheel, whole by their checksums."""
    try:
        with zipfile.ZipFile(path) as wheel:
            return [wheel.read(name) for name in inside]
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # what a place before the file's beginning gives
            raise
        raise _damaged(path, str(error.args[-1]) if error.args else type(error).__name__) from error


def _damaged(path: Path, why: str) -> ValueError:
    return ValueError(f"{path} is damaged ({why.rstrip('.')}); remove it and fetch it again: make antibody.")


def _wheel(name: str) -> Path:
    path = folder() / name
    if not path.is_file():
        package, version = name.split("-")[:2]
        raise FileNotFoundError(
            f"{path} is not there. In a checkout: make antibody; elsewhere: pip download --no-deps --dest {folder()} "
            f"{package}=={version}, or let {VARIABLE} name a folder that has it."
        )
    return path
