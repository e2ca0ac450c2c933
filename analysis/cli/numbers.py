"""Whole numbers as people type them: ``1000000``, ``1_000_000`` and ``1e6`` are one number."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from generators.ground.numbers import whole_number as checked_number

_MOST_DIGITS = 18  # of a number with an exponent: those of the largest file or run, and of a 64-bit integer
WHOLE_NUMBERS = ConstructorRegistry()
"""In a ``with`` block around ``tyro.cli``: every option that takes an integer takes it in these ways."""


def whole_number(text: str) -> int:
    """The integer that ``text`` spells, in digits or with an exponent.

    Raises:
        ValueError: it spells none, such as ``ten``, ``1.5`` or ``1e-3``.
    """
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if number.is_finite() and number.adjusted() >= _MOST_DIGITS:
        raise ValueError(f"{text!r} has more than {_MOST_DIGITS} digits.")
    if not number.is_finite() or number != number.to_integral_value():
        raise ValueError(f"{text!r} is not a whole number, such as 1000000, 1_000_000 or 1e6.")
    return int(number)


def require_at_least(least: int, **options: int | None) -> None:
    """Raise ValueError, naming the option as it is typed, if one is given and too small or no 63-bit number."""
    for name, value in options.items():
        if value is not None:
            checked_number(value, f"--{name.replace('_', '-')}", least=least, most=2**63 - 1)


@WHOLE_NUMBERS.primitive_rule
def _integers(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[int] | None:
    if info.type is not int:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT",
        instance_from_str=lambda words: whole_number(words[0]),
        is_instance=lambda value: isinstance(value, int) and not isinstance(value, bool),
        str_from_instance=lambda value: [str(value)],
    )
