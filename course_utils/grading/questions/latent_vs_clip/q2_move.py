"""One formula, both ways: DDIM's step, towards the picture and away from it."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion import schedule
from course_utils.grading.question import Case, Mistake, Question

Latents = Float[Tensor, "b c h w"]


def cases(rng: np.random.Generator) -> list[Case]:
    """Steps on the course's schedule: towards the noise, towards the picture, and to the picture itself."""
    bars = schedule.alphas_bar().double().numpy()
    low, high = np.sort([rng.choice(np.arange(20, 980), 2, replace=False) for _ in range(3)], axis=1).T
    levels = [(bars[low[0]], bars[high[0]]), (bars[high[1]], bars[low[1]]), (bars[high[2]], 1.0)]
    return [{"z": rng.normal(size=(2, 4, 8, 8)), "epsilon": rng.normal(size=(2, 4, 8, 8)), "now": float(now),
             "then": float(then)} for now, then in levels]


def move(z: Latents, epsilon: Latents, now: float, then: float) -> Latents:
    r"""\(\sqrt{\bar\alpha'}\,\hat z_0 + \sqrt{1-\bar\alpha'}\,\epsilon\) (Song et al., 2021, equation 12)."""
    z0 = (z - (1 - now) ** 0.5 * epsilon) / now**0.5
    return then**0.5 * z0 + (1 - then) ** 0.5 * epsilon


def _loop(z: Latents, epsilon: Latents, now: float, then: float) -> Latents:
    out = torch.zeros_like(z)
    for k in range(len(z)):
        z0 = (z[k] - np.sqrt(1 - now) * epsilon[k]) / np.sqrt(now)
        out[k] = np.sqrt(then) * z0 + np.sqrt(1 - then) * epsilon[k]
    return out


def _as_ratio(z: Latents, epsilon: Latents, now: float, then: float) -> Latents:
    """In noise-to-signal ratios, where the step is a straight line."""
    z, epsilon = z.double(), epsilon.double()
    sigma, target = (1 / now - 1) ** 0.5, (1 / then - 1) ** 0.5
    return (z / now**0.5 + (target - sigma) * epsilon) * then**0.5


def _in_place(z: Latents, epsilon: Latents, now: float, then: float) -> Latents:
    z -= (1 - now) ** 0.5 * epsilon
    z *= (then / now) ** 0.5
    return z.add_(epsilon, alpha=(1 - then) ** 0.5)


def _z0(z: Latents, epsilon: Latents, bar: float) -> Latents:
    return (z - (1 - bar) ** 0.5 * epsilon) / bar**0.5


QUESTION = Question(
    id="q2", title="One formula, both ways", answer="move", points=2, minutes=10,
    hints=(
        "z is a picture and noise, mixed at the level `now`. If you believe epsilon, which picture is it?",
        "z = √now · z0 + √(1 - now) · epsilon. Solve it for z0, then mix the same two again for the level `then`.",
        "Nothing in this asks whether `then` is above or below `now`: backwards, the formula is inversion.",
    ),
    reference=move, cases=cases, alternatives=(_loop, _as_ratio, _in_place),
    mistakes=(
        Mistake("levels exchanged", lambda z, epsilon, now, then: move(z, epsilon, then, now),
                "`now` and `then` have changed places: the implied picture belongs to where z is now."),
        Mistake("stops at the picture", lambda z, epsilon, now, then: _z0(z, epsilon, now),
                "That is the picture which the noise implies. Now noise it again, to the new level."),
        Mistake("no roots", lambda z, epsilon, now, then: then * (z - (1 - now) * epsilon) / now + (1 - then) * epsilon,
                "now and then are shares of the variance: what multiplies a picture or noise is not yet these."),
        Mistake("old noise level",
                lambda z, epsilon, now, then: then**0.5 * _z0(z, epsilon, now) + (1 - now) ** 0.5 * epsilon,
                "The noise comes back at its old level; at the new one it has another share."),
        Mistake("picture in full", lambda z, epsilon, now, then: _z0(z, epsilon, now) + (1 - then) ** 0.5 * epsilon,
                "The picture enters in full: at the new level it too has a share."),
        Mistake("noise taken away twice",
                lambda z, epsilon, now, then: then**0.5 * _z0(z, epsilon, now) - (1 - then) ** 0.5 * epsilon,
                "You take noise away twice: at the new level there is noise too, of the same sign."),
        Mistake("sign", lambda z, epsilon, now, then: then**0.5 * _z0(z, -epsilon, now) + (1 - then) ** 0.5 * epsilon,
                "To find the picture behind z, the noise must go. Look at its sign."),
        Mistake("not divided",
                lambda z, epsilon, now, then: (
                    then**0.5 * (z - (1 - now) ** 0.5 * epsilon) + (1 - then) ** 0.5 * epsilon),
                "z without its noise is not yet the picture: at this level it was made smaller too."),
        Mistake("no noise again", lambda z, epsilon, now, then: then**0.5 * _z0(z, epsilon, now),
                "Only the picture's part arrives; the noise goes along to the new level."),
        Mistake("noise on noise", lambda z, epsilon, now, then: then**0.5 * z + (1 - then) ** 0.5 * epsilon,
                "That noises z as if it were a finished picture, but it holds noise already."),
        Mistake("numpy", lambda z, epsilon, now, then: move(z, epsilon, now, then).numpy(), "not a tensor"),
    ),
)
