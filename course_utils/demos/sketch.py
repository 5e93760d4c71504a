"""Edges drawn by hand, as the page draws them: thin white lines on black, such as `critters.edge_map` gives."""
from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from course_utils.critters import Scene, edge_map
from course_utils.critters.scene import SPECIES, STANCES

Grey = UInt8[np.ndarray, "128 128"]
SIDE, FINE, REACH = 128, 4, 2.25
"""Pixels of a map's side; fine pixels of one; half a line's width, in fine ones."""


def strokes(text: str) -> list[list[tuple[int, int]]]:
    """Lines from text, as a link of the page has them: `"12.34_15.40-40.50"` is two, the second of one point.

    Raises `ValueError` for a point that is none, or lies outside.
    """
    try:
        found = [[(int(x), int(y)) for x, y in (point.split(".") for point in part.split("_"))]
                 for part in text.split("-") if part]  # fmt: skip
    except ValueError:
        raise ValueError(f"lines are points x.y joined by _, and joined by - among each other, got {text!r}") from None
    if any(not 0 <= value < SIDE for stroke in found for point in stroke for value in point):
        raise ValueError(f"points go from 0.0 to {SIDE - 1}.{SIDE - 1}")
    return found


def near(start: tuple[int, int], end: tuple[int, int]) -> np.ndarray:
    """Which fine pixels lie near a line between two pixels' middles."""
    a, b = (np.add(point, 0.5) * FINE - 0.5 for point in (start, end))
    y, x = np.mgrid[: SIDE * FINE, : SIDE * FINE]
    along = ((x - a[0]) * (b - a)[0] + (y - a[1]) * (b - a)[1]) / (np.square(b - a).sum() or 1)
    share = along.clip(0, 1)
    return np.hypot(x - a[0] - share * (b - a)[0], y - a[1] - share * (b - a)[1]) <= REACH


def sketched(text: str, edges: Grey | None = None) -> Grey:
    """The map: lines, over edges that are there.

        >>> int(sketched("10.10_20.10")[10, 15])
        255
    """
    lit = np.zeros((SIDE * FINE, SIDE * FINE), bool)
    for stroke in strokes(text):
        for start, end in zip([stroke[0], *stroke], stroke, strict=False):
            lit |= near(start, end)
    mean = lit.reshape(SIDE, FINE, SIDE, FINE).mean((1, 3))
    lines = np.floor(255 * mean + 0.5).astype(np.uint8)
    return lines if edges is None else np.maximum(lines, edges)


def samples(size: float) -> Grey:
    """Edges to begin with, side by side: of each species in each stance, facing right."""
    return np.hstack([edge_map(Scene(species, stance=stance, size=size)) for species in SPECIES for stance in STANCES])
