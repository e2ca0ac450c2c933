"""Forward loss: what an observation costs whose latents are all visible. It is computed, not inferred; 0 is perfect.

Where observations are noiseless the exact posterior pays nothing for it, so the loss says alone how well a model has
learned the observation functions: which latents each reads, and what it makes of them.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Integer

from analysis.measures.task_error import balanced_masks, forward_subproblems
from generators.distribution import LODistribution
from lo_theory.denoisers.denoiser import Denoiser, ask, require_answers
from lo_theory.denoisers.network import CausalDenoiser
from lo_theory.estimate import Estimate, mean_estimate, ratio_estimate

FORWARD = "forward_nats"
_BATCH = 256


def masked_forward_nats(
    denoiser: Denoiser, distribution: LODistribution, rows: Integer[np.ndarray, "n L"], rng: np.random.Generator
) -> Estimate:
    """Mean cross-entropy in nats of masked observations whose latents are visible, under masks as in training.

    The number of masks of a row is uniform on 1..L, so an observation with visible latents is mostly met where much
    else is visible too. A row counts as one draw of the standard error.

    Raises:
        ValueError: no row with such an observation, or a denoiser that does not answer everywhere.
    """
    length, counts = distribution.length, rng.integers(1, distribution.length + 1, size=len(rows))
    masks = np.zeros(rows.shape, dtype=bool)
    for row, count in enumerate(counts):
        masks[row] = balanced_masks(1, length, int(count), rng)[0]
    asked = forward_subproblems(distribution, masks)
    used = asked.any(axis=1)
    if not used.any():
        raise ValueError(f"none of {len(rows)} rows has a masked observation with visible latents; take more rows.")
    nats = np.zeros(rows.shape)
    for start in range(0, len(rows), _BATCH):
        part = slice(start, start + _BATCH)
        tokens = torch.from_numpy(np.where(masks[part], distribution.mask_id, rows[part]).astype(np.int64))
        answers = ask(denoiser, tokens).detach().double().cpu()
        require_answers(answers, torch.from_numpy(masks[part]), rows=torch.arange(start, start + len(tokens)))
        own = np.take_along_axis(answers.numpy(), rows[part].astype(np.int64)[..., None], axis=-1)[..., 0]
        nats[part] = np.where(asked[part], -own, 0.0)
    return ratio_estimate(nats.sum(axis=1)[used], asked.sum(axis=1)[used].astype(np.float64))


def chain_forward_nats(
    denoiser: CausalDenoiser, distribution: LODistribution, rows: Integer[np.ndarray, "n L"]
) -> Estimate:
    """Mean cross-entropy in nats of all observations for an ARM in natural order: given the latents and those before.

    Raises:
        ValueError: the denoiser has another order; rows as :meth:`CausalDenoiser.chain_log_probs`.
    """
    natural = np.concatenate([distribution.latent_positions, distribution.observation_positions])
    if not np.array_equal(denoiser.order, natural):
        raise ValueError("a forward loss along a chain needs the natural order, latents before observations.")
    log_probs = denoiser.chain_log_probs(torch.from_numpy(rows.astype(np.int64)))[:, distribution.n_latents :]
    return mean_estimate(-log_probs.double().mean(dim=1).cpu().numpy(), "chain")
