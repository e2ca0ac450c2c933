"""What an error about impossible tokens names is a minimal set of them, by another posterior's judgement."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lo_theory.posteriors.enumeration import ImpossibleEvidence


def check_minimal_conflict(error, row, expected):
    """The tokens that ``error`` names are impossible together, and no longer without any one of them.

    Args:
        error: of a posterior, on the one row of ``row``, (1, L).
        expected: the posterior that judges.
    """
    mask_id = expected.distribution.mask_id
    named_tokens = {int(i): int(v) for i, v in re.findall(r"x\[(\d+)\] = (\d+)", str(error))}
    conflict = np.full_like(row, mask_id)
    conflict[0, list(named_tokens)] = list(named_tokens.values())
    with pytest.raises(ImpossibleEvidence):
        expected.log_evidence(conflict)
    for i in named_tokens:
        fewer = conflict.copy()
        fewer[0, i] = mask_id
        assert np.isfinite(expected.log_evidence(fewer)).all()
