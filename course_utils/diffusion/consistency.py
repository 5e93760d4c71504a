r"""Consistency functions: one evaluation from anywhere on a path to its clean end.

Song et al., Consistency Models (2023), write \(f(z, t) = c_\mathrm{skip}(t)\,z + c_\mathrm{out}(t)\,F(z, t)\), where
scalings with \(c_\mathrm{skip} = 1\), \(c_\mathrm{out} = 0\) at the clean end make f the identity there, whatever the
network says. Luo et al., Latent Consistency Models (2023), take for F the picture that the predicted noise implies.
A rectified flow needs no scalings: `flow.predict_x0`, \(x - \sigma v\), is the identity at \(\sigma = 0\) by itself.
"""
from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion import schedule

SIGMA_DATA = 0.5
"""Spread of pictures in [-1, 1] as Karras et al. (Elucidating the Design Space of Diffusion Models, 2022) took it."""

TIMESTEP_SCALING = 10.0
"""What timesteps are multiplied with first, as in `LCMScheduler`: at t = 1 nearly all comes from the network."""

Latents = Float[Tensor, "b c h w"]


def scaled(t: schedule.Time) -> Float[Tensor, "b 1 1 1"]:
    """Timesteps, times `TIMESTEP_SCALING`, shaped to be multiplied with latents."""
    return TIMESTEP_SCALING * torch.as_tensor(t).float().reshape(-1, 1, 1, 1)


def c_skip(t: schedule.Time) -> Float[Tensor, "b 1 1 1"]:
    r"""\(\sigma_d^2/((st)^2 + \sigma_d^2)\): how much of the latent itself is kept. 1 at t = 0.

    As in Luo et al.'s code, and so in `LCMScheduler`; \(\sigma_d\) is `SIGMA_DATA`, s is `TIMESTEP_SCALING`.
    """
    return SIGMA_DATA**2 / (scaled(t) ** 2 + SIGMA_DATA**2)


def c_out(t: schedule.Time) -> Float[Tensor, "b 1 1 1"]:
    r"""\(st/\sqrt{(st)^2 + \sigma_d^2}\): how much of the network's picture enters. 0 at t = 0.

    Luo et al.'s, who want the whole picture for large t; Song et al. (2023) have another factor \(\sigma_d\).
    """
    return scaled(t) / (scaled(t) ** 2 + SIGMA_DATA**2).sqrt()


def consistent(z_t: Latents, epsilon: Latents, t: schedule.Time) -> Latents:
    r"""\(f(z_t, t) = c_\mathrm{skip}\,z_t + c_\mathrm{out}\,\hat z_0(z_t, \epsilon)\) of predicted noise.

    `LCMScheduler` does the same when it samples, so a student is asked in training for just what it is asked for later.
    """
    skip, out = c_skip(t).to(z_t.device), c_out(t).to(z_t.device)
    return skip * z_t + out * schedule.predict_x0(z_t, epsilon, t)
