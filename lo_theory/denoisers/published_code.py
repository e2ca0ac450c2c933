"""Code that comes with a model and was written for transformers 4, made to load under transformers 5.

What the published classes of LLaDA and Dream do, and what version 5 makes of it:

- LLaDA's constructor never calls ``post_init()``, which sets ``all_tied_weights_keys``: AttributeError at loading.
- LLaDA's ``tie_weights(self)`` takes no keywords, and is called with some: TypeError at loading.
- LLaDA's ``forward`` reads ``config.use_cache``, which the configuration drops as a setting of generation:
  AttributeError at the first call.
- Dream's rotary layer looks up ``ROPE_INIT_FUNCTIONS["default"]``, which is gone: KeyError at construction.
- Dream keeps its rotary frequencies in a buffer that is in no file. Models are built without memory, and such a buffer
  is filled again by ``_init_weights``, which Dream overrides: it would hold whatever was in memory, without an error.
- Dream's ``from_pretrained`` sets an attribute of what the library's returns, which is a pair where the report on
  missing weights is asked for: AttributeError.
- There Dream also reads settings of generation into a class of its own, whose ``validate(self, is_init)`` is called
  with other keywords: TypeError.

All of it is mended while a model is loaded, for its code alone, and undone afterwards.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

_ABSENT = object()


@contextmanager
def older_code(library: ModuleType) -> Iterator[list[dict[str, Any]]]:
    """Let models load whose code was written for transformers 4; the classes are as they were at the end.

    Not for two threads that load at once: classes of the library are changed meanwhile.

    Args:
        library: ``transformers``.
    Returns:
        A list that gets the library's report of each model that is loaded, with its ``missing_keys``; the last one is
        that of the outermost model. A model whose code loads its weights by itself leaves none.
    """
    base, rules, reports = library.PreTrainedModel, library.modeling_rope_utils.ROPE_INIT_FUNCTIONS, []
    with ExitStack() as undo:
        undo.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
        if "default" not in rules:
            rules["default"] = default_rope
            undo.callback(rules.pop, "default", None)
        if not hasattr(base, "all_tied_weights_keys"):
            undo.enter_context(_swapped(base, "all_tied_weights_keys", {}))
        load = vars(base)["from_pretrained"].__func__
        undo.enter_context(_swapped(base, "from_pretrained", classmethod(_reporting(load, base, reports))))
        settings = library.GenerationConfig
        read = vars(settings)["from_dict"].__func__
        undo.enter_context(_swapped(settings, "from_dict", classmethod(_lenient(read))))
        yield reports


def complete(config: Any) -> Any:
    """The configuration, with the settings of generation that the code of a model reads from it."""
    if not hasattr(config, "use_cache"):
        config.use_cache = False
    return config


def default_rope(
    config: Any = None, device: torch.device | None = None, seq_len: int | None = None, **given: Any
) -> tuple[Float[Tensor, " half"], float]:
    """Frequencies of rotary positions without scaling, and the factor 1, as ``ROPE_INIT_FUNCTIONS["default"]`` did.

    Args:
        config: has ``rope_theta`` or ``rope_parameters``, and ``head_dim`` or ``hidden_size``; None where ``dim`` and
            ``base`` are given.
        seq_len: unused; other rules depend on it.
    """
    if config is None:
        base, width = given["base"], given["dim"]
    else:
        settings = getattr(config, "rope_parameters", None) or {}
        base = settings.get("rope_theta") or config.rope_theta
        heads = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        share = settings.get("partial_rotary_factor") or getattr(config, "partial_rotary_factor", None) or 1
        width = int(heads * share)
    even = torch.arange(0, width, 2, dtype=torch.int64, device=device).float()
    return 1 / base ** (even / width), 1.0


def _reporting(load: Callable[..., Any], base: Any, reports: list[dict[str, Any]]) -> Callable[..., Any]:
    """``from_pretrained`` that keeps its report instead of returning it, and mends what class and buffers need."""

    def from_pretrained(cls: Any, *args: Any, **options: Any) -> Any:
        asked = options.pop("output_loading_info", False)
        with ExitStack() as undo:
            undo.enter_context(_unknown_dropped(cls, "tie_weights", "missing_keys"))
            buffers = undo.enter_context(_buffers_kept(base))
            model, report = load(cls, *args, output_loading_info=True, **options)
        for module, name, value in buffers:
            module._buffers[name] = value  # on the CPU, as all of the model is
        if "all_tied_weights_keys" not in vars(model):
            model.all_tied_weights_keys = {}
        reports.append(report)
        return (model, report) if asked else model

    return from_pretrained


@contextmanager
def _buffers_kept(base: Any) -> Iterator[list[tuple[nn.Module, str, Tensor]]]:
    """Build models with real buffers and with parameters that take no memory until they are read.

    The list gets the buffers that are in no file, as the constructor left them.
    """
    plain, kept = vars(base)["get_init_context"].__func__, []

    def get_init_context(cls: Any, *args: Any, **options: Any) -> list[Any]:
        without_memory = plain(cls, *args, **options)
        return [*(c for c in without_memory if not isinstance(c, torch.device)), _built(base, kept)]

    with _swapped(base, "get_init_context", classmethod(get_init_context)):
        yield kept


@contextmanager
def _built(base: Any, kept: list[tuple[nn.Module, str, Tensor]]) -> Iterator[None]:
    """While a model is constructed: its parameters without memory, its other buffers noted at the end."""
    register_parameter, register_buffer, seen = nn.Module.register_parameter, nn.Module.register_buffer, []

    def parameter(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        if param is not None and not param.is_meta:
            param = nn.Parameter(param.detach().to("meta"), requires_grad=param.requires_grad)
        register_parameter(self, name, param)

    def buffer(self: nn.Module, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        register_buffer(self, name, tensor, persistent)
        seen.append((self, name))

    with (
        _swapped(nn.Module, "register_parameter", parameter),
        _swapped(nn.Module, "register_buffer", buffer),
        _swapped(base, "init_weights", lambda self: None),
    ):
        yield
    for module, name in seen:
        value = module._buffers.get(name)
        if value is not None and name in module._non_persistent_buffers_set and not value.is_meta:
            kept.append((module, name, value))


def _lenient(read: Callable[..., Any]) -> Callable[..., Any]:
    """``GenerationConfig.from_dict`` for classes whose ``validate`` is of before."""

    def from_dict(cls: Any, *args: Any, **options: Any) -> Any:
        with _unknown_dropped(cls, "validate", "user_set_attributes"):
            return read(cls, *args, **options)

    return from_dict


@contextmanager
def _unknown_dropped(owner: Any, name: str, keyword: str) -> Iterator[None]:
    """Where a method does not take this keyword, let it be called with any, and get those that it knows."""
    method = getattr(owner, name)
    known = inspect.signature(method).parameters
    if keyword in known or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values()):
        yield
        return

    def called(self: Any, *args: Any, **given: Any) -> Any:
        return method(self, *args, **{key: value for key, value in given.items() if key in known})

    with _swapped(owner, name, called):
        yield


@contextmanager
def _swapped(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Give a class another attribute, and take it away again."""
    before = vars(owner).get(name, _ABSENT)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
