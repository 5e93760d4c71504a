"""The guidance sum, and the rescaling that keeps it from glaring."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion import guidance
from course_utils.grading.question import Case, Mistake, Question

Prediction = Float[Tensor, "b c h w"]


def cases(rng: np.random.Generator) -> list[Case]:
    """Predictions of different spread, picture by picture and channel by channel; rescaled not at all, partly,"
    " fully."""
    found: list[Case] = []
    drawn = float(rng.uniform(2, 5)), float(rng.uniform(0.2, 0.6))
    for scale, rescale in ((7.5, 0.0), (drawn[0], 0.7), (0.4, drawn[1]), (9.0, 1.0)):
        spread = rng.uniform(0.5, 2, (3, 4, 1, 1))
        both = spread * rng.normal(size=(3, 4, 8, 8))
        found.append({"unconditional": both + 0.2 * rng.normal(size=both.shape),
                      "conditional": 1.2 * both + 0.5 * rng.normal(size=both.shape), "scale": scale,
                      "rescale": rescale})
    return found


def guide(unconditional: Prediction, conditional: Prediction, scale: float, rescale: float) -> Prediction:
    r"""\(\epsilon = \epsilon_u + w(\epsilon_c - \epsilon_u)\), then
    \(\phi\,\epsilon\,\sigma_c/\sigma + (1-\phi)\,\epsilon\).
    """
    guided = unconditional + scale * (conditional - unconditional)
    ratio = conditional.std((1, 2, 3), keepdim=True) / guided.std((1, 2, 3), keepdim=True)
    return rescale * ratio * guided + (1 - rescale) * guided


def _with(u: Prediction, c: Prediction, w: float, phi: float, axes: tuple[int, ...] = (1, 2, 3)) -> Prediction:
    guided = u + w * (c - u)
    return guided * (phi * c.std(axes, keepdim=True) / guided.std(axes, keepdim=True) + 1 - phi)


def _library(unconditional: Prediction, conditional: Prediction, scale: float, rescale: float) -> Prediction:
    return guidance.rescaled(guidance.guided(unconditional, conditional, scale), conditional, rescale)


def _loop(unconditional: Prediction, conditional: Prediction, scale: float, rescale: float) -> Prediction:
    found = []
    for u, c in zip(unconditional.double(), conditional.double(), strict=True):
        guided = (1 - scale) * u + scale * c
        found.append(guided.lerp(guided / guided.std() * c.std(), rescale))
    return torch.stack(found)


def _in_place(unconditional: Prediction, conditional: Prediction, scale: float, rescale: float) -> Prediction:
    target = conditional.flatten(1).std(1)
    guided = conditional.sub_(unconditional).mul_(scale).add_(unconditional)
    return guided.mul_((rescale * target / guided.flatten(1).std(1) + 1 - rescale)[:, None, None, None])


def _inverted(unconditional: Prediction, conditional: Prediction, scale: float, rescale: float) -> Prediction:
    guided = unconditional + scale * (conditional - unconditional)
    ratio = guided.std((1, 2, 3), keepdim=True) / conditional.std((1, 2, 3), keepdim=True)
    return guided * (rescale * ratio + 1 - rescale)


def _to_unconditional(unconditional: Prediction, conditional: Prediction, scale: float, rescale: float) -> Prediction:
    guided = unconditional + scale * (conditional - unconditional)
    ratio = unconditional.std((1, 2, 3), keepdim=True) / guided.std((1, 2, 3), keepdim=True)
    return guided * (rescale * ratio + 1 - rescale)


QUESTION = Question(
    id="q1", title="The sum, and its repair", answer="guide", points=3, minutes=10,
    hints=(
        "First the sum alone. Test it: a scale of 0 gives the unconditional prediction, a scale of 1 the conditional"
        " one.",
        "Compare spreads picture by picture: std over all axes but the first, with keepdim=True.",
        "Rescaled fully, each picture has the conditional prediction's spread; rescale says how far you go from the"
        " plain sum (0) to that (1).",
    ),
    reference=guide, cases=cases, alternatives=(_library, _loop, _in_place),
    mistakes=(
        Mistake("exchanged", lambda unconditional, conditional, scale, rescale: _library(
            unconditional, conditional, 1 - scale, rescale),
                "At a scale of 1 your sum is the unconditional prediction: which one is to be left behind?"),
        Mistake("from the conditional", lambda unconditional, conditional, scale, rescale: _with(
            unconditional, conditional, scale + 1, rescale),
                "You begin at the conditional prediction, as the original paper counts. In this course a scale of 1"
                " gives the conditional prediction."),
        Mistake("away from the prompt", lambda unconditional, conditional, scale, rescale: _with(
            unconditional, conditional, -scale, rescale),
                "Your sum moves away from the prompt: look at the difference."),
        Mistake("only the difference", lambda unconditional, conditional, scale, rescale: guidance.rescaled(
            scale * (conditional - unconditional), conditional, rescale),
                "That is the difference alone. It is added to a prediction."),
        Mistake("no rescaling", lambda unconditional, conditional, scale, rescale: guidance.guided(
            unconditional, conditional, scale), "The sum is right; `rescale` is not used yet.", 1),
        Mistake("always fully", lambda unconditional, conditional, scale, rescale: _with(
            unconditional, conditional, scale, 1.0),
                "You rescale fully whatever `rescale` says: it is how far to go, from 0 to 1.", 1),
        Mistake("share turned round", lambda unconditional, conditional, scale, rescale: _with(
            unconditional, conditional, scale, 1 - rescale),
                "`rescale` and one minus it have changed places: at 0 the plain sum stays.", 1),
        Mistake("whole batch", lambda unconditional, conditional, scale, rescale: _with(
            unconditional, conditional, scale, rescale, (0, 1, 2, 3)),
                "One spread for the whole batch: a picture must not depend on its company.", 1),
        Mistake("each channel", lambda unconditional, conditional, scale, rescale: _with(
            unconditional, conditional, scale, rescale, (2, 3)),
                "A spread for each channel: it is taken over all numbers of a picture.", 1),
        Mistake("ratio upside down", _inverted,
                "The ratio of the spreads is upside down: guidance makes them larger, and you make them larger"
                " still.", 1),
        Mistake("unconditional spread", _to_unconditional,
                "The spread comes back to that of the unconditional prediction; it should be the other one's.", 1),
        Mistake("numpy", lambda unconditional, conditional, scale, rescale: _library(
            unconditional, conditional, scale, rescale).numpy(), "not a tensor but a numpy array"),
    ),
)
