"""Ready-made L&O distributions: the families of the paper, each from its sizes and one ``structure_seed``.

Every function draws its scopes, key, directions or rules from ``structure_seed`` alone. The seed of the draws is named
where rows are drawn, so a training and a test set of one distribution share everything that is here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Integer

from generators.distribution import LODistribution
from generators.ground.memory import check_memory
from generators.observations import named_tables as named
from generators.observations.function import ObservationFunction
from generators.observations.keyed_hash import KeyedHash
from generators.observations.noise import Noisy
from generators.observations.predicate import Predicate
from generators.observations.rules.random_rules import random_formulas
from generators.observations.rules.rule import compile_rules
from generators.observations.scopes import ordered_scopes, random_scopes
from generators.observations.slab import RandomSlab, gaussian_directions


def nae_sat(
    n_latents: int,
    n_observations: int,
    *,
    arity: int = 3,
    latent_alphabet: int = 2,
    structure_seed: int,
    order: Integer[np.ndarray, "L"] | None = None,
) -> LODistribution:
    """L&O-NAE-SAT (paper Sec. 2.1): not-all-equal over random distinct ``arity``-tuples, uniform prior.

    The paper's sizes are (20, 280) for the task errors and (25, 275) to (100, 200) for table 1. It does not state m;
    two values of a latent (``latent_alphabet=2``) is the reading under which its vocabulary of data tokens is {0, 1}.

    Raises:
        ValueError: ``arity > n_latents`` or ``latent_alphabet < 2``.

    >>> distribution = nae_sat(3, 2, structure_seed=0)
    >>> distribution.observe(np.array([[0, 0, 0], [0, 1, 0]])).tolist()
    [[0, 0], [1, 1]]
    """
    table = named.nae(arity=arity, latent_alphabet=latent_alphabet)
    return predicate_csp(table, n_latents, n_observations, structure_seed=structure_seed, order=order)


def predicate_csp(
    table: Integer[np.ndarray, "..."],
    n_latents: int,
    n_observations: int,
    *,
    structure_seed: int,
    prior: Float[np.ndarray, "m"] | None = None,
    noise: float = 0.0,
    alphabet: int | None = None,
    order: Integer[np.ndarray, "L"] | None = None,
) -> LODistribution:
    """One predicate over random distinct tuples of latents.

    Args:
        table: truth table ``(m,) * k``; ``generators.observations.named_tables`` has the usual ones.
        prior: uniform over m values if not given.
        noise: rate of the symmetric channel on every observation.
        alphabet: values of an observation; by default the largest entry of the table plus one, at least 2.
    Raises:
        ValueError: ``k > n_latents``, a table, prior, noise or order that the parts refuse.
    """
    table = np.asarray(table)
    _check_table_shape(table)
    scopes = random_scopes(n_latents, n_observations, arity=table.ndim, structure_seed=structure_seed)
    return _distribution(_predicate(table, scopes, alphabet), n_latents, prior, noise, order)


def every_subset(
    table: Integer[np.ndarray, "..."],
    n_latents: int,
    *,
    prior: Float[np.ndarray, "m"] | None = None,
    noise: float = 0.0,
    alphabet: int | None = None,
    order: Integer[np.ndarray, "L"] | None = None,
) -> LODistribution:
    """Sparse predicate observations (Example 3.2): one for *every* ordered k-subset, P = N! / (N - k)!; no randomness.

    Raises:
        ValueError: ``k > n_latents``, more than ten million observations, or parts that do not fit.
    """
    table = np.asarray(table)
    _check_table_shape(table)
    return _distribution(
        _predicate(table, ordered_scopes(n_latents, arity=table.ndim), alphabet), n_latents, prior, noise, order
    )


def sparse_parity(
    n_latents: int,
    n_observations: int,
    *,
    arity: int,
    noise: float,
    structure_seed: int,
    order: Integer[np.ndarray, "L"] | None = None,
) -> LODistribution:
    """Noisy sparse parities (Example B.1): the XOR of ``arity`` random bits, flipped with probability ``noise``.

    The paper's regime is N**2 log N << P <= N**(0.49 k) with an inverse-polynomial rate; without noise Gaussian
    elimination inverts the parities. A value here is the parity itself, 1 if it is odd.

    Raises:
        ValueError: ``arity > n_latents`` or a rate outside [0, 1].
    """
    table = named.parity(arity=arity)
    return predicate_csp(table, n_latents, n_observations, structure_seed=structure_seed, noise=noise, order=order)


def random_slabs(
    n_latents: int,
    n_observations: int,
    width: float,
    *,
    structure_seed: int,
    noise: float = 0.0,
    order: Integer[np.ndarray, "L"] | None = None,
) -> LODistribution:
    """Random slabs (Example B.4): 1 iff ``|<z_j, 2x - 1>| < width * sqrt(N)``, z_j standard Gaussian; bits.

    Raises:
        ValueError: a width that is not positive and finite.
    """
    directions = gaussian_directions(n_latents, n_observations, structure_seed=structure_seed)
    return _distribution(RandomSlab(directions, width), n_latents, None, noise, order)


def local_hash(
    n_latents: int,
    n_observations: int,
    *,
    arity: int = 3,
    alphabet: int = 2,
    latent_alphabet: int = 2,
    structure_seed: int,
    noise: float = 0.0,
    order: Integer[np.ndarray, "L"] | None = None,
) -> LODistribution:
    """A keyed hash of random small scopes: every observation is a random local function, easy forwards.

    Args:
        alphabet: values of an observation.
        latent_alphabet: values of a latent, uniform.
    Raises:
        ValueError: ``arity > n_latents`` or an alphabet below 2.
    """
    scopes = random_scopes(n_latents, n_observations, arity=arity, structure_seed=structure_seed)
    hashed = KeyedHash.from_seed(
        scopes, structure_seed=structure_seed, alphabet=alphabet, latent_alphabet=latent_alphabet
    )
    return _distribution(hashed, n_latents, None, noise, order)


def whole_hash(
    n_latents: int,
    n_observations: int,
    *,
    alphabet: int = 2,
    latent_alphabet: int = 2,
    structure_seed: int,
    order: Integer[np.ndarray, "L"] | None = None,
) -> LODistribution:
    """A keyed hash of all latents: one-way in earnest, and not learnable forwards either (see :class:`KeyedHash`).

    With few latents (``latent_alphabet ** n_latents`` up to some millions) a large network can still memorise it.

    Raises:
        ValueError: an alphabet below 2, or scopes that do not fit into memory.
    """
    check_memory(
        24 * n_observations * n_latents,
        what=f"{n_observations} scopes of {n_latents} latents",
        advice="Use fewer latents or observations.",
    )
    scopes = np.tile(np.arange(n_latents, dtype=np.int64), (n_observations, 1))
    hashed = KeyedHash.from_seed(
        scopes, structure_seed=structure_seed, alphabet=alphabet, latent_alphabet=latent_alphabet
    )
    return _distribution(hashed, n_latents, None, 0.0, order)


def logic_rules(
    rules: Sequence[str],
    n_latents: int,
    *,
    latent_alphabet: int = 2,
    names: Sequence[str] | None = None,
    prior: Float[np.ndarray, "m"] | None = None,
    noise: float = 0.0,
    order: Integer[np.ndarray, "L"] | None = None,
) -> LODistribution:
    """One observation per written rule, 1 where the rule holds.

    ``generators.observations.rules.random_rules`` draws lists of rules.

    Raises:
        RuleSyntaxError: a rule that cannot be read, shown with a caret at the place.
        ValueError: no rules, names that do not fit, or a rule of too many latents.

    >>> weather = logic_rules(["rain implies wet", "rain xor wind"], 3, names=["rain", "wind", "wet"])
    >>> weather.observe(np.array([[1, 0, 0]])).tolist()
    [[0, 1]]
    """
    compiled = compile_rules(rules, n_latents, latent_alphabet=latent_alphabet, names=names)
    return _distribution(compiled, n_latents, prior, noise, order)


def random_logic(
    n_latents: int,
    n_observations: int,
    *,
    size: int = 4,
    arity: int = 3,
    latent_alphabet: int = 2,
    balanced: bool = True,
    structure_seed: int,
    noise: float = 0.0,
    order: Integer[np.ndarray, "L"] | None = None,
) -> LODistribution:
    """Random formulas of ``size`` literals over ``arity`` latents each, all different as functions.

    Args:
        balanced: keep formulas that hold on a quarter to three quarters of the assignments of their scope.
    Raises:
        ValueError: ``arity > n_latents``, ``size < arity``, or fewer such formulas exist than are asked for.
    """
    rules = random_formulas(
        n_latents,
        n_observations,
        size=size,
        structure_seed=structure_seed,
        arity=arity,
        latent_alphabet=latent_alphabet,
        balanced=balanced,
    )
    return logic_rules(rules, n_latents, latent_alphabet=latent_alphabet, noise=noise, order=order)


def _check_table_shape(table: np.ndarray) -> None:
    if table.ndim < 1 or table.size == 0:
        raise ValueError(f"a truth table has shape (m,) * k with m >= 2 and k >= 1; got shape {table.shape}.")


def _predicate(table: np.ndarray, scopes: Integer[np.ndarray, "P k"], alphabet: int | None) -> Predicate:
    return Predicate(table, scopes, max(2, int(table.max()) + 1) if alphabet is None else alphabet)


def _distribution(
    function: ObservationFunction,
    n_latents: int,
    prior: Float[np.ndarray, "m"] | None,
    noise: float,
    order: Integer[np.ndarray, "L"] | None,
) -> LODistribution:
    m = function.latent_alphabet
    chosen = np.full(m, 1.0 / m) if prior is None else np.asarray(prior, dtype=np.float64)
    return LODistribution(chosen, n_latents, (Noisy(function, noise) if noise else function,), order)
