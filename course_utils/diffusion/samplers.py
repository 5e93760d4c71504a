"""Samplers as short loops of our own: unlike the pipelines' they take any guidance scale, also in [0, 1].

A sampler needs a `predict(z, t)` and knows nothing of text or networks; `with_guidance` makes one from a U-Net.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion import flow, schedule
from course_utils.diffusion.guidance import guided, rescaled, scale_at

Latents = Float[Tensor, "b c h w"]
Predict = Callable[[Latents, float], Latents]
r"""Latents and a timestep in [0, 1000) to the predicted noise (for DDIM) or velocity (for Euler)."""


def initial_noise(seeds: Sequence[int], size: int = 16, channels: int = 4) -> Float[Tensor, "b channels size size"]:
    """Standard normal latents, one seed each, drawn on the CPU: the same on every device and in every batch."""
    draws = [torch.randn(channels, size, size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(draws)


def with_guidance(
    unet: Callable[..., Any], conditional: Float[Tensor, "b n d"], unconditional: Float[Tensor, "b n d"],
    scale: float, rescale: float = 0.0, interval: tuple[float, float] | None = None,
) -> Predict:
    """A guided `predict`. It costs two network evaluations a step, and one where the scale is 0 or 1.

    Args:
        unet: a `UNet2DConditionModel`, or what is called like it.
        conditional, unconditional: the text encoder's last hidden states of the prompts, and of empty (or
            negative) ones.
        scale: 0 unconditional, 1 conditional, above it beyond.
        rescale: see `guidance.rescaled`; 0 leaves it out.
        interval: timesteps (low, high] within which guidance acts; see `guidance.scale_at`.
    """

    def predict(z: Latents, t: float) -> Latents:
        w = scale_at(t, scale, interval)
        if w in (0, 1):
            return unet(z, t, conditional if w else unconditional, return_dict=False)[0]
        both = unet(torch.cat([z, z]), t, torch.cat([unconditional, conditional]), return_dict=False)[0]
        epsilon_u, epsilon_c = both.chunk(2)
        combined = guided(epsilon_u, epsilon_c, w)
        return rescaled(combined, epsilon_c, rescale) if rescale else combined

    return predict


def ddim_step(
    z: Latents, epsilon: Latents, now: Float[Tensor, ""] | float, then: Float[Tensor, ""] | float
) -> Latents:
    r"""\(z' = \sqrt{\bar\alpha'}\,\hat z_0 + \sqrt{1-\bar\alpha'}\,\epsilon\): to the implied picture and on.

    `now` and `then` are \(\bar\alpha\) of this level and the next (Song et al., Denoising Diffusion Implicit Models,
    2021, equation 12 with \(\sigma = 0\)).
    """
    z0 = (z - (1 - now) ** 0.5 * epsilon) / now**0.5
    return then**0.5 * z0 + (1 - then) ** 0.5 * epsilon


def ddim(predict: Predict, z: Latents, timesteps: Sequence[int], last: float = 1.0) -> Latents:
    r"""Latents from noise z along `timesteps`, such as `schedule.trailing(25)`; nothing is drawn on the way.

    The last step ends at \(\bar\alpha\) = `last`: 1 is the picture itself; Stable Diffusion's own sampler stops at
    \(\bar\alpha_0\).
    """
    levels = [float(schedule.alphas_bar()[t]) for t in timesteps] + [last]
    for t, (now, then) in zip(timesteps, pairwise(levels), strict=True):
        z = ddim_step(z, predict(z, t), now, then)
    return z


def euler(predict: Predict, x: Latents, sigmas: Sequence[float]) -> Latents:
    r"""Latents from noise x along the velocity, \(x \leftarrow x + (\sigma'-\sigma)\,v\), through `flow.sigmas(n)`."""
    for now, then in pairwise(sigmas):
        x = x + (then - now) * predict(x, flow.TIMES * now)
    return x
