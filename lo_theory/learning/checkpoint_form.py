"""What the JSON description inside a checkpoint may hold, by types: files of before are held to them as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from generators.ground.forms import Count, Finite, Form, Hex16, Positive, Seconds, read_form
from lo_theory.learning.choices import Keys, Mlp, OptimizerName, Positions, PrecisionName

Unbounded = Annotated[int, Meta(ge=0)]
"""A number of operations, which may pass 2^63."""


class CoordinatesForm(Form, frozen=True):
    """:class:`~lo_theory.learning.coordinates.GridCoordinates`."""

    rows: int
    columns: int
    box_rows: int
    box_columns: int
    start: int
    triples: bool


class PatchesForm(Form, frozen=True):
    """:class:`~lo_theory.learning.patches.PromptPatches`."""

    tokens: int
    size: int


class NetworkForm(Form, frozen=True):
    """:class:`~lo_theory.learning.network.NetworkConfig`, which judges the ranges.

    Files from before there were coordinates or patches lack those fields, their networks have none; and where there is
    no word of loops, the layers are run once; of orders, none is told; of keys, they are all tokens.
    """

    length: int
    vocabulary: int
    layers: int
    width: int
    heads: int
    hidden: int | None
    mlp: Mlp
    positions: Positions
    causal: bool
    coordinates: dict[str, Any] | None = None
    patches: dict[str, Any] | None = None
    loops: int = 1
    keys: Keys = "all"
    any_order: bool = False


class TrainingForm(Form, frozen=True):
    """:class:`~lo_theory.learning.training.TrainConfig`, and what Muon decays."""

    steps: Positive | None = None
    learning_rate: Finite | None = None
    min_ratio: Finite | None = None
    warmup: Finite | None = None
    weight_decay: Finite | None = None
    betas: tuple[Finite, Finite] | None = None
    clip: Finite | None = None
    seed: Count | None = None
    log_every: Positive | None = None
    checkpoint_every: Positive | None = None
    precision: PrecisionName | None = None
    optimizer: OptimizerName | None = None
    decayed: Literal["all", "blocks"] | None = None


class LatentsFirstForm(Form, frozen=True):
    """:class:`~lo_theory.learning.curriculum.LatentsFirst`."""

    latents: list[Count]
    share: Finite
    keys: Keys = "all"


class MaskedForm(Form, frozen=True):
    """:class:`~lo_theory.learning.objective.MaskedObjective`."""

    objective: str
    reduction: str | None = None
    masker: str | None = None
    curriculum: dict[str, Finite] | None = None
    latents_first: LatentsFirstForm | None = None
    deep_supervision: Finite | None = None


class AutoregressiveForm(Form, frozen=True):
    """:class:`~lo_theory.learning.objective.AutoregressiveObjective`."""

    objective: str
    order: list[Count]
    dropout: Finite | None = None


class AnswerForm(Form, frozen=True):
    """The objectives of :mod:`lo_theory.learning.prompted`."""

    objective: str
    reduction: str | None = None
    draws: Positive | None = None
    deep_supervision: Finite | None = None


class FreshForm(Form, frozen=True):
    """:class:`~lo_theory.learning.source.FreshRows`."""

    source: str
    sample_seed: Count
    batch_size: Positive | None = None


class FixedForm(Form, frozen=True):
    """:class:`~lo_theory.learning.source.FixedRows`."""

    source: str
    digest: Hex16
    shuffle_seed: Count
    batch_size: Positive


class StoredForm(Form, frozen=True):
    """:class:`~lo_theory.learning.stored_rows.StoredRows`."""

    source: str
    fingerprint: Hex16
    sample_seed: Unbounded
    digest: Hex16
    shuffle_seed: Unbounded
    batch_size: Positive


class CheckpointForm(Form, frozen=True):
    """The description; ``log`` since format 2, see :mod:`lo_theory.learning.log`."""

    format: Literal[1, 2]
    checksum: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    torch_version: str
    network: dict[str, Any]
    objective: dict[str, Any]
    source: dict[str, Any]
    training: TrainingForm
    fingerprint: Hex16
    step: Count
    tokens: Unbounded
    flops: Unbounded
    seconds: Seconds
    log: Hex16 | None = None


_OBJECTIVES = {
    "masked": MaskedForm, "autoregressive": AutoregressiveForm, "answer": AnswerForm, "continuation": AnswerForm,
}  # fmt: skip
_SOURCES = {"fresh": FreshForm, "fixed": FixedForm, "stored": StoredForm}


def check_description(form: Mapping[str, Any]) -> None:
    """Raise ValueError unless every field of the description has its type and lies in its range.

    Objectives and sources of other programs have forms of their own, any JSON objects.
    """
    read_form(form, CheckpointForm, what="checkpoint")
    for part, kinds in (("objective", _OBJECTIVES), ("source", _SOURCES)):
        kind = kinds.get(str(form[part].get(part)))
        if kind is not None:
            read_form(form[part], kind, what=f"{part} of a checkpoint")
