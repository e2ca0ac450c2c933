"""A second opinion on the exact posterior: the same distribution as a Bayesian network of the library pyAgrum."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float64, Integer

from generators.distribution import LODistribution
from generators.ground.optional import optional_library
from generators.observations.function import ObservationFunction
from lo_theory.posteriors.factors import checked_tokens, observation_tables

Method = Literal["elimination", "propagation"]


class LibraryPosterior:
    """``p(x_i | visible tokens)`` by pyAgrum's own algorithms, for tests and benchmarks; slow, and independent of ours.

    Every token is a variable: latents are roots, an observation's conditional table is its channel over its scope. No
    use is made of what those tables look like, so nothing is shared with ``EliminatedPosterior`` but the truth tables.

    Args:
        distribution: any alphabets, prior and noise, as long as each observation reads few latents.
        method: "elimination" asks once per token, whatever is asked; "propagation" calibrates one junction tree (lazy
            propagation) for all that is asked, which needs the scope of every asked observation within a clique.
        max_width: "propagation" refuses a junction tree whose largest clique has more than ``max_width + 1`` tokens.
    Raises:
        ModuleNotFoundError: pyAgrum is not installed; the message says how to.
        ValueError: an unknown method, or an observation of too many latents to be tabulated.
    Cost: measured by ``benchmarks/posterior_libraries.py``: milliseconds per query.
    """

    def __init__(self, distribution: LODistribution, method: Method = "elimination", *, max_width: int = 20) -> None:
        if method not in get_args(Method):
            raise ValueError(f"method must be one of {get_args(Method)}; got {method!r}.")
        self.distribution, self.method, self.max_width = distribution, method, max_width
        self.length, self.vocabulary, self.mask_id = distribution.length, distribution.vocabulary, distribution.mask_id
        self._library = pyagrum()
        self._network = bayesian_network(distribution)

    def log_marginals(self, tokens: Integer[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L V"]:
        """Log posterior of every token, as :meth:`EliminatedPosterior.log_marginals` has it.

        Raises:
            TypeError: tokens that are no integers.
            ValueError: wrong length, a token outside ``range(V + 1)``, or a junction tree that is too wide.
        """
        tokens = checked_tokens(tokens, self.length, self.vocabulary)
        marginals = np.zeros((len(tokens), self.length, self.vocabulary))
        for row, into in zip(tokens, marginals, strict=True):
            asked = np.flatnonzero(row == self.mask_id)
            into[asked] = self.marginals(row, asked)
            seen = np.flatnonzero(row != self.mask_id)
            into[seen, row[seen]] = 1.0
        with np.errstate(divide="ignore"):
            return np.log(marginals, out=marginals)

    def marginals(
        self, row: Integer[np.ndarray, "L"], positions: Integer[np.ndarray, "n"]
    ) -> Float64[np.ndarray, "n V"]:
        """Posterior of the masked tokens at ``positions`` of one sequence; nothing is computed for the others.

        Raises:
            ValueError: the junction tree is too wide.
        """
        kinds = {"elimination": "VariableElimination", "propagation": "LazyPropagation"}
        inference = getattr(self._library, kinds[self.method])(self._network)
        inference.setNumberOfThreads(1)
        inference.setEvidence({_name(i): int(value) for i, value in enumerate(row) if value != self.mask_id})
        if self.method == "propagation":
            inference.setTargets({_name(i) for i in positions})
            self._refuse_wide(inference)
            inference.makeInference()
        answers = np.zeros((len(positions), self.vocabulary))
        for answer, position in zip(answers, positions, strict=True):
            found = inference.posterior(_name(position)).toarray()
            answer[: len(found)] = found
        return answers

    def _refuse_wide(self, inference: Any) -> None:
        tree = inference.junctionTree()
        width = max((len(tree.clique(node)) for node in tree.nodes()), default=1) - 1
        if width > self.max_width:
            raise ValueError(
                f"the junction tree has width {width}, more than max_width = {self.max_width}; ask for fewer "
                "observations, or take method='elimination', which asks once per token."
            )


def bayesian_network(distribution: LODistribution) -> Any:
    """The distribution as a ``pyagrum.BayesNet`` with one variable ``x<position>`` per token.

    Raises:
        ModuleNotFoundError: pyAgrum is not installed.
        ValueError: an observation of too many latents to be tabulated.
    """
    library = pyagrum()
    network = library.BayesNet()
    for position in distribution.latent_positions:
        network.add(library.RangeVariable(_name(position), "", 0, distribution.alphabet - 1))
        network.cpt(_name(position))[:] = distribution.prior
    positions = iter(distribution.observation_positions)
    for function in distribution.functions:
        for table, scope in zip(observation_tables(function), function.scopes, strict=True):
            _add_observation(network, library, _name(next(positions)), function, table, _latents(distribution, scope))
    return network


def pyagrum() -> ModuleType:
    """The library, loaded when it is asked for.

    Raises:
        MissingLibraryError: it is not installed; the message says how to.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its extension crashes where a warning while it is loaded is made an error
        return optional_library("pyagrum", "this second opinion")


def _add_observation(
    network: Any, library: ModuleType, name: str, function: ObservationFunction, table: np.ndarray, parents: list[str]
) -> None:
    """Add variable ``name`` with the table ``p(y | z)``, (m,) * k + (alphabet,)."""
    network.add(library.RangeVariable(name, "", 0, function.alphabet - 1))
    for parent in parents:
        network.addArc(parent, name)
    kept = np.eye(function.alphabet)[table]
    channel = (1 - function.noise) * kept + function.noise / max(function.alphabet - 1, 1) * (1 - kept)
    axes = network.cpt(name).names[:0:-1]  # the library lists its axes last first, the variable itself at the head
    order = [parents.index(parent) for parent in axes]
    network.cpt(name)[:] = np.ascontiguousarray(channel.transpose([*order, len(parents)]))


def _latents(distribution: LODistribution, scope: Integer[np.ndarray, "k"]) -> list[str]:
    return [_name(position) for position in distribution.latent_positions[scope].tolist()]


def _name(position: int | np.integer) -> str:
    return f"x{position}"
