r"""Both kinds of path, from pictures to noise, behind one interface: what lets a recipe serve either objective.

A place is told by a fraction u from 0 (picture) to 1 (noise).
"""
from __future__ import annotations

from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion import consistency, flow, schedule
from course_utils.diffusion.samplers import ddim_step, stock_scheduler

Latents = Float[Tensor, "b c h w"]
Fraction = Float[Tensor, " b"]


class Path(Protocol):
    """How pictures become noise, and what a network says about it."""

    leaps: str
    """Name of the stock sampler that guesses the picture, noises it again but less, and guesses anew."""

    def times(self, u: Fraction) -> Tensor:
        """What a network reads as times."""

    def fraction(self, t: float) -> float:
        """The place that a network reads as time t."""

    def noised(self, z0: Latents, epsilon: Latents, u: Fraction) -> Latents:
        """The point of the path from `z0` to `epsilon`."""

    def clean(self, z: Latents, prediction: Latents, u: Fraction) -> Latents:
        """The picture that a prediction implies; at u = 0 the point itself, whatever is predicted."""

    def step(self, z: Latents, prediction: Latents, u: Fraction, v: Fraction) -> Latents:
        """From u on to v < u, as the deterministic sampler of this path goes."""


class Diffusion:
    """Noise prediction on the 1000-step schedule: u = (t + 1) / 1000 for timesteps t, and u = 0 is t = 0."""

    leaps = "lcm"

    def times(self, u: Fraction) -> Tensor:
        """Timesteps from 0 to 999."""
        return ((schedule.STEPS * u).round().long() - 1).clamp(min=0)

    def fraction(self, t: float) -> float:
        """(t + 1) / 1000."""
        return (t + 1) / schedule.STEPS

    def noised(self, z0: Latents, epsilon: Latents, u: Fraction) -> Latents:
        """See `schedule.noise`."""
        return schedule.noise(z0, epsilon, self.times(u))

    def clean(self, z: Latents, prediction: Latents, u: Fraction) -> Latents:
        """With the scalings of `LCMScheduler`: see `consistency.consistent`."""
        return consistency.consistent(z, prediction, self.times(u))

    def step(self, z: Latents, prediction: Latents, u: Fraction, v: Fraction) -> Latents:
        """A step of DDIM."""
        return ddim_step(z, prediction, schedule.signal(self.times(u), z), schedule.signal(self.times(v), z))


class Straight:
    r"""Velocity along straight lines: u is \(\sigma\)."""

    leaps = "lcm_flow"

    def times(self, u: Fraction) -> Tensor:
        r"""\(1000\,\sigma\)."""
        return flow.TIMES * u

    def fraction(self, t: float) -> float:
        """t / 1000."""
        return t / flow.TIMES

    def noised(self, z0: Latents, epsilon: Latents, u: Fraction) -> Latents:
        """See `flow.path`."""
        return flow.path(z0, epsilon, u)

    def clean(self, z: Latents, prediction: Latents, u: Fraction) -> Latents:
        """See `flow.predict_x0`."""
        return flow.predict_x0(z, prediction, u)

    def step(self, z: Latents, prediction: Latents, u: Fraction, v: Fraction) -> Latents:
        """A step of Euler."""
        return z + flow.level(v - u, z) * prediction


PATHS: dict[str, Path] = {"epsilon": Diffusion(), "flow": Straight()}
"""By the objective that a network was trained for."""


def visited(path: Path, count: int) -> list[float]:
    """Where `count` evaluations of the path's few-step sampler take place, from 1 downwards."""
    return [path.fraction(float(t)) for t in stock_scheduler(path.leaps, count).timesteps]
