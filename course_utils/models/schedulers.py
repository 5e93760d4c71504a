r"""The stock schedulers, configured for the course's models: what an exported folder keeps under `scheduler/`.

The noise schedule of latents is Stable Diffusion's (Rombach et al., High-Resolution Image Synthesis with Latent
Diffusion Models, 2022), that of pixels ADM's; sampling begins at timestep 999, where a latent is noise (Lin et al.,
Common Diffusion Noise Schedules and Sample Steps Are Flawed, 2024).
"""
from __future__ import annotations

from typing import Any

import diffusers

NOISE = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
r"""\(\sqrt\beta\) rises linearly over 1000 timesteps."""

PIXEL_NOISE = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
r"""\(\beta\) rises linearly, as diffusion on pixels has it (Ho et al., 2020; Dhariwal and Nichol, 2021): at its end 158
times more noise than picture. Stable Diffusion's schedule ends at 15. That drowns a latent, but neighbouring pixels are
alike, and through as much noise the colour of a wall is still to be seen (Hoogeboom et al., simple diffusion, 2023)."""

PIXELS = {**PIXEL_NOISE, "prediction_type": "v_prediction"}
"""What the twin predicts instead of noise: in noise without a picture, that is the picture (Salimans and Ho, 2022)."""

TO_THE_END = {"timestep_spacing": "trailing", "steps_offset": 1}
"""Timesteps counted from 999 downwards; the offset is Stable Diffusion's, and acts only if the spacing is changed."""

CONFIGURED: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {**NOISE, **TO_THE_END, "clip_sample": False, "set_alpha_to_one": True}),
    "dpmpp": ("DPMSolverMultistepScheduler", {**NOISE, **TO_THE_END}),
    "heun": ("HeunDiscreteScheduler", {**NOISE, **TO_THE_END}),
    "ddpm": ("DDPMScheduler", {**NOISE, **TO_THE_END, "clip_sample": False}),
    "lcm": ("LCMScheduler", {**NOISE, **TO_THE_END, "clip_sample": False, "set_alpha_to_one": True}),
    "ddim_pixels": ("DDIMScheduler", {**PIXELS, **TO_THE_END, "clip_sample": True, "set_alpha_to_one": True}),
    "euler_flow": ("FlowMatchEulerDiscreteScheduler", {"num_train_timesteps": 1000, "shift": 1.0}),
    "lcm_flow": ("FlowMatchLCMScheduler", {"num_train_timesteps": 1000, "shift": 1.0}),
}
"""Class and configuration by name: DDIM (Song et al., 2021), for pixels with implied pictures clipped to [-1, 1],
DPM-Solver++ (Lu et al., 2022), Heun's second order (Karras et al., 2022), DDPM (Ho et al., 2020), latent consistency
(Luo et al., 2023); Euler on a flow (Esser et al., 2024), and latent consistency on a flow."""


def scheduler(name: str) -> Any:
    r"""A fresh scheduler; its `set_timesteps(n)` comes next.

    The two of flows want the levels instead, `set_timesteps(sigmas=[1 - k / n for k in range(n)])`: their own default
    ends a thousandth above zero, so that the last step goes nowhere. Raises `ValueError` for an unknown name.
    """
    if name not in CONFIGURED:
        raise ValueError(f"no sampler called {name!r}; known ones: {', '.join(CONFIGURED)}")
    kind, configuration = CONFIGURED[name]
    return getattr(diffusers, kind)(**configuration)
