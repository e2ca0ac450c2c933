"""A model and its tokenizer from files: what can be refused is refused first, whatever fails is said in one line."""

from __future__ import annotations

import operator
import pickle
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

import torch
from torch import nn

from lo_theory.denoisers.published_code import complete, older_code
from lo_theory.denoisers.weights_size import require_room_for

DTypeName = Literal["float32", "bfloat16", "float16", "float64"]


def load_files(
    library: ModuleType, name: str | Path, *, dtype: DTypeName, device: str | torch.device, remote_code: bool
) -> tuple[nn.Module, Any, Any]:
    """The model on its device, its tokenizer and its configuration.

    A model that brings code of its own is loaded by ``AutoModelForMaskedLM`` where it says what that is, else by
    ``AutoModel``, as LLaDA and Dream are.

    Args:
        library: ``transformers``.
    Raises:
        ValueError: no such dtype or device; weights that do not fit into its memory or that have other shapes than the
            configuration says; a layer without weights; code of the model that was not asked for, or that fails.
        OSError: no such folder, or files in it that are missing, cut or damaged; a name that the hub cannot be asked
            for.
    """
    kind, place, where = _dtype(dtype), _device(device), _place(name)
    helped = older_code(library) if remote_code else nullcontext(None)
    with _told(where, remote_code=remote_code), _silence(library), helped as reports:
        config = library.AutoConfig.from_pretrained(where, trust_remote_code=remote_code)
        require_room_for(where, kind, place)
        offered = (getattr(config, "auto_map", None) or {}) if remote_code else {}
        bare = "AutoModel" in offered and "AutoModelForMaskedLM" not in offered
        loader = library.AutoModel if bare else library.AutoModelForMaskedLM
        options = {"config": complete(config) if offered else config, "dtype": kind, "trust_remote_code": remote_code}
        if reports is None:
            model, report = loader.from_pretrained(where, output_loading_info=True, **options)
        else:
            model = loader.from_pretrained(where, **options)
            report = reports[-1] if reports else {"missing_keys": ()}  # its code loads its weights by itself
        if missing := report["missing_keys"]:
            raise ValueError(f"the files of {where} have no weights for {min(missing)}: no masked model of it.")
        tokenizer = library.AutoTokenizer.from_pretrained(where, trust_remote_code=remote_code)
    return model.to(place).eval(), tokenizer, config


def whole_counts(**counts: int) -> None:
    """Refuse counts that are no whole numbers, or below 1.

    Raises:
        ValueError: one of them is.
    """
    for name, count in counts.items():
        try:
            good = operator.index(count) >= 1
        except TypeError:
            good = False
        if not good:
            raise ValueError(f"{name} is a whole number, at least 1; got {count!r}.")


def _dtype(name: DTypeName) -> torch.dtype:
    if name not in get_args(DTypeName):
        raise ValueError(f"dtype is one of {', '.join(get_args(DTypeName))}, as text; got {name!r}.")
    return getattr(torch, name)


def _device(name: str | torch.device) -> torch.device:
    """The device, once something could be put there."""
    try:
        there = torch.device(name)
        torch.empty(1, device=there)
    except (RuntimeError, AssertionError, TypeError, ImportError) as error:
        raise ValueError(
            f"device {str(name)!r} cannot be used here: {_first(error)} Take another, as 'cpu'."
        ) from error
    if there.type == "meta":
        raise ValueError("device 'meta' holds no weights, so nothing is answered there. Take 'cpu', or a real one.")
    return there


def _place(name: str | Path) -> str:
    """The folder or name, once the folder is there and has a configuration."""
    where, folder = str(name), Path(name)
    a_path = isinstance(name, Path) or where.startswith(("/", ".", "~")) or where.count("/") > 1
    if a_path and not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {where}. Give the path of one, or the name of a model on the hub.")
    if folder.is_dir() and not (folder / "config.json").exists():
        raise FileNotFoundError(f"the folder {where} has no config.json, so it holds no model of Hugging Face.")
    return where


@contextmanager
def _told(where: str, *, remote_code: bool) -> Iterator[None]:
    """Whatever goes wrong meanwhile, as an OSError or ValueError of one line that names the model."""
    try:
        yield
    except ValueError:
        raise
    except OSError as error:
        if Path(where).is_dir():
            raise
        raise OSError(
            f"{where} is no folder here, and the hub did not give it as a model: {_first(error)} If a folder is meant, "
            "give its path."
        ) from error
    except (pickle.UnpicklingError, EOFError) as error:
        raise OSError(f"the weights of {where} are damaged or cut, or no weights alone. Fetch them again.") from error
    except (ImportError, SyntaxError) as error:
        if not remote_code:
            raise
        raise ValueError(
            f"the code that comes with {where} cannot be run: {type(error).__name__}: {_first(error)}"
        ) from error
    except Exception as error:  # of a library or of code that comes with the model: it may raise anything
        if "ignore_mismatched_sizes" in str(error):
            raise ValueError(
                f"weights of {where} have other shapes than its config.json says: files of two models, or a changed "
                "configuration."
            ) from error
        raise ValueError(f"{where} cannot be loaded: {type(error).__name__}: {_first(error)}") from error


def _first(error: BaseException) -> str:
    """The first line of a message, as a sentence."""
    lines = str(error).strip().splitlines() or ["no reason given"]
    return lines[0].rstrip(".") + "."


@contextmanager
def _silence(library: ModuleType) -> Iterator[None]:
    """Keep the report on unused weights and the progress bar to the library; what is missing is an error here."""
    logging = library.utils.logging
    level, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
