"""Which scale was it? Recovered from three predictions, in spite of noise."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.grading.question import Case, Mistake, Question

Prediction = Float[Tensor, "b c h w"]
Scales = Float[Tensor, " b"]


def cases(rng: np.random.Generator) -> list[Case]:
    """One scale a picture, one of them negative, one below 1; exact, then under noise."""
    found: list[Case] = []
    for noise in (0.0, 0.1, 0.3):
        scales = rng.permutation([*rng.uniform(2, 12, 2), -1.5, 0.5]).reshape(4, 1, 1, 1)
        u = rng.normal(size=(4, 4, 16, 16))
        difference = rng.lognormal(0, 1, u.shape) * rng.normal(size=u.shape) * rng.uniform(0.1, 1, (4, 1, 1, 1))
        size = noise * np.abs(difference).mean((1, 2, 3), keepdims=True)
        found.append({"unconditional": u, "conditional": u + difference,
                      "guided": u + scales * difference + size * rng.normal(size=u.shape)})
    return found


def recover_scale(unconditional: Prediction, conditional: Prediction, guided: Prediction) -> Scales:
    r"""Least squares, picture by picture: \(w = \langle g-u, c-u\rangle / \langle c-u, c-u\rangle\)."""
    way, walked = (conditional - unconditional).flatten(1), (guided - unconditional).flatten(1)
    return (walked * way).sum(1) / (way * way).sum(1)


def _loop(unconditional: Prediction, conditional: Prediction, guided: Prediction) -> Scales:
    found = []
    for u, c, g in zip(unconditional, conditional, guided, strict=True):
        way = (c - u).flatten().double()
        found.append(torch.dot((g - u).flatten().double(), way) / torch.dot(way, way))
    return torch.stack(found)


def _library(unconditional: Prediction, conditional: Prediction, guided: Prediction) -> Scales:
    way, walked = (conditional - unconditional).flatten(1), (guided - unconditional).flatten(1)
    return torch.linalg.lstsq(way[:, :, None], walked[:, :, None]).solution[:, 0, 0]


def _in_place(unconditional: Prediction, conditional: Prediction, guided: Prediction) -> Scales:
    conditional -= unconditional
    guided -= unconditional
    guided *= conditional
    conditional *= conditional
    return guided.sum((1, 2, 3)).div_(conditional.sum((1, 2, 3)))


def _quotients(unconditional: Prediction, conditional: Prediction, guided: Prediction) -> Prediction:
    return (guided - unconditional) / (conditional - unconditional)


def _length(x: Prediction) -> Scales:
    return x.flatten(1).norm(dim=1)


QUESTION = Question(
    id="q3", title="Which scale was it?", answer="recover_scale", points=3, minutes=15, rtol=1e-3, atol=1e-3,
    hints=(
        "Subtract the unconditional prediction from both others. What are the two differences to each other?",
        "One unknown number, a thousand equations, each with a little noise: what w makes the sum of squared errors"
        " smallest?",
        "Project one difference on the other: a dot product over a squared length, for each picture by itself.",
    ),
    reference=recover_scale, cases=cases, alternatives=(_loop, _library, _in_place),
    mistakes=(
        Mistake("lengths", lambda unconditional, conditional, guided: _length(guided - unconditional) / _length(
            conditional - unconditional), "A ratio of lengths is never negative, and scales can be; it also takes the"
                " noise for guidance."),
        Mistake("mean of quotients", lambda unconditional, conditional, guided: _quotients(
            unconditional, conditional, guided).mean((1, 2, 3)),
                "The mean of quotients: exact without noise, but where the two predictions agree you divide noise by"
                " nearly nothing. Which places should count more?", 1),
        Mistake("median of quotients", lambda unconditional, conditional, guided: _quotients(
            unconditional, conditional, guided).flatten(1).median(1).values,
                "The median of quotients: sturdy, but noisier than need be, since every place counts alike.", 2),
        Mistake("ratio of means", lambda unconditional, conditional, guided: (guided - unconditional).mean(
            (1, 2, 3)) / (conditional - unconditional).mean((1, 2, 3)),
                "A ratio of means: the differences have both signs, so their means are nearly nothing over nearly"
                " nothing.", 1),
        Mistake("the paper's scale", lambda unconditional, conditional, guided: recover_scale(
            unconditional, conditional, guided) - 1,
                "Off by one, as the original paper counts: here a scale of 1 is the conditional prediction."),
        Mistake("from the conditional", lambda unconditional, conditional, guided: recover_scale(
            conditional, unconditional, guided),
                "Your way begins at the conditional prediction: at which scale is that?"),
        Mistake("sign", lambda unconditional, conditional, guided: -recover_scale(unconditional, conditional, guided),
                "The sign is turned round: which difference is the way?"),
        Mistake("one for all", lambda unconditional, conditional, guided: recover_scale(*(
            x.flatten()[None] for x in (unconditional, conditional, guided))).expand(4),
                "One scale for the whole batch: each picture has its own."),
        Mistake("upside down", lambda unconditional, conditional, guided: 1 / recover_scale(
            unconditional, conditional, guided), "Upside down: which difference is how many times the other?"),
        Mistake("nothing subtracted", lambda unconditional, conditional, guided: (guided * conditional).sum(
            (1, 2, 3)) / (conditional**2).sum((1, 2, 3)),
                "Guidance begins at the unconditional prediction: compare differences, not the predictions"
                " themselves."),
        Mistake("wrong length", lambda unconditional, conditional, guided: ((guided - unconditional) * (
            conditional - unconditional)).sum((1, 2, 3)) / _length(conditional - unconditional),
                "A projection divides by the squared length of what it projects on."),
        Mistake("one a place", _quotients, "but it should have"),
    ),
)
