"""The JSON file of a distribution, such as the one beside a checkpoint, or the manifest of a dataset.

The former has no digest of its own: the checkpoint carries the distribution's fingerprint, which covers every field.
"""

from __future__ import annotations

from pathlib import Path

from generators.datasets.manifest import FORMAT as MANIFEST_FORMAT
from generators.datasets.manifest import UNSEALED, read_manifest
from generators.distribution import LODistribution
from generators.ground.codec import seal
from generators.ground.storage import read_json, write_json_atomic

DISTRIBUTION_NAME = "distribution.json"


def read_distribution(path: Path) -> LODistribution:
    """The distribution in a JSON file, which may also be the manifest of a dataset.

    Raises:
        OSError: as the system reports it.
        ValueError: the file holds none, or a manifest that is damaged; the message names it.
    """
    form = read_json(path)
    try:
        if isinstance(form, dict) and form.get("format") in (MANIFEST_FORMAT, UNSEALED):
            form = read_manifest(path)[0]["distribution"]
        return LODistribution.from_json(form)
    except ValueError as error:
        raise ValueError(f"{path} holds no distribution: {error}") from error


def save_distribution(distribution: LODistribution, directory: Path, *, replace: bool = False) -> None:
    """Write ``distribution.json`` beside the checkpoint, sealed by a digest.

    Args:
        replace: also over another distribution, because the model there is thrown away.
    Raises:
        ValueError: the directory already holds another distribution.
    """
    path = directory / DISTRIBUTION_NAME
    if not replace and path.exists() and (there := read_distribution(path)) != distribution:
        raise ValueError(
            f"{directory} holds a model of distribution {there.fingerprint}, not {distribution.fingerprint}. "
            "Choose another directory with --out, or throw that model away with --restart."
        )
    write_json_atomic(path, seal(distribution.to_json()))
