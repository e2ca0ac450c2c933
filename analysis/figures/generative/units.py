"""Generative perplexity with the truth beside it: is text that a judge finds probable near the text that it should be?

Where the text is a chain the judge is the truth, and three numbers stand beside its verdict: the entropy, what the
decoder's own path costs (an upper bound on the divergence, and the divergence itself where positions are a function of
the visible tokens) and what blocks of the written text give away (a lower bound). On real text the judge is a network
that has read another part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from analysis.figures.generative.rules import TextRule, rules, tempered_rules
from analysis.lab.experiment import ScaleName
from analysis.lab.rows import CONTROL, MDM, Row, Subject
from analysis.measures.block_kl import block_kl
from analysis.measures.learner import ARM_NATURAL
from analysis.measures.text_data import CHAIN, FIRST_HALF, SECOND_HALF, TextData, text_data
from analysis.measures.text_judges import Judge, network_judge, require_transformers, transformers_judge, truth_judge
from analysis.measures.text_networks import TextNetwork, TextSetting, text_denoiser
from analysis.measures.text_quality import distinct_share, repeated_share, token_entropy
from analysis.measures.written_text import TemperedDenoiser, Written, path_excess, write
from generators.ground.draws import derived_seed
from generators.text.markov import MarkovChain
from generators.text.windows import TextWindows
from lo_theory.denoisers.denoiser import Denoiser
from lo_theory.denoisers.noised import NoisedDenoiser, uniform_hardness
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.denoisers.tabulated import TabulatedDenoiser
from lo_theory.estimate import exact_estimate, mean_estimate
from lo_theory.laws.known_samplers import known, known_vanilla
from lo_theory.laws.sampler_law import all_sequences, law_error, sampler_law
from lo_theory.posteriors.exact import exact_posterior
from lo_theory.samplers.menu import VANILLA

EXPERIMENT_NAME = "generative"
JUDGED, READER = "judged_nats", "reader_nats"
ENTROPY, FLOPS = "entropy_nats", "training_flops"
PATH, KL_PATHS, KL_BLOCKS, KL_LAW = "path_nats", "kl_of_paths_nats", "kl_of_blocks_nats", "kl_of_law_nats"
TOKEN_ENTROPY, DISTINCT, REPEATED = "token_entropy_nats", "distinct_share", "repeated_share"
DATA, NOISED = "data", "posterior, noise"
MEMORY = 2
"""Tokens that a block reaches back over, beside its last one."""
_WRITE, _DATA = 21, 22  # streams of seeds


def noised_name(noise: float) -> str:
    """The exact posterior with errors of that size in its logits, as a model; without any it is the control."""
    return f"{NOISED} {noise:g}" if noise else CONTROL


def noise_of(model: str) -> float:
    """Inverse of :func:`noised_name`."""
    return 0.0 if model == CONTROL else float(model.removeprefix(NOISED))


@dataclass(frozen=True, kw_only=True)
class NoiseUnit:
    """A chain written by its exact posterior, or by one whose logits are wrong by Gaussian noise of known size.

    Attributes:
        text: a chain.
        length: tokens of a sequence.
        noise: standard deviation of the logits' errors, which are another draw for every set of visible tokens.
        samples: sequences per rule.
        calls, bounds: positions of the rules' dials.
        seed: of the errors.
    """

    text: str = CHAIN
    length: int
    noise: float
    samples: int
    calls: tuple[int, ...]
    bounds: tuple[float, ...]
    seed: int = 0

    @property
    def label(self) -> str:
        """Text and noise."""
        return f"{self.text}, length {self.length}, noise {self.noise:g}, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """The entropy, and what each rule writes."""
        data = text_data(self.text, self.length)
        about = Subject(
            distribution=self.text, fingerprint=data.fingerprint, model=noised_name(self.noise), seed=self.seed
        )
        if not self.noise:
            yield from data_rows(about, data, self.samples, [(JUDGED, truth_judge(chain_of(data)))])
        denoiser = noised(chain_of(data), self.noise, self.seed)
        for rule in rules(self.length, self.calls, self.bounds):
            written = write(denoiser, rule.decoder, self.samples, derived_seed(_WRITE, self.seed))
            yield from written_rows(about, rule, written, data, [(JUDGED, truth_judge(chain_of(data)))])


@dataclass(frozen=True, kw_only=True)
class LawUnit:
    """Sequences so short that the law of every rule is computed: what the bounds are measured against.

    Attributes:
        text: a chain.
        length: tokens, at most 3 with 27 letters.
        noise: as in :class:`NoiseUnit`.
        samples: sequences behind the bounds.
        bound: of the entropy-bounded rule.
        seed: of the errors.
    """

    text: str = CHAIN
    length: int = 3
    noise: float
    samples: int
    bound: float = 2.0
    seed: int = 0

    @property
    def label(self) -> str:
        """Text, length and noise."""
        return f"{self.text}, length {self.length}, noise {self.noise:g}, law, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """KL(sampler || chain) by the exact law, and both bounds on it, in nats per token."""
        data = text_data(self.text, self.length)
        chain = chain_of(data)
        about = Subject(
            distribution=f"{self.text}, {self.length} tokens", fingerprint=data.fingerprint,
            model=noised_name(self.noise), seed=self.seed,
        )  # fmt: skip
        table, truth = TabulatedDenoiser(noised(chain, self.noise, self.seed)), _true_law(chain)
        for rule in rules(self.length, (self.length,), (self.bound,)):
            sampler = known_vanilla() if rule.name == VANILLA else known(rule.decoder)
            law = sampler_law(table, sampler)
            found = law_error(truth, law.probability).kl_from_sampler / self.length
            where = {"decoder": rule.name, "calls": law.calls, "swept": rule.swept, "at": rule.at}
            yield about.row(EXPERIMENT_NAME, KL_LAW, exact_estimate(max(found, 0.0)), **where)
            written = write(table, rule.decoder, self.samples, derived_seed(_WRITE, self.seed), batch_size=4096)
            excess = path_excess(written, -chain.log_prob(written.tokens)) / self.length
            yield about.row(EXPERIMENT_NAME, KL_PATHS, mean_estimate(excess), **where)
            yield about.row(EXPERIMENT_NAME, KL_BLOCKS, block_kl(written.tokens, chain, chain.memory), **where)


@dataclass(frozen=True, kw_only=True)
class NetworkUnit:
    """A masked model on a text by every rule, an autoregressive one of equal FLOPs at several temperatures, one judge.

    Attributes:
        text: what both are trained on.
        setting: of both.
        judge_text, judge: text and setting of the autoregressive network that judges; None: the truth does.
        reader: a causal language model of the library ``transformers`` that judges as well; empty: none.
        samples: sequences per rule.
        calls, bounds: positions of the rules' dials.
        temperatures: of the autoregressive model, and of vanilla decoding with one token per call.
        seed: of all trainings.
    """

    text: str
    setting: TextSetting
    judge_text: str = SECOND_HALF
    judge: TextSetting | None
    reader: str = ""
    samples: int
    calls: tuple[int, ...]
    bounds: tuple[float, ...]
    temperatures: tuple[float, ...]
    seed: int

    @property
    def label(self) -> str:
        """Text and seed."""
        return f"{self.text}, networks, {self.setting.steps} steps, seed {self.seed}"

    def measure(self, directory: Path, device: torch.device) -> Iterator[Row]:
        """What the text itself, the masked model and the autoregressive one cost the judge, and how they repeat."""
        if self.reader:
            require_transformers()  # before hours of training
        data = text_data(self.text, self.setting.length)
        judges = self._judges(data, directory, device)
        for model in (MDM, ARM_NATURAL.name):
            network = TextNetwork(text=self.text, model=model, seed=self.seed, setting=self.setting)
            about = network.about(data)
            if model == MDM and data.law is None:  # else the control measures it
                yield from data_rows(about, data, self.samples, judges)
            yield about.row(EXPERIMENT_NAME, FLOPS, exact_estimate(float(network.flops)))
            denoiser = text_denoiser(network, directory, device, remembers=True)
            for rule in self._rules(model):
                answers = denoiser if rule.temperature == 1 else TemperedDenoiser(denoiser, rule.temperature)
                written = write(answers, rule.decoder, self.samples, derived_seed(_WRITE, self.seed))
                yield from written_rows(about, rule, written, data, judges)

    def _rules(self, model: str) -> list[TextRule]:
        tempered = tempered_rules(self.setting.length, self.temperatures, masked=model == MDM)
        return [*rules(self.setting.length, self.calls, self.bounds), *tempered] if model == MDM else tempered

    def _judges(self, data: TextData, directory: Path, device: torch.device) -> list[tuple[str, Judge]]:
        judges: list[tuple[str, Judge]] = []
        if self.judge is None:
            judges.append((JUDGED, truth_judge(chain_of(data))))
        else:
            own = TextNetwork(text=self.judge_text, model=ARM_NATURAL.name, seed=self.seed, setting=self.judge)
            judges.append((JUDGED, network_judge(text_denoiser(own, directory, device))))
        if self.reader:
            assert isinstance(data.train, TextWindows)  # a chain's letters are no text to read
            judges.append((READER, transformers_judge(self.reader, data.train.corpus.units, str(device))))
        return judges


def chain_of(data: TextData) -> MarkovChain:
    """The chain that a text is drawn from.

    Raises:
        ValueError: it is another text.
    """
    if not isinstance(data.law, MarkovChain):
        raise ValueError(f"{data.name!r} is no chain, so its truth is not known; give a judge, or take {CHAIN!r}.")
    return data.law


def noised(chain: MarkovChain, noise: float, seed: int) -> Denoiser:
    """The exact posterior with errors in its logits, equally large everywhere."""
    exact = PosteriorDenoiser(exact_posterior(chain))
    return NoisedDenoiser(exact, uniform_hardness, noise=noise, seed=seed) if noise else exact


def data_rows(about: Subject, data: TextData, samples: int, judges: list[tuple[str, Judge]]) -> Iterator[Row]:
    """The text itself in the place of what is written; of a chain its entropy as well."""
    about = replace(about, model=DATA)
    if data.law is None:
        tokens = data.held_out(samples)
    else:
        tokens = data.law.rows(derived_seed(_DATA, 0), 0, samples)
        yield about.row(EXPERIMENT_NAME, ENTROPY, exact_estimate(data.floor or 0.0))
    yield from _judged_rows(about, tokens, judges, {})


def written_rows(
    about: Subject, rule: TextRule, written: Written, data: TextData, judges: list[tuple[str, Judge]]
) -> Iterator[Row]:
    """Verdicts, the cost of the path and how it repeats; on a chain both bounds on the divergence. Nats per token."""
    where = {"decoder": rule.name, "calls": written.calls, "swept": rule.swept, "at": rule.at}
    yield from _judged_rows(about, written.tokens, judges, where)
    yield about.row(EXPERIMENT_NAME, PATH, mean_estimate(written.path_nats / data.length), **where)
    if isinstance(data.law, MarkovChain):
        excess = path_excess(written, -data.law.log_prob(written.tokens)) / data.length
        yield about.row(EXPERIMENT_NAME, KL_PATHS, mean_estimate(excess), **where)
        memory = min(MEMORY, data.length - 1)
        yield about.row(EXPERIMENT_NAME, KL_BLOCKS, block_kl(written.tokens, data.law, memory), **where)


def _judged_rows(
    about: Subject, tokens: np.ndarray, judges: list[tuple[str, Judge]], where: dict[str, str | float]
) -> Iterator[Row]:
    made = partial(about.row, EXPERIMENT_NAME, **where)
    for metric, judge in judges:
        yield made(metric, mean_estimate(np.asarray(judge(tokens)) / tokens.shape[1]))
    yield made(TOKEN_ENTROPY, mean_estimate(token_entropy(tokens)))
    yield made(DISTINCT, mean_estimate(distinct_share(tokens)))
    yield made(REPEATED, mean_estimate(repeated_share(tokens)))


def _true_law(chain: MarkovChain) -> Float64[np.ndarray, " S"]:
    return np.exp(chain.log_prob(all_sequences(chain.length, chain.vocabulary)))


@dataclass(frozen=True, kw_only=True)
class GenerativeSize:
    """What is written.

    Attributes:
        length: tokens of a sequence.
        noises: errors of the posterior's logits; 0 is the control.
        samples: sequences per rule of a posterior.
        law_samples: behind the bounds on the laws that are computed.
        written: sequences per rule of a network.
        calls, bounds: positions of the rules' dials.
        temperatures: of vanilla decoding and the autoregressive model.
        setting, judge: of the networks, and of the larger one that judges real text.
        reader: see :class:`NetworkUnit`.
        seeds: training runs, and draws of errors.
    """

    length: int
    noises: tuple[float, ...]
    samples: int
    law_samples: int
    written: int
    calls: tuple[int, ...]
    bounds: tuple[float, ...] = (0.1, 2.0, 8.0, 24.0)
    temperatures: tuple[float, ...] = (1.0, 0.85, 0.7, 0.5)
    setting: TextSetting
    judge: TextSetting
    reader: str = ""
    seeds: int


def _setting(length: int, steps: int, layers: int, width: int, batch_size: int = 16) -> TextSetting:
    """Rotary positions: a masked model of a few million tokens learns little about neighbours without them."""
    return TextSetting(
        length=length, steps=steps, batch_size=batch_size, layers=layers, width=width, heads=4, positions="rotary",
        learning_rate=1.6e-2 if width <= 128 else 2e-3,
    )  # fmt: skip


SIZES: dict[ScaleName, GenerativeSize] = {
    "smoke": GenerativeSize(
        length=64, noises=(0.0, 0.5, 1.0), samples=768, law_samples=2048, written=128, calls=(64, 32, 16, 8),
        setting=_setting(64, 1200, 2, 64), judge=_setting(64, 1000, 3, 96), seeds=1,
    ),
    "small": GenerativeSize(
        length=256, noises=(0.0, 0.25, 0.5, 1.0, 1.5), samples=512, law_samples=16384, written=128,
        calls=(256, 128, 64, 32, 16), setting=_setting(256, 6000, 2, 64, 8), judge=_setting(256, 3000, 3, 96, 8),
        seeds=1,
    ),
    "paper": GenerativeSize(
        length=1024, noises=(0.0, 0.25, 0.5, 1.0, 1.5), samples=2048, law_samples=65536, written=1024,
        calls=(1024, 512, 256, 128, 64, 32), setting=_setting(1024, 100_000, 12, 768, 64),
        judge=_setting(1024, 20_000, 24, 1024, 64), reader="gpt2-large", seeds=3,
    ),
}  # fmt: skip


def units(size: GenerativeSize) -> list[NetworkUnit | NoiseUnit | LawUnit]:
    """Networks first, as they take longest."""
    dials = {"calls": size.calls, "bounds": size.bounds}
    networks = [
        NetworkUnit(
            text=text, setting=size.setting, judge=judge, reader=size.reader if judge else "", samples=size.written,
            temperatures=size.temperatures, seed=seed, **dials,
        )
        for seed in range(size.seeds)
        for text, judge in ((FIRST_HALF, size.judge), (CHAIN, None))
    ]  # fmt: skip
    posteriors = [
        NoiseUnit(length=size.length, noise=noise, samples=size.samples, seed=seed, **dials)
        for noise in sorted(size.noises, reverse=True)
        for seed in range(size.seeds if noise else 1)
    ]
    laws = [LawUnit(noise=noise, samples=size.law_samples) for noise in size.noises]
    return [*networks, *posteriors, *laws]
