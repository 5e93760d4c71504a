"""Samplers as short loops of our own: unlike the pipelines' they take any guidance scale, also in [0, 1].

A sampler needs a `predict(z, t)` and knows nothing of text or networks; `with_guidance` makes one from a U-Net. `ddim`
and `euler` are written out; the others are the stock schedulers of diffusers by name, all through one loop, `denoise`.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from diffusers.schedulers import DDIMScheduler, DPMSolverMultistepScheduler, HeunDiscreteScheduler, LCMScheduler
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion import flow, schedule
from course_utils.diffusion.guidance import guided, rescaled, scale_at
from course_utils.models import schedulers

Latents = Float[Tensor, "b c h w"]
Predict = Callable[[Latents, float], Latents]
r"""Latents and a timestep in [0, 1000) to the predicted noise (for DDIM), velocity (for Euler) or v (for pixels)."""


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """A source of noise for each latent, on the CPU: the same on every device and in every batch."""
    return [torch.Generator().manual_seed(int(seed)) for seed in seeds]


def drawn(sources: Sequence[torch.Generator], size: int = 16, channels: int = 4) -> Float[Tensor, "b channels s s"]:
    """Standard normal latents, each from its own source; what a sampler adds on its way is drawn from it next."""
    return torch.stack([torch.randn(channels, size, size, generator=source) for source in sources])


def initial_noise(seeds: Sequence[int], size: int = 16, channels: int = 4) -> Float[Tensor, "b channels size size"]:
    """Standard normal latents, one seed each: what every picture of the course begins with.

    `TextToImage.noise` knows the size of its own model.
    """
    return drawn(generators(seeds), size, channels)


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
    both_texts = torch.cat([unconditional, conditional]) if scale not in (0, 1) else conditional

    def predict(z: Latents, t: float) -> Latents:
        w = scale_at(t, scale, interval)
        if w in (0, 1):
            return unet(z, t, conditional if w else unconditional, return_dict=False)[0]
        both = unet(torch.cat([z, z]), t, both_texts, return_dict=False)[0]
        epsilon_u, epsilon_c = both.chunk(2)
        combined = guided(epsilon_u, epsilon_c, w)
        return rescaled(combined, epsilon_c, rescale) if rescale else combined

    return predict


SAMPLERS = {"epsilon": ("ddim", "dpmpp", "heun", "ddpm", "lcm"), "flow": ("euler_flow", "lcm_flow"),
            "v": ("ddim_pixels",)}
"""Names of `models.schedulers` that go with what a network predicts; the first is the default.

* `ddim`: first order, nothing drawn on the way. `euler_flow` is the same idea on straight paths.
* `dpmpp`: second order, from the last two evaluations. `heun`: second order, two evaluations a step but for the last.
* `ddpm`: ancestral, noise drawn in every step; made for 1000 of them.
* `ddim_pixels`: DDIM on the schedule of the twin in pixels, from v instead of the noise.
* `lcm`, `lcm_flow`: to the picture, back to a lower level with fresh noise, again: for students.
"""

LCM_STEPS = 50
"""Steps of the teacher that a latent consistency model was distilled over: its sampler picks among their timesteps."""


def stock_scheduler(name: str, steps: int) -> Any:
    """A stock scheduler by name, ready for `denoise`: made anew, since a scheduler remembers where it is.

    Raises:
        ValueError: unknown name, with the known ones; steps that are no whole number from 1 to 1000 (`lcm`: to 50).
    """
    scheduler, most = schedulers.scheduler(name), LCM_STEPS if name == "lcm" else schedule.STEPS
    if not isinstance(steps, (int, np.integer)) or not 1 <= steps <= most:
        raise ValueError(f"the sampler {name!r} takes 1 to {most} steps, a whole number, got {steps!r}")
    scheduler = stand_in(name, steps) or scheduler
    if name in SAMPLERS["flow"]:
        scheduler.set_timesteps(sigmas=flow.sigmas(steps)[:-1])
    elif isinstance(scheduler, (DDIMScheduler, LCMScheduler)) or scheduler.config.get("use_karras_sigmas"):
        scheduler.set_timesteps(steps)
    else:  # given only a number, they would now and then add a timestep of -1, by rounding (at 61 steps, say)
        scheduler.set_timesteps(timesteps=schedule.trailing(steps))
    if hasattr(scheduler, "set_begin_index"):  # else it looks up the first timestep, and is misled where it comes twice
        scheduler.set_begin_index(0)
    return scheduler


def stand_in(name: str, steps: int) -> Any | None:
    """What does a sampler's work where the stock class falls short; `None`: it does not.

    `DDIMScheduler` takes strides of 1000 // steps and stops short of the picture unless steps divides 1000: else
    DPM-Solver++ of order one is the same method and can count (Lu et al., DPM-Solver++, 2022); for pixels it clips, too
    (`thresholding` by a largest value of 1 is that). The second order of
    `dpmpp` and `heun` is lost in one long last step, from t = 39 or so to the picture: with the levels of Karras et al.
    (Elucidating the Design Space of Diffusion-Based Generative Models, 2022, equation 5) they first go down to t = 0.
    Heun's only step of one is Euler's, and takes its level from `schedule.trailing`: of Karras' it would be the lowest.
    """
    if name in ("ddim", "ddim_pixels") and schedule.STEPS % steps:
        if name == "ddim":
            return DPMSolverMultistepScheduler(**schedulers.NOISE, solver_order=1)
        return DPMSolverMultistepScheduler(**schedulers.PIXELS, solver_order=1, thresholding=True)
    if name == "dpmpp":
        return DPMSolverMultistepScheduler(**schedulers.NOISE, use_karras_sigmas=True)
    return HeunDiscreteScheduler(**schedulers.NOISE, use_karras_sigmas=steps > 1) if name == "heun" else None


def denoise(
    predict: Predict, scheduler: Any, z: Latents, generator: torch.Generator | Sequence[torch.Generator] | None = None,
    watch: Callable[[Latents, float], object] | None = None,
) -> Latents:
    """Latents from standard normal noise z by a stock scheduler, as its pipelines use it.

    Args:
        predict: the noise, the velocity or v, as the scheduler's kind wants it.
        scheduler: from `stock_scheduler`, or any of diffusers after `set_timesteps`; good for one call.
        z: noise. Schedulers that count in noise-to-signal ratios (`heun`) scale it up first, and what the network is
            shown down again.
        generator: what draws noise on the way, one for all latents or one for each; on the CPU, so that devices agree.
        watch: is called with latents and timestep before each evaluation, and with the result and 0 at the end.
    """
    z = z * getattr(scheduler, "init_noise_sigma", 1.0)
    shown = getattr(scheduler, "scale_model_input", lambda latents, t: latents)
    draws = {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
    for t in scheduler.timesteps:
        seen = shown(z, t)
        if watch:
            watch(seen, float(t))
        z = scheduler.step(predict(seen, t), t, z, return_dict=False, **draws)[0]
    if watch:
        watch(z, 0.0)
    return z


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
