"""Test a generator of your own: :func:`check_invariants`, and Hypothesis strategies that draw distributions.

>>> from generators.testing import check_invariants
>>> report = check_invariants(my_generator)          # needs only sample(n, rng) and log_prob(x)
>>> print(report)                                    # what holds, and what could not be judged and why
"""

from generators.testing.broken import Broken, broken_generators
from generators.testing.invariants import INVARIANTS, check_invariants, examine
from generators.testing.report import InvariantViolation, Report, Result
from generators.testing.strategies import (
    arbitrary_sequences,
    distributions,
    keyed_hashes,
    logic_rules,
    masks,
    observation_functions,
    orders,
    predicates,
    priors,
    random_slabs,
    scopes,
    sequences,
)
from generators.testing.subject import Sampler

__all__ = [
    "INVARIANTS",
    "Broken",
    "InvariantViolation",
    "Report",
    "Result",
    "Sampler",
    "arbitrary_sequences",
    "broken_generators",
    "check_invariants",
    "distributions",
    "examine",
    "keyed_hashes",
    "logic_rules",
    "masks",
    "observation_functions",
    "orders",
    "predicates",
    "priors",
    "random_slabs",
    "scopes",
    "sequences",
]
