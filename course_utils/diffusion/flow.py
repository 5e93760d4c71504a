r"""Rectified flow: straight lines from pictures to noise, and the velocity along them.

\(\sigma\) goes from 0 (picture) to 1 (noise), as in `diffusers.FlowMatchEulerDiscreteScheduler`; networks are
told \(t = 1000\,\sigma\). Lipman et al., Flow Matching for Generative Modeling (2023); Liu et al., Flow Straight and
Fast (2023).
"""
from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Latents = Float[Tensor, "b c h w"]
Level = float | Float[Tensor, " b"]

TIMES = 1000
r"""What \(\sigma\) is multiplied with before a network reads it: the range of the older schedule's timesteps."""


def level(sigma: Level, like: Latents) -> Float[Tensor, "b 1 1 1"]:
    r"""\(\sigma\), shaped and placed to be multiplied with `like`."""
    return torch.as_tensor(sigma, dtype=torch.float32, device=like.device).view(-1, 1, 1, 1)


def path(x0: Latents, epsilon: Latents, sigma: Level) -> Latents:
    r"""\(x_\sigma = (1-\sigma)\,x_0 + \sigma\,\epsilon\): the straight line, exact at both ends."""
    s = level(sigma, x0)
    return (1 - s) * x0 + s * epsilon


def velocity(x0: Latents, epsilon: Latents) -> Latents:
    r"""\(dx_\sigma/d\sigma = \epsilon - x_0\), the same all along the line: what the network learns to predict."""
    return epsilon - x0


def predict_x0(x: Latents, v: Latents, sigma: Level) -> Latents:
    r"""\(\hat x_0 = x_\sigma - \sigma v\): walk the whole line back."""
    return x - level(sigma, x) * v


def predict_epsilon(x: Latents, v: Latents, sigma: Level) -> Latents:
    r"""\(\hat\epsilon = x_\sigma + (1-\sigma)\,v\): walk it on to the end."""
    return x + (1 - level(sigma, x)) * v


def logit_normal(normal: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    r"""Levels for training, \(\sigma = 1/(1+e^{-n})\) of standard normal n: most in the middle, the hardest part.

    Esser et al., Scaling Rectified Flow Transformers (2024), found it best among many.
    """
    return normal.sigmoid()


def sigmas(count: int) -> list[float]:
    r"""`count` + 1 levels at equal distances from 1 to 0: the ends of `count` Euler steps."""
    if count < 1:
        raise ValueError(f"a sampler takes at least one step, got {count}")
    return [1 - k / count for k in range(count)] + [0.0]
