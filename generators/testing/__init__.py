"""Test a generator of your own: :func:`check_invariants`, and Hypothesis strategies that draw distributions.

>>> from generators import nae_sat
>>> from generators.testing import check_invariants
>>> report = check_invariants(nae_sat(3, 4, structure_seed=0))  # needs only sample(n, rng) and log_prob(x)
>>> report.violated
()
>>> print(report["support"])
passed    support: 20000 sequences lie on the support
          finds impossible sequences in a share 0.00023 of all rows with probability 0.99
>>> report.unjudged
()
"""

from generators.testing.broken import Broken, broken_generators
from generators.testing.invariants import INVARIANTS, check_invariants, examine
from generators.testing.machine import invariants_test, state_machine
from generators.testing.report import InvariantViolation, Power, Report, Result
from generators.testing.strategies import (
    arbitrary_sequences,
    distributions,
    keyed_hashes,
    logic_rules,
    masks,
    observation_functions,
    orders,
    parities,
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
    "Power",
    "Report",
    "Result",
    "Sampler",
    "arbitrary_sequences",
    "broken_generators",
    "check_invariants",
    "distributions",
    "examine",
    "invariants_test",
    "keyed_hashes",
    "logic_rules",
    "masks",
    "observation_functions",
    "orders",
    "parities",
    "predicates",
    "priors",
    "random_slabs",
    "scopes",
    "sequences",
    "state_machine",
]
