"""What a text-to-image model's pictures are worth: the numbers of its card, for any way of making pictures.

A maker takes prompts and one seed for each, and returns pictures. The prompts are captions of held-out scenes, the
seeds 0, 1, 2, ..., so that every model of the course draws the same things from the same noise.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from course_utils.critters import Scene, caption, render, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.measure import agreement, critic, diversity, doubles, frechet

Pictures = UInt8[np.ndarray, "n h w 3"]
Maker = Callable[[list[str], list[int]], Pictures]

SHOWN = 64
"""Pictures of a card's contact sheet: uncurated, seeds 0 to 63."""

COMPARED = 500
"""Pictures on which critic and independent reader are compared: the reader takes its time."""

SWEPT = ("n", "mean_accuracy", "frechet", "frechet_floor", "kid")

SCALES = (0.0, 1.0, 1.5, 2.0, 3.0, 4.5, 7.5, 15.0)
"""Guidance scales among which a model's own best ones are looked for: from no caption at all to far too much of it."""


def drawn(make: Maker, n: int) -> tuple[Pictures, list[Scene]]:
    """Pictures of n held-out captions, and the scenes that these describe."""
    scenes = sample(n, HELD_OUT_SEED)
    return make([caption(scene) for scene in scenes], list(range(n))), scenes


def report(make: Maker, n: int, cache: str | Path | None = None, least: int = frechet.FOR_CARDS) -> dict[str, Any]:
    """Every number of a generator's card; see `of_pictures` and `spread_across_seeds`."""
    made, scenes = drawn(make, n)
    return {**of_pictures(made, scenes, cache, least), "diversity": spread_across_seeds(make, cache)}


def of_pictures(
    made: Pictures, scenes: Sequence[Scene], cache: str | Path | None = None, least: int = frechet.FOR_CARDS
) -> dict[str, Any]:
    """Does each picture show what its caption says, does the crowd look real, and do two readers agree?

    Args:
        made: one picture for each scene's caption.
        scenes: what was asked for.
        cache: folder for renders and the features of real pictures.
        least: pictures below which Fréchet distances are refused.

    Returns:
        `accuracy` by attribute and the mean over attributes, `mean_accuracy`; `frechet`, `kid` and their floors;
        `doubles`, among them the share of `two_animals`, and `colours`; `agreement` of critic and reader.
    """
    reading = critic.read(made)
    right = critic.accuracy(reading, scenes)
    renders = np.stack([render(scene) for scene in scenes[:COMPARED]])
    return {**frechet.distances(reading.features, scenes, cache, least), "accuracy": right,
            "mean_accuracy": float(np.mean(list(right.values()))), "doubles": doubles.report(made),
            "colours": diversity.colours(made), "agreement": agreement.report(made[:COMPARED], renders)}


def spread_across_seeds(
    make: Maker, cache: str | Path | None = None, prompts: int = 24, seeds: int = 8
) -> dict[str, float]:
    """Diversity: pictures of one prompt from several seeds, mean over prompts; see `diversity.diversity`."""
    asked = [caption(scene) for scene in sample(prompts, HELD_OUT_SEED)]
    made = make([prompt for prompt in asked for _ in range(seeds)], list(range(prompts * seeds)))
    features = critic.read(made).features.reshape(prompts, seeds, -1)
    return diversity.diversity(features, asked, cache=cache)


def sweep(
    make_at: Callable[[float], Maker], n: int, cache: str | Path | None = None, scales: Sequence[float] = SCALES
) -> list[dict[str, float]]:
    """Mean accuracy and Fréchet distance at several guidance scales: n pictures each, the same prompts and seeds."""
    rows = []
    for scale in scales:
        made, scenes = drawn(make_at(scale), n)
        facts = of_pictures(made, scenes, cache, least=n)
        rows.append({"scale": scale, **{name: facts[name] for name in SWEPT}})
    return rows


def best(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The scale of the highest accuracy and that of the lowest Fréchet distance: they differ."""
    return {"accuracy": max(rows, key=lambda row: row["mean_accuracy"])["scale"],
            "frechet": min(rows, key=lambda row: row["frechet"])["scale"]}
