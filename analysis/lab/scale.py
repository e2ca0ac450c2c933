"""Scales by name."""

from __future__ import annotations

from typing import Literal

ScaleName = Literal["smoke", "small", "long", "paper"]
"""The same code, another row of numbers, ascending: minutes of two cores, up to an hour, hours of them in pieces, the
paper's own sizes with networks for a GPU. Every experiment has three of them; few have ``long``."""
