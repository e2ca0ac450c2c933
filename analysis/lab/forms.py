"""What the JSON files of results may hold, by types: units, rows, provenance. Files of before are held to them too."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from generators.ground.forms import Count, Finite, Form, Positive, Seconds, Sha256
from lo_theory.estimate import Method

Role = Literal["latent", "observation"]
Over = Literal["sequences", "seeds"]

Number = Finite | int | Literal["inf", "-inf", "nan"]
"""A number of a row; what is not finite is a text."""
Amount = Finite | int
"""A number that is finite where it applies."""


class RowForm(Form, frozen=True):
    """:class:`~analysis.lab.rows.Row`; rows of before lack columns that came later."""

    distribution: str
    fingerprint: str
    model: str
    experiment: str
    metric: str
    value: Number
    standard_error: Number
    samples: Count
    method: Method
    seed: int | None = None
    over: Over = "sequences"
    position: Count | None = None
    role: Role | None = None
    n_masked: Count | None = None
    latents_masked: Count | None = None
    decoder: str | None = None
    calls: Amount | None = None
    step: Count | None = None
    degree: Amount | None = None
    start: str | None = None
    swept: str | None = None
    at: Number | None = None
    low: Number | None = None
    high: Number | None = None


class ProvenanceForm(Form, frozen=True):
    """:class:`~analysis.lab.provenance.Provenance`."""

    date: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")]
    commit: Annotated[str, Meta(pattern=r"^(unknown|[0-9a-f]{7,64})$")]
    dirty: bool | None
    versions: dict[str, str]
    device: str
    threads: Positive
    seeds: dict[str, int]
    seconds: Seconds | None = None


class UnitForm(Form, frozen=True):
    """A finished unit, without its digest; the name of its file vouches for the configuration."""

    config: dict[str, Any]
    provenance: ProvenanceForm
    rows: list[RowForm]


class OriginForm(Form, frozen=True):
    """An entry of ``provenance.json``: how a unit of the tables beside it was configured and run."""

    config: dict[str, Any]
    provenance: ProvenanceForm


class DigestsForm(Form, frozen=True):
    """``digests.json``, without its own digest: SHA-256 of the tables beside it, by name."""

    files: dict[str, Sha256]
