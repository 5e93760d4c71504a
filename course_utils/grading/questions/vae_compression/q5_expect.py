"""An open one: tables for an entropy coder, learned from some latents, that make unseen ones short."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from course_utils.critters import render, sample
from course_utils.grading import faults
from course_utils.grading.faults import Wrong
from course_utils.grading.question import Case, Mistake, Question, Verdict
from course_utils.grading.values import Hidden
from course_utils.measure.rate import quantise

Levels = Int[Tensor, "n 4 16 16"]
Tables = Float[Tensor, "4 16 16 *west 16"]
SEEN, UNSEEN, STEP, K = 64, 32, 0.5, 16
ZERO = K // 2
"""The level of the number zero; it also stands in for a western neighbour where there is none."""
SAVED_TO_POINTS = ((0.19, 5), (0.14, 3), (0.05, 1))
"""The share of bits saved, against one table for each channel, and what that is worth."""


@lru_cache(maxsize=2)
def levels_of(seed: int) -> Int[np.ndarray, "n 4 16 16"]:
    """Latents of fresh scenes in steps of one half: whole numbers from 0 to 15, eight being zero."""
    from course_utils.models import load, to_tensor

    vae, pictures = load("vae", "critters", "cpu"), [render(scene) for scene in sample(SEEN + UNSEEN, seed)]
    with torch.inference_mode():
        few = [vae.encode(to_tensor(np.stack(pictures[k : k + 16]))).latent_dist.mode() for k in range(0, 96, 16)]
    latents = torch.cat(few).numpy() * vae.config.scaling_factor
    return np.clip(quantise(latents, STEP) + ZERO, 0, K - 1)


def cases(rng: np.random.Generator) -> list[Case]:
    """Latents to learn from; hidden, others of the same world."""
    levels = levels_of(int(rng.integers(1 << 30)))
    return [{"seen": levels[:SEEN], "unseen": Hidden(levels[SEEN:])}]


def expect(seen: Levels) -> Tables:
    """What a place usually holds, times how much likelier the western neighbour makes it, to the power of 0.8."""
    here = functional.one_hot(seen, K).double()
    west = functional.one_hot(functional.pad(seen, (1, 0), value=ZERO)[..., :-1], K).double()
    channel = here.mean((0, 2, 3)) + 1e-3
    place = _around(here.sum(0)) + 2 * channel[:, None, None]
    after = torch.einsum("ncyxw,ncyxv->cwv", west, here) + 2 * channel[:, None]
    likelier = after / after.sum(-1, keepdim=True) / channel[:, None]
    return _unit(place[:, :, :, None] * likelier[:, None, None] ** 0.8)


def _around(counts: Float[Tensor, "4 16 16 k"]) -> Float[Tensor, "4 16 16 k"]:
    """Counts averaged over a place and its eight neighbours."""
    pooled = functional.avg_pool2d(counts.permute(0, 3, 1, 2), 3, 1, 1, count_include_pad=False)
    return pooled.permute(0, 2, 3, 1)


def _unit(weights: Tensor) -> Tensor:
    return weights / weights.sum(-1, keepdim=True)


def _channel(seen: Levels) -> Tensor:
    return _unit(functional.one_hot(seen, K).double().sum((0, 2, 3)) + 0.5)


def _each_channel(seen: Levels) -> Tables:
    return _channel(seen)[:, None, None].expand(4, 16, 16, K)


def _each_place(seen: Levels) -> Tables:
    return _unit(functional.one_hot(seen, K).double().sum(0) + 8 * _channel(seen)[:, None, None])


def _pairs(seen: Levels, before: Levels) -> Float[Tensor, "4 k k"]:
    """How often each level follows each other one, a little of the channel's own table mixed in."""
    together = torch.einsum("ncyxw,ncyxv->cwv", *(functional.one_hot(each, K).double() for each in (before, seen)))
    return together + 2 * _channel(seen)[:, None]


def _west(seen: Levels) -> Levels:
    return functional.pad(seen, (1, 0), value=ZERO)[..., :-1]


def _neighbour_alone(seen: Levels) -> Tables:
    return _unit(_pairs(seen, _west(seen)))[:, None, None].expand(4, 16, 16, K, K)


def _combined(seen: Levels, before: Levels) -> Tables:
    likelier = (_unit(_pairs(seen, before)) / _channel(seen)[:, None])[:, None, None] ** 0.8
    return _unit(_unit(_around(functional.one_hot(seen, K).double().sum(0)) + 0.1)[:, :, :, None] * likelier)


def _overfitted(seen: Levels) -> Tables:
    here, west = (functional.one_hot(each, K).double() for each in (seen, _west(seen)))
    return _unit(torch.einsum("ncyxw,ncyxv->cyxwv", west, here) + 0.05)


def _loop(seen: Levels) -> Tables:
    tables = torch.ones(4, K, K) * 0.05
    for latent in seen.tolist():
        for c, rows in enumerate(latent):
            for row in rows:
                for west, level in zip([ZERO, *row], row, strict=False):
                    tables[c, west, level] += 1
    place = _unit(_around(functional.one_hot(seen, K).float().sum(0)) + 0.1)
    channel = _channel(seen).float()[:, None]
    out = torch.empty(4, 16, 16, K, K)
    for y in range(16):
        for x in range(16):
            out[:, y, x] = _unit(place[:, y, x, None] * (_unit(tables + channel) / channel) ** 0.8)
    return out


def _double(seen: Levels) -> Tables:
    return _combined(seen, _west(seen)).double()


def _in_place(seen: Levels) -> Tables:
    tables = expect(seen).float()
    tables.mul_(1 - 1e-3).add_(1e-3 / K)
    return tables


def bits(tables: np.ndarray, unseen: Int[np.ndarray, "n 4 16 16"]) -> float:
    """Bits a number that an ideal coder spends on the unseen latents, with or without western neighbours."""
    west = np.pad(unseen, ((0, 0), (0, 0), (0, 0), (1, 0)), constant_values=ZERO)[..., :-1]
    c, y, x = np.ogrid[:4, :16, :16]
    expected = tables[c, y, x, unseen] if tables.ndim == 4 else tables[c, y, x, west, unseen]
    with np.errstate(divide="ignore"):
        return float(-np.log2(expected).mean())


def judge(given: Sequence[Case], outputs: Sequence[Any]) -> Verdict:
    """By the bits that latents cost which the tables have not seen."""
    knows_west = getattr(getattr(outputs[0], "values", None), "ndim", 4) == 5
    tables = faults.array(outputs[0], "the result", (4, 16, 16, K, K) if knows_west else (4, 16, 16, K))
    if tables.min() < 0:
        raise Wrong("Some of your probabilities are negative. Are they logarithms, or scores?")
    if np.abs(tables.sum(-1) - 1).max() > 1e-3:
        raise Wrong("Not all your tables add up to one: the last axis is the level that is expected.")
    yardstick = bits(_each_channel(torch.tensor(given[0]["seen"])).numpy(), given[0]["unseen"].value)
    spent = bits(tables, given[0]["unseen"].value)
    if not np.isfinite(spent):
        raise Wrong("The message became infinitely long: a number came that your tables hold for impossible. What one"
                    " has never seen may still come.")
    saved = 1 - spent / yardstick
    measured = f"{spent:.2f} bits a number, {100 * saved:.0f} % fewer than the {yardstick:.2f} of a table a channel"
    points = next((points for least, points in SAVED_TO_POINTS if saved >= least), 0)
    if points == QUESTION.points:
        return Verdict(points, "Right: whoever expects well writes little.", measured)
    if points:
        raise Wrong("Shorter, and can be shorter still. A number has a place, and a neighbour that the coder already"
                    " knows. Do your tables know both?", points, measured)
    raise Wrong("Hardly shorter than with one table for each channel, learned from the same latents, if at"
                " all.", 0, measured)


Answer = Callable[[Levels], Any]
HARDLY = "Hardly shorter than with one table for each channel"
STILL = "Shorter, and can be shorter still."

QUESTION = Question(
    id="q5", title="Expect the latent", answer="expect", points=5, minutes=30, stretch=True,
    target="19 % fewer bits than with one table for each channel (about 2.7 a number); the course's own answer saves"
           " 21 %",
    hints=(
        "Count first: functional.one_hot(seen, 16) summed over the latents says how often each level stood at each"
        " place. 64 latents are few, so mix in what the whole channel holds, and look at places around.",
        "Now the neighbour: how often does level v follow level w to its west, in each channel? Divided by how often v"
        " comes at all, that says how much likelier w makes v.",
        "Multiply the two, place and likelier, and let each row add up to one again. They tell in part the same, so"
        " take the second to a power below one.",
    ),
    reference=expect, cases=cases, judge=judge, alternatives=(_loop, _double, _in_place),
    mistakes=(
        Mistake("everything alike", lambda seen: torch.full((4, 16, 16, K), 1 / K), HARDLY),
        Mistake("one table for all", lambda seen: _channel(seen).mean(0).expand(4, 16, 16, K), HARDLY),
        Mistake("one table a channel", _each_channel, HARDLY),
        Mistake("each place by itself", _each_place, STILL, 1),
        Mistake("the neighbour alone", _neighbour_alone, STILL, 3),
        Mistake("learned by heart", _overfitted, STILL, 1),
        Mistake("frequencies alone", lambda seen: functional.one_hot(seen, K).double().mean(0),
                "a number came that your tables hold for impossible"),
        Mistake("the number as its own neighbour", lambda seen: _combined(seen, seen), HARDLY),
        Mistake("another latent's neighbour", lambda seen: _combined(seen, _west(seen).roll(1, 0)), STILL, 1),
        Mistake("places mirrored", lambda seen: _each_place(seen.flip(-1)), HARDLY),
        Mistake("neighbour and number swapped", lambda seen: expect(seen).mT, "add up to one"),
        Mistake("counts", lambda seen: functional.one_hot(seen, K).double().sum(0) + 1, "add up to one"),
        Mistake("logarithms", lambda seen: expect(seen).log(), "Some of your probabilities are negative."),
        Mistake("a table a channel, without places", _channel, "but it should have"),
        Mistake("numpy", lambda seen: expect(seen).numpy(), "is not a tensor but a numpy array"),
    ),
)
