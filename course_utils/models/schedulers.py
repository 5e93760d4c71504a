r"""The stock schedulers, configured for the course's models: what an exported folder keeps under `scheduler/`.

The noise schedule is Stable Diffusion's (Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models,
2022), and sampling begins at timestep 999, where a latent is noise (Lin et al., Common Diffusion Noise Schedules and
Sample Steps Are Flawed, 2024).
"""
from __future__ import annotations

from typing import Any

import diffusers

NOISE = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
r"""\(\sqrt\beta\) rises linearly over 1000 timesteps."""

TO_THE_END = {"timestep_spacing": "trailing", "steps_offset": 1}
"""Timesteps counted from 999 downwards; the offset is Stable Diffusion's, and acts only if the spacing is changed."""

CONFIGURED: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {**NOISE, **TO_THE_END, "clip_sample": False, "set_alpha_to_one": True}),
    "dpmpp": ("DPMSolverMultistepScheduler", {**NOISE, **TO_THE_END}),
    "heun": ("HeunDiscreteScheduler", {**NOISE, **TO_THE_END}),
    "ddpm": ("DDPMScheduler", {**NOISE, **TO_THE_END, "clip_sample": False}),
    "lcm": ("LCMScheduler", {**NOISE, **TO_THE_END, "clip_sample": False, "set_alpha_to_one": True}),
    "euler_flow": ("FlowMatchEulerDiscreteScheduler", {"num_train_timesteps": 1000, "shift": 1.0}),
    "lcm_flow": ("FlowMatchLCMScheduler", {"num_train_timesteps": 1000, "shift": 1.0}),
}
"""Class and configuration by name: DDIM (Song et al., 2021), DPM-Solver++ (Lu et al., 2022), Heun's second order
(Karras et al., 2022), DDPM (Ho et al., 2020), latent consistency (Luo et al., 2023); Euler on a flow (Esser et al.,
2024), and latent consistency on a flow."""


def scheduler(name: str) -> Any:
    r"""A fresh scheduler; its `set_timesteps(n)` comes next.

    The two of flows want the levels instead, `set_timesteps(sigmas=[1 - k / n for k in range(n)])`: their own default
    ends a thousandth above zero, so that the last step goes nowhere. Raises `ValueError` for an unknown name.
    """
    if name not in CONFIGURED:
        raise ValueError(f"no sampler called {name!r}; known ones: {', '.join(CONFIGURED)}")
    kind, configuration = CONFIGURED[name]
    return getattr(diffusers, kind)(**configuration)
