"""On the arc, also where there is none: slerp that knows parallel vectors."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion import interpolation
from course_utils.grading.faults import Wrong
from course_utils.grading.judging import by_reference
from course_utils.grading.question import Case, Mistake, Question, Verdict
from course_utils.grading.values import Array

Noise = Float[Tensor, "n c h w"]

PARALLEL = ("Right where the vectors part ways. Where the two are parallel, or nearly, the formula divides zero by"
            " zero: what is the arc there?")


def cases(rng: np.random.Generator) -> list[Case]:
    """Three pairs that part ways, then pairs of which one or all are parallel, exactly or nearly."""
    t, shared = rng.uniform(0.15, 0.4, 5), rng.normal(size=(2, 4, 6, 6))
    one_of_two = rng.normal(size=(2, 4, 6, 6)), rng.normal(size=(2, 4, 6, 6))
    one_of_two[1][1] = 3 * one_of_two[0][1]
    pairs = (
        (rng.normal(size=(3, 4, 8, 8)), 1.5 * rng.normal(size=(3, 4, 8, 8))),
        (shared + rng.normal(size=(2, 4, 6, 6)), 2 * shared + rng.normal(size=(2, 4, 6, 6))),
        (shared, shared.copy()), one_of_two, (shared, shared + 1e-6 * rng.normal(size=(2, 4, 6, 6))),
    )
    return [{"a": a, "b": b, "t": float(s)} for (a, b), s in zip(pairs, t, strict=True)]


def slerp(a: Noise, b: Noise, t: float) -> Noise:
    """Shoemake's formula, and the straight line where the angle is too small for it."""
    axes = tuple(range(1, a.ndim))
    cosine = (a * b).sum(axes, keepdim=True) / (a.square().sum(axes, True) * b.square().sum(axes, True)).sqrt()
    omega = cosine.clamp(-1, 1).acos()
    near = omega < 1e-2
    sine = torch.where(near, 1, omega.sin())
    arc = ((1 - t) * omega).sin() / sine * a + (t * omega).sin() / sine * b
    return torch.where(near, (1 - t) * a + t * b, arc)


def _raw(a: Noise, b: Noise, t: float, axes: tuple[int, ...] = (1, 2, 3), degrees: float = 1) -> Noise:
    length = (a.square().sum(axes, True) * b.square().sum(axes, True)).sqrt()
    omega = ((a * b).sum(axes, keepdim=True) / length).acos() * degrees
    return (((1 - t) * omega).sin() * a + (t * omega).sin() * b) / omega.sin()


def _loop(a: Noise, b: Noise, t: float) -> Noise:
    found = []
    for u, v in zip(a.double(), b.double(), strict=True):
        omega = torch.acos(((u * v).sum() / u.norm() / v.norm()).clamp(-1, 1))
        if omega < 1e-3:
            found.append(torch.lerp(u, v, t))
        else:
            found.append((torch.sin((1 - t) * omega) * u + torch.sin(t * omega) * v) / torch.sin(omega))
    return torch.stack(found)


def _nudged(a: Noise, b: Noise, t: float) -> Noise:
    """Parallel vectors by a cosine that stays below one, in double precision."""
    a, b = a.double(), b.double()
    omega = (torch.nn.functional.cosine_similarity(a.flatten(1), b.flatten(1)).clamp(max=1 - 1e-9)).acos()
    omega = omega[:, None, None, None]
    return (((1 - t) * omega).sin() * a + (t * omega).sin() * b) / omega.sin()


def _unit(x: Noise) -> Noise:
    return x / x.square().sum((1, 2, 3), keepdim=True).sqrt()


def judge(given: Sequence[Case], outputs: Sequence[Any]) -> Verdict:
    """All by the reference; half of the points for an answer that is right only where the vectors part ways."""
    try:
        return by_reference(QUESTION, given, outputs)
    except Wrong:
        if any(isinstance(output, Array) and output.values is not None and output.values.dtype.kind == "f"
               and np.isnan(output.values).any() for output in outputs[2:]):
            by_reference(QUESTION, given[:2], outputs[:2])
            raise Wrong(PARALLEL, 2) from None
        raise


QUESTION = Question(
    id="q3", title="On the arc, also where there is none", answer="slerp", points=4, minutes=15,
    hints=(
        "Take all numbers of a pair as one vector each: sums over every axis but the first, with keepdim=True.",
        "The cosine of the angle is the dot product over both lengths. Rounding may make it 1.0000001: clamp it.",
        "As the angle goes to zero, arc and straight line become one. torch.where chooses pair by pair; see to it that"
        " the branch which is not chosen divides by no zero.",
    ),
    reference=slerp, cases=cases, judge=judge, rtol=2e-3, atol=2e-3,
    alternatives=(_loop, _nudged, interpolation.slerp),
    mistakes=(
        Mistake("parallel", _raw, PARALLEL, 2),
        Mistake("parallel, clamped", lambda a, b, t: torch.where(slerp(a, b, 0.5).sub((a + b) / 2).abs().amax(
            (1, 2, 3), True) < 1e-3, torch.nan, slerp(a, b, t)), PARALLEL, 2),
        Mistake("straight", lambda a, b, t: torch.lerp(a, b, t),
                "That is the straight line: in its middle the length is too short. Walk on the arc."),
        Mistake("ends exchanged", lambda a, b, t: slerp(b, a, t), "At t = 0 you are at b: what weighs a, what b?"),
        Mistake("one angle a batch", lambda a, b, t: slerp(a[None], b[None], t)[0],
                "One angle for the whole batch: each pair has its own."),
        Mistake("one angle a row", lambda a, b, t: torch.nan_to_num(_raw(a, b, t, (3,))),
                "One angle for each row of numbers: all numbers of a tensor together are one vector."),
        Mistake("one angle a place", lambda a, b, t: torch.nan_to_num(_raw(a, b, t, (1,))),
                "One angle for each place: all numbers of a tensor together are one vector."),
        Mistake("unit length", lambda a, b, t: _unit(slerp(a, b, t)),
                "The result has length one. The ends keep their own lengths, and so does the way."),
        Mistake("unit ends", lambda a, b, t: slerp(_unit(a), _unit(b), t),
                "Both ends were brought to length one before the mixing: only the angle is one between directions."),
        Mistake("degrees", lambda a, b, t: torch.nan_to_num(_raw(a, b, t, degrees=180 / torch.pi)),
                "Sine and arc cosine count in radians."),
        Mistake("not divided", lambda a, b, t: slerp(a, b, t) * torch.nn.functional.cosine_similarity(
            a.flatten(1), b.flatten(1)).clamp(-1, 1).acos().sin()[:, None, None, None],
                "The weights are not yet divided by the sine of the whole angle."),
        Mistake("numpy", lambda a, b, t: slerp(a, b, t).numpy(), "not a tensor but a numpy array"),
    ),
)
