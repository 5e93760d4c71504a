"""Euler's sampler: along the velocity, step by step."""
from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion import samplers
from course_utils.grading.question import Case, Mistake, Question
from course_utils.grading.values import Given

Latents = Float[Tensor, "b c h w"]
Predict = Callable[[Latents, float], Latents]


def cases(rng: np.random.Generator) -> list[Case]:
    """A velocity that depends on place and time; levels at unequal distances, ending at 0 or before it."""
    found: list[Case] = []
    for steps, last in ((4, 0.0), (7, 0.0), (3, 0.2)):
        inner = np.sort(rng.uniform(last + 0.05, 0.95, steps - 1))[::-1]
        found.append({"predict": Given("toy_network", {"channels": 3, "seed": int(rng.integers(1 << 30))}),
                      "x": rng.normal(size=(2, 3, 4, 4)), "sigmas": [1.0, *inner.tolist(), last]})
    return found


def euler(predict: Predict, x: Latents, sigmas: list[float]) -> Latents:
    r"""\(x \leftarrow x + (\sigma' - \sigma)\, v(x, 1000\sigma)\) for each pair of levels."""
    for now, then in zip(sigmas, sigmas[1:]):  # noqa: B905, RUF007
        x = x + (then - now) * predict(x, 1000 * now)
    return x


def _indexed(predict: Predict, x: Latents, sigmas: list[float]) -> Latents:
    x = x.double()
    for k in range(len(sigmas) - 1):
        x = x - (sigmas[k] - sigmas[k + 1]) * predict(x, 1000 * sigmas[k])
    return x


def _in_place(predict: Predict, x: Latents, sigmas: list[float]) -> Latents:
    left = list(sigmas)
    while len(left) > 1:
        now = left.pop(0)
        x += predict(x, 1000 * now) * (left[0] - now)
    return x


def _walk(predict: Predict, x: Latents, sigmas: list[float], time: Callable[[float, float], float],
          step: Callable[[float, float], float]) -> Latents:
    for now, then in pairwise(sigmas):
        x = x + step(now, then) * predict(x, time(now, then))
    return x


def _forwards(now: float, then: float) -> float:
    return then - now


def _here(now: float, then: float) -> float:
    return 1000 * now


def _heun(predict: Predict, x: Latents, sigmas: list[float]) -> Latents:
    for now, then in pairwise(sigmas):
        first = predict(x, 1000 * now)
        x = x + (then - now) * (first + predict(x + (then - now) * first, 1000 * then)) / 2
    return x


def _all_at_start(predict: Predict, x: Latents, sigmas: list[float]) -> Latents:
    start = x
    for now, then in pairwise(sigmas):
        x = x + (then - now) * predict(start, 1000 * now)
    return x


QUESTION = Question(
    id="q2", title="Euler's sampler", answer="euler", points=3, minutes=10, rtol=1e-3, atol=1e-4,
    hints=(
        "From sigma to the next level: how far is that, and with which sign? Noise is at 1, the picture at 0.",
        "A list of n + 1 levels has n steps. zip(sigmas, sigmas[1:]) goes through their two ends.",
        "Each step asks once, at the point and the level where it begins, and walks straight on from there.",
    ),
    reference=euler, cases=cases, alternatives=(samplers.euler, _indexed, _in_place),
    mistakes=(
        Mistake("wrong way", lambda predict, x, sigmas: _walk(predict, x, sigmas, _here, lambda a, b: a - b),
                "Your steps go away from the picture: sigma falls, so what sign has a step?", 1),
        Mistake("asks at the end", lambda predict, x, sigmas: _walk(
            predict, x, sigmas, lambda a, b: 1000 * b, _forwards),
                "You tell the network the level at which the step ends. It is shown the point where the step"
                " begins.", 1),
        Mistake("not a thousand", lambda predict, x, sigmas: _walk(predict, x, sigmas, lambda a, b: a, _forwards),
                "The network is told sigma itself; it reads timesteps, which go up to 1000.", 2),
        Mistake("a step too few", lambda predict, x, sigmas: euler(predict, x, sigmas[:-1]),
                "The last step is missing: n + 1 levels have n steps.", 1),
        Mistake("first step left out", lambda predict, x, sigmas: euler(predict, x, sigmas[1:]),
                "The first step is missing: n + 1 levels have n steps.", 1),
        Mistake("on to zero", lambda predict, x, sigmas: euler(predict, x, [*sigmas, 0.0]),
                "You go on to 0 even if the levels end before it.", 1),
        Mistake("equal steps", lambda predict, x, sigmas: _walk(
            predict, x, sigmas, _here, lambda a, b: (sigmas[-1] - sigmas[0]) / (len(sigmas) - 1)),
                "Your steps are all of one length, but these levels are not at equal distances.", 1),
        Mistake("one big step", lambda predict, x, sigmas: euler(predict, x, [sigmas[0], sigmas[-1]]),
                "You walk the whole way in one step."),
        Mistake("same point", _all_at_start, "You ask about the noise each time. Ask about where you are now."),
        Mistake("times the level", lambda predict, x, sigmas: _walk(predict, x, sigmas, _here, lambda a, b: -a),
                "Each of your steps walks all the way to 0. A step goes as far as the next level."),
        Mistake("Heun", _heun, "Those are Heun's steps, which ask twice. Euler asks once.", 1),
        Mistake("backwards through the levels", lambda predict, x, sigmas: euler(predict, x, sigmas[::-1]),
                "You go through the levels from picture to noise."),
        Mistake("whole path", lambda predict, x, sigmas: torch.stack([x, euler(predict, x, sigmas)]),
                "but it should have"),
    ),
)
