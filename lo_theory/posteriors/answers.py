"""What a posterior says of a batch in which some rows may have no answer, and what it says of whole sequences."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64


class Status(IntEnum):
    """Whether a row was answered, and why not."""

    DONE = 0
    IMPOSSIBLE = 1
    """Its visible tokens have probability zero."""
    TOO_WIDE = 2
    """The elimination order that was found is beyond ``max_width``, or its tables beyond ``max_bytes``."""
    TOO_LARGE = 3
    """The joint that one masked observation needs is beyond ``max_bytes``; the evidence is known."""
    TOO_SLOW = 4
    """It would take longer than ``max_seconds``; nothing was begun."""


class Answers(NamedTuple):
    """One row of each for every row of the batch; where ``status`` is not ``DONE`` the marginals are NaN."""

    log_marginals: Float64[np.ndarray, "B L V"]
    """Log posterior of every token, in nats."""
    log_evidence: Float64[np.ndarray, "B"]
    """Log probability of the visible tokens, in nats: ``-inf`` where they are impossible, NaN where it is not known."""
    status: Int64[np.ndarray, "B"]
    """Values of :class:`Status`."""


class Completions(NamedTuple):
    """Completed sequences and their log posterior probabilities given the visible tokens, in nats."""

    tokens: Int64[np.ndarray, "*B L"]
    log_probabilities: Float64[np.ndarray, "*B"]
