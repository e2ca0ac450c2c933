"""Small models in folders, and the code that comes with two of them kept out of the user's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analysis.pretrained.text_model import TextModel, load_text_model
from tests.analysis.pretrained.tiny_text_models import of_its_own
from tests.lo_theory.denoisers.tiny_models import modules_in


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """In the manner of LLaDA and of Dream, and of LLaDA with special tokens around its texts."""
    pytest.importorskip("transformers")
    with modules_in(tmp_path_factory.mktemp("modules")):
        made = {kind: of_its_own(kind, tmp_path_factory.mktemp(kind)) for kind in ("llada", "Dream")}
        yield {**made, "around": of_its_own("llada", tmp_path_factory.mktemp("around"), around=True)}


@pytest.fixture(scope="module")
def load(folders: dict[str, Path]) -> Callable[..., TextModel]:
    """Load one of them in double precision, in which no two scores tie by rounding."""

    def loaded(kind: str, **options: object) -> TextModel:
        return load_text_model(str(folders[kind]), dtype="float64", remote_code=True, **options)

    return loaded
