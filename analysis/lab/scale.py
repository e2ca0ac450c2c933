"""Scales by name."""

from __future__ import annotations

from typing import Literal

ScaleName = Literal["smoke", "small", "paper"]
"""The same code, another row of numbers: minutes of two cores, up to an hour, the paper's own sizes."""
