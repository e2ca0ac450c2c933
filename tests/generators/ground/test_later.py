"""A field that came later leaves no trace at its default, however deep it lies; at any other value it is told."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from generators.ground.later import later, plain


@dataclass(frozen=True)
class Old:
    size: int = 3
    names: tuple[str, ...] = ("a", "b")
    beside: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class New(Old):
    loops: int = later(1)
    inner: tuple[Any, ...] = later(())


@dataclass(frozen=True)
class Newer(New):
    """Inherited fields stay what they are."""

    seed: int = 0


@given(size=st.integers(), names=st.lists(st.text()), beside=st.dictionaries(st.text(), st.integers()))
def test_at_its_default_a_value_has_the_form_of_before(size, names, beside):
    old = Old(size, tuple(names), beside)
    assert plain(New(**vars(old))) == plain(old) == dataclasses.asdict(old) | {"names": names}
    assert plain(Newer(**vars(old))) == plain(old) | {"seed": 0}


@given(loops=st.integers(2, 9))
def test_at_another_value_it_is_told_wherever_the_dataclass_lies(loops):
    told = plain(New(loops=loops))
    assert told == plain(Old()) | {"loops": loops}
    within = New(beside={"one": [New(loops=loops), New()]}, inner=(New(loops=loops),))
    assert plain(within) == plain(Old()) | {"beside": {"one": [told, plain(Old())]}, "inner": [told]}
    assert New(loops=loops) == New(**told | {"names": ("a", "b")})


def test_a_class_and_a_number_are_passed_on():
    assert plain(New) is New
    assert plain(1.5) == 1.5
