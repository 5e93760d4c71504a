r"""The 1000-step noise schedule of Stable Diffusion, and the identities between what a denoiser may predict.

A noised latent is \(z_t = \sqrt{\bar\alpha_t}\,z_0 + \sqrt{1-\bar\alpha_t}\,\epsilon\): any two give the third (Ho et
al., Denoising Diffusion Probabilistic Models, 2020). Timesteps t go from 0 (least noise) to 999, one for all latents or
one for each.
"""
from __future__ import annotations

import functools

import torch
from jaxtyping import Float, Int
from torch import Tensor

STEPS = 1000
BETAS = (0.00085, 0.012)
"""Variance added by the first and the last step; between them the square root is linear (Rombach et al., 2022)."""

Time = int | Int[Tensor, " b"]
Latents = Float[Tensor, "b c h w"]


@functools.cache
def alphas_bar(device: torch.device | str = "cpu") -> Float[Tensor, " 1000"]:
    r"""\(\bar\alpha_t = \prod_{s\le t}(1-\beta_s)\), the signal's share of the variance: from 0.999 to 0.00466."""
    first, last = BETAS
    betas = torch.linspace(first**0.5, last**0.5, STEPS, dtype=torch.float64).square()
    return (1 - betas).cumprod(0).float().to(device)


def signal(t: Time, like: Latents) -> Float[Tensor, "b 1 1 1"]:
    r"""\(\bar\alpha_t\), shaped and placed to be multiplied with `like`.

    Raises `IndexError` outside 0 to 999, on a CPU.
    """
    times = torch.as_tensor(t, device=like.device).reshape(-1)
    if not like.is_cuda and (times.min() < 0 or times.max() >= STEPS):  # on a GPU the look would stall it
        raise IndexError(f"timesteps go from 0 to {STEPS - 1}, got {t}")
    return alphas_bar(like.device)[times].view(-1, 1, 1, 1)


def snr(t: Time | None = None) -> Float[Tensor, " b"]:
    r"""Signal-to-noise ratio \(\bar\alpha_t/(1-\bar\alpha_t)\) of the variances; `None` gives it for every t."""
    a = alphas_bar() if t is None else alphas_bar(t.device if isinstance(t, Tensor) else "cpu")[t]
    return a / (1 - a)


def noise(z0: Latents, epsilon: Latents, t: Time) -> Latents:
    r"""\(z_t = \sqrt{\bar\alpha_t}\,z_0 + \sqrt{1-\bar\alpha_t}\,\epsilon\) (Ho et al., 2020, equation 4)."""
    a = signal(t, z0)
    return a.sqrt() * z0 + (1 - a).sqrt() * epsilon


def predict_x0(z_t: Latents, epsilon: Latents, t: Time) -> Latents:
    r"""\(\hat z_0 = (z_t - \sqrt{1-\bar\alpha_t}\,\epsilon)/\sqrt{\bar\alpha_t}\): the picture that a noise implies."""
    a = signal(t, z_t)
    return (z_t - (1 - a).sqrt() * epsilon) / a.sqrt()


def predict_epsilon(z_t: Latents, z0: Latents, t: Time) -> Latents:
    r"""\(\hat\epsilon = (z_t - \sqrt{\bar\alpha_t}\,z_0)/\sqrt{1-\bar\alpha_t}\): the noise that a picture implies."""
    a = signal(t, z_t)
    return (z_t - a.sqrt() * z0) / (1 - a).sqrt()


def velocity(z0: Latents, epsilon: Latents, t: Time) -> Latents:
    r"""\(v = \sqrt{\bar\alpha_t}\,\epsilon - \sqrt{1-\bar\alpha_t}\,z_0\): v-prediction.

    Salimans and Ho, Progressive Distillation for Fast Sampling of Diffusion Models (2022).
    """
    a = signal(t, z0)
    return a.sqrt() * epsilon - (1 - a).sqrt() * z0


def min_snr_weight(t: Int[Tensor, " b"], gamma: float = 5.0) -> Float[Tensor, " b"]:
    r"""\(\min(\mathrm{SNR}_t, \gamma)/\mathrm{SNR}_t\), the weight of timestep t in a loss on \(\epsilon\).

    Nearly clean latents count less: there the noise is all but unreadable, and the picture already made (Hang et al.,
    Efficient Diffusion Training via Min-SNR Weighting Strategy, 2023).
    """
    ratio = snr(t)
    return ratio.clamp(max=gamma) / ratio


def leading(count: int, offset: int = 1) -> list[int]:
    """`count` timesteps from high to low, as Stable Diffusion's own sampler takes them: 25 give 961, 921, ..., 1."""
    stride = STEPS // _checked(count)
    return [k * stride + offset for k in reversed(range(count))]


def trailing(count: int) -> list[int]:
    """`count` timesteps from high to low, beginning at 999, where the latent is noise: 25 give 999, 959, ..., 39.

    Lin et al., Common Diffusion Noise Schedules and Sample Steps Are Flawed (2024), say why this is the better choice.
    """
    stride = STEPS / _checked(count)
    return [round(STEPS - k * stride) - 1 for k in range(count)]


def _checked(count: int) -> int:
    if not 1 <= count <= STEPS:
        raise ValueError(f"a sampler takes 1 to {STEPS} steps, got {count}")
    return count
