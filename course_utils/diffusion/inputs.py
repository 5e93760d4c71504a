"""What may be asked of a generator: checks that say what to do instead."""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion.samplers import SAMPLERS, drawn, generators

Prompts = str | Sequence[str] | Float[Tensor, "n k d"]
Starts = int | Sequence[int] | Float[Tensor, "n c s s"]


def finite(**numbers: float) -> None:
    """Raise `ValueError` for a number that is none."""
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value}")


def whole(name: str, tensor: Tensor) -> Tensor:
    """The tensor. Raises `ValueError` if it holds NaN or infinite numbers."""
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"the {name} hold NaN or infinite numbers: check what they were computed from")
    return tensor


def checked_guidance(
    guidance_scale: float, rescale: float, interval: tuple[float, float] | None, conditioning_scale: float
) -> None:
    """Raise `ValueError` for scales that are not finite, a share outside [0, 1], an interval of no length."""
    finite(guidance_scale=guidance_scale, rescale=rescale, conditioning_scale=conditioning_scale)
    if not 0 <= rescale <= 1:
        raise ValueError(f"rescale is a share in [0, 1], got {rescale}")
    if interval is not None and not interval[0] < interval[1]:
        raise ValueError(f"interval is a pair of timesteps (low, high) with low < high, got {interval}")


def checked_sampler(objective: str, name: str | None) -> str:
    """The sampler, or the objective's first. Raises `ValueError` that lists those of the objective."""
    known = SAMPLERS[objective]
    if name and name not in known:
        raise ValueError(f"no sampler called {name!r} for a network that predicts {objective};"
                         f" known ones: {', '.join(known)}")
    return name or known[0]


def several(prompts: Prompts) -> list[str] | Tensor:
    """Prompts as a list, or the hidden states that were given in their place."""
    if isinstance(prompts, Tensor):
        if prompts.ndim != 3:
            raise ValueError(f"hidden states of prompts are [n, tokens, width], got {list(prompts.shape)}")
        return whole("hidden states", prompts)
    found = [prompts] if isinstance(prompts, str) else list(prompts)
    if not found or not all(isinstance(prompt, str) for prompt in found):
        raise ValueError(f"prompts are one text or a list of texts, at least one, got {prompts!r}")
    return found


def starts(
    seeds: Starts, count: int, shape: tuple[int, int]
) -> tuple[Float[Tensor, "n c s s"], list[torch.Generator]]:
    """Noise for `count` pictures of `shape` (channels, side), and what each draws from later.

    Noise that is given, not drawn, goes with the sources of seeds 0, 1, 2, ...

    Raises:
        ValueError: another number of seeds, or noise of another shape or with NaN.
    """
    channels, side = shape
    if isinstance(seeds, Tensor) and seeds.is_floating_point():
        if seeds.shape != (count, channels, side, side):
            raise ValueError(f"{count} prompts need noise of shape {[count, channels, side, side]},"
                             f" got {list(seeds.shape)}")
        return whole("latents", seeds).float(), generators(range(count))
    chosen = np.atleast_1d(np.asarray(seeds)).tolist()
    if len(chosen) != count:
        raise ValueError(f"{count} prompts and {len(chosen)} seeds: give each prompt a seed, like seeds=range({count});"
                         f" for several pictures of one prompt repeat it, [prompt] * {len(chosen)}")
    if not all(isinstance(seed, int) for seed in chosen):
        raise ValueError(f"seeds are whole numbers, got {seeds!r}")
    sources = generators(chosen)
    return drawn(sources, side, channels), sources
