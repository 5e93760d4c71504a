"""What a ControlNet adds, and two of them at once."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.grading.question import Case, Mistake, Question

Features = list[Float[Tensor, "b c h w"]]


def cases(rng: np.random.Generator) -> list[Case]:
    """One, two and three controls over skip connections of several sizes; a scale of zero among them."""
    found: list[Case] = []
    for scales in ([0.7], [1.3, 0.4], [0.5, 0.0, 1.1]):
        shapes = [(2, 4, 8, 8), (2, 6, 4, 4), (2, 6, 2, 2)]
        found.append({"skips": [rng.normal(size=shape) for shape in shapes],
                      "controls": [[rng.normal(size=shape) for shape in shapes] for _ in scales],
                      "scales": [scale + float(rng.uniform(0, 0.2)) * (scale > 0) for scale in scales]})
    return found


def add_controls(skips: Features, controls: list[Features], scales: list[float]) -> Features:
    """Each skip connection plus each ControlNet's answer to it, times that ControlNet's conditioning scale."""
    return [skip + sum(scale * control[k] for scale, control in zip(scales, controls, strict=True))
            for k, skip in enumerate(skips)]


def _loop(skips: Features, controls: list[Features], scales: list[float]) -> Features:
    found = []
    for k in range(len(skips)):
        total = skips[k].clone()
        for control, scale in zip(controls, scales, strict=True):
            total = total + scale * control[k]
        found.append(total)
    return found


def _in_place(skips: Features, controls: list[Features], scales: list[float]) -> Features:
    for control, scale in zip(controls, scales, strict=True):
        for skip, residual in zip(skips, control, strict=True):
            skip.add_(residual, alpha=scale)
    return skips


def _stacked(skips: Features, controls: list[Features], scales: list[float]) -> tuple[Tensor, ...]:
    weights = torch.tensor(scales).double()
    return tuple(skip + torch.einsum("n,nbchw->bchw", weights, torch.stack(parts).double())
                 for skip, parts in zip(skips, zip(*controls, strict=True), strict=True))


def _weighted(skips: Features, controls: list[Features], scales: list[float]) -> Features:
    return add_controls(skips, controls, [scale / sum(scales) for scale in scales])


def _applied_to_all(skips: Features, controls: list[Features], scales: list[float]) -> Features:
    total = skips
    for control, scale in zip(controls, scales, strict=True):
        total = [scale * (a + b) for a, b in zip(total, control, strict=True)]
    return total


def _blended(skips: Features, controls: list[Features], scales: list[float]) -> Features:
    total = skips
    for control, scale in zip(controls, scales, strict=True):
        total = [torch.lerp(a, b, scale) for a, b in zip(total, control, strict=True)]
    return total


QUESTION = Question(
    id="q1", title="Two controls at once", answer="add_controls", points=1, minutes=5,
    hints=(
        "Begin with one ControlNet: skip + scale * residual, for each skip connection.",
        "controls[i][k] is what ControlNet i answers to skip connection k; scales[i] is its conditioning scale.",
        "With several, the sum has a term for each of them, and the skip itself stands in it once.",
    ),
    reference=add_controls, cases=cases, alternatives=(_loop, _in_place, _stacked),
    mistakes=(
        Mistake("skips left out", lambda skips, controls, scales: [
            total - skip for total, skip in zip(add_controls(skips, controls, scales), skips, strict=True)],
                "That is what the ControlNets say. It is added to the base's own skip connections."),
        Mistake("scales ignored", lambda skips, controls, scales: add_controls(skips, controls, [1.0] * len(scales)),
                "The conditioning scales are not used."),
        Mistake("first only", lambda skips, controls, scales: add_controls(skips, controls[:1], scales[:1]),
                "Only the first ControlNet is heard."),
        Mistake("last only", lambda skips, controls, scales: add_controls(skips, controls[-1:], scales[-1:]),
                "Only the last ControlNet is heard: does your loop begin anew with the bare skips each time?"),
        Mistake("one scale for all", lambda skips, controls, scales: add_controls(
            skips, controls, scales[:1] * len(scales)),
                "Every ControlNet gets the first one's scale: each has its own."),
        Mistake("averaged", lambda skips, controls, scales: add_controls(
            skips, controls, [scale / len(scales) for scale in scales]),
                "You average the controls. They are added: two of them may say more than one."),
        Mistake("shares", _weighted, "You make the scales add up to one. They are what they are, and their sum may be"
                " anything."),
        Mistake("skips scaled", _applied_to_all,
                "The scale also multiplies the skip connections: at a scale of 0 the base should be left as it was."),
        Mistake("blended", _blended,
                "You blend skip and control: at a scale of 1 nothing of the base is left. Control is added to it."),
        Mistake("taken away", lambda skips, controls, scales: add_controls(skips, controls, [-s for s in scales]),
                "You take away what should be added."),
        Mistake("skip for each control", lambda skips, controls, scales: [
            total + (len(scales) - 1) * skip for total, skip in zip(
                add_controls(skips, controls, scales), skips, strict=True)],
                "Each ControlNet brings the skip connections along once more: they stand in the sum once."),
        Mistake("summed up", lambda skips, controls, scales: add_controls(skips, controls, scales)[0],
                "should be a list"),
    ),
)
