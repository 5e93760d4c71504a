"""Latents in a few bits: a range for each channel, and equal steps within it."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.grading import faults
from course_utils.grading.judging import by_reference
from course_utils.grading.question import Case, Mistake, Question, Verdict
from course_utils.grading.values import Array

Latents = Float[Tensor, "n c h w"]


def cases(rng: np.random.Generator) -> list[Case]:
    """Latents whose channels have spreads and centres of their own; in the last, one channel is constant."""
    found: list[dict[str, Any]] = []
    for bits in (8, 4, 2, 5):
        spread, centre = rng.uniform(0.3, 3, (2, 4, 1, 1)), rng.normal(0, 2, (2, 4, 1, 1))
        found.append({"latents": spread * rng.normal(size=(2, 4, 8, 8)) + centre, "bits": bits})
    found[-1]["latents"][0, 1] = rng.normal()
    return found


def quantise(latents: Latents, bits: int) -> Latents:
    """The nearest of 2^bits levels at equal distances between the extremes of each channel of each latent."""
    low, high = latents.amin((2, 3), keepdim=True), latents.amax((2, 3), keepdim=True)
    step = (high - low) / (2**bits - 1)
    step[step == 0] = 1
    return ((latents - low) / step).round() * step + low


def _levels(latents: Latents, steps: int, axes: tuple[int, ...] = (2, 3), rounded: Any = torch.round) -> Latents:
    low, high = latents.amin(axes, keepdim=True), latents.amax(axes, keepdim=True)
    step = ((high - low) / steps).clamp(min=1e-12)
    return rounded((latents - low) / step) * step + low


def _codes(latents: Latents, bits: int) -> Latents:
    low, high = latents.amin((2, 3), keepdim=True), latents.amax((2, 3), keepdim=True)
    return ((latents - low) / (high - low).clamp(min=1e-12) * (2**bits - 1)).round()


def _loop(latents: Latents, bits: int) -> Latents:
    out = latents.clone()
    for latent in out:
        for channel in latent:
            levels = torch.linspace(float(channel.min()), float(channel.max()), 2**bits)
            channel[:] = levels[(channel.flatten()[:, None] - levels).abs().argmin(1)].view_as(channel)
    return out


def _middles(latents: Latents, bits: int) -> Latents:
    low, high = latents.amin((2, 3), keepdim=True), latents.amax((2, 3), keepdim=True)
    step = (high - low).clamp(min=1e-12) / 2**bits
    return (((latents - low) / step).floor().clamp(max=2**bits - 1) + 0.5) * step + low


def _double(latents: Latents, bits: int) -> Latents:
    return _levels(latents.double(), 2**bits - 1)


def _in_place(latents: Latents, bits: int) -> Latents:
    low, high = latents.amin((2, 3), keepdim=True), latents.amax((2, 3), keepdim=True)
    step = ((high - low) / (2**bits - 1)).clamp(min=1e-12)
    return latents.sub_(low).div_(step).round_().mul_(step).add_(low)


def _nan(latents: Latents, bits: int) -> Latents:
    low, high = latents.amin((2, 3), keepdim=True), latents.amax((2, 3), keepdim=True)
    step = (high - low) / (2**bits - 1)
    return ((latents - low) / step).round() * step + low


CONSTANT = ("Right, but for a channel whose numbers are all the same, as of a plain wall: its range is zero, and you"
            " divide by it.")


def numbers(output: Any) -> np.ndarray:
    """The numbers of a tensor or an array; none for anything else."""
    return output.values if isinstance(output, Array) and output.values is not None else np.zeros(0)


def judge(given: Sequence[Case], outputs: Sequence[Any]) -> Verdict:
    """By what a quantiser promises: few levels, small errors. Where the levels lie is left open."""
    if np.isnan(numbers(outputs[-1])).any() and not any(np.isnan(numbers(output)).any() for output in outputs[:-1]):
        raise faults.Wrong(CONSTANT, 2)
    for number, (case, output) in enumerate(zip(given, outputs, strict=True), 1):
        z, levels = case["latents"].astype(np.float32).astype(float), 2 ** case["bits"]
        answer = faults.array(output, f"the result of call {number}", z.shape)
        kinds = max(len(np.unique(channel.round(5))) for channel in answer.reshape(-1, z[0, 0].size))
        half = (z.max((2, 3)) - z.min((2, 3))) / (levels - 1) / 2
        if kinds > levels or (np.abs(answer - z).max((2, 3)) > half * 1.005 + 1e-4).any():
            return by_reference(QUESTION, given, outputs)
    return Verdict(QUESTION.points, "Right: few levels, and no number further off than half a step.")


QUESTION = Question(
    id="q3", title="Latents in a few bits", answer="quantise", points=3, minutes=15,
    hints=(
        "Two bits tell four levels apart. Draw them on a line from a channel's smallest number to its largest:"
        " how many steps lie between four levels?",
        "amin and amax over the two axes of places, with keepdim=True, give each channel of each latent its own range.",
        "Count in steps from the minimum, round, and go back. What happens where a channel is one plain number?",
    ),
    reference=quantise, cases=cases, judge=judge, alternatives=(_loop, _middles, _double, _in_place),
    mistakes=(
        Mistake("codes", _codes, "You give back the codes 0, 1, 2, ...: turn them into latents again."),
        Mistake("a level too many", lambda latents, bits: _levels(latents, 2**bits),
                "You use one level more than these bits can tell apart: between n fence posts there are n - 1 gaps."),
        Mistake("rounds down", lambda latents, bits: _levels(latents, 2**bits - 1, rounded=torch.floor),
                "You round down, which is off by up to a whole step. The nearest level is at most half a step away."),
        Mistake("one range for all", lambda latents, bits: _levels(latents, 2**bits - 1, (0, 1, 2, 3)),
                "One range for everything: let each channel of each latent have its own."),
        Mistake("one range a latent", lambda latents, bits: _levels(latents, 2**bits - 1, (1, 2, 3)),
                "One range for all channels of a latent, but channels differ in spread: let each have its own."),
        Mistake("one range a batch", lambda latents, bits: _levels(latents, 2**bits - 1, (0, 2, 3)),
                "A channel's range is taken over the whole batch: a latent must not depend on its company."),
        Mistake("wrong axis", lambda latents, bits: _levels(latents, 2**bits - 1, (1,)),
                "The range is taken over the channels of a place; take it over the places of a channel."),
        Mistake("bits are levels", lambda latents, bits: _levels(latents, bits - 1),
                "That many bits tell more levels apart: each further bit doubles their number."),
        Mistake("from zero", lambda latents, bits: _levels(latents, 2**bits - 1) - latents.amin((2, 3), keepdim=True),
                "The steps are right, their place is not: the levels begin at the channel's minimum, not at zero."),
        Mistake("unchanged", lambda latents, bits: latents, "The latents come back as they went in."),
        Mistake("constant channel", _nan, CONSTANT, 2),
        Mistake("whole numbers", lambda latents, bits: _codes(latents, bits).to(torch.uint8), "whole numbers"),
        Mistake("numpy", lambda latents, bits: quantise(latents, bits).numpy(), "not a tensor"),
    ),
)
