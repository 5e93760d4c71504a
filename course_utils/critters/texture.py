"""Scales and fur: which pixels of a coat are darker and which lighter."""

from __future__ import annotations

import math
import random
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from .placement import Placement
from .shapes import Points

DARKER, LIGHTER = 1, 2
_RESOLUTION = 640
"""Pixels a body height in the stored pattern; it is resized to the animal, so that size stays continuous."""
_EXTENT = 1.4
"""Side of the stored pattern, in body heights; the animal's middle is at its centre."""


@cache
def pattern(texture: str) -> Image.Image:
    """An ``L`` image of 0, ``DARKER`` and ``LIGHTER`` in body coordinates."""
    side = round(_EXTENT * _RESOLUTION)
    image = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(image)
    (_draw_scales if texture == "scaly" else _draw_fur)(draw)
    return image


def _rows(pitch: float, row: float) -> list[tuple[float, float, int]]:
    """Centres of a brick pattern, in body heights: x, y and the number of the brick."""
    down, across = math.ceil(_EXTENT / row) + 2, math.ceil(_EXTENT / pitch) + 2
    return [((i - 1 + 0.5 * (j % 2)) * pitch, (j - 1) * row, i + j) for j in range(down) for i in range(across)]


def _draw_scales(draw: ImageDraw.ImageDraw) -> None:
    r, thick = 0.086 * _RESOLUTION, round(0.027 * _RESOLUTION)
    for x, y, _ in _rows(pitch=0.152, row=0.095):
        cx, cy = x * _RESOLUTION, y * _RESOLUTION
        draw.ellipse([cx - 0.55 * r, cy - 0.1 * r, cx + 0.55 * r, cy + 0.72 * r], fill=LIGHTER)
        draw.arc([cx - r, cy - r, cx + r, cy + r], 0, 180, fill=DARKER, width=thick)


def _draw_fur(draw: ImageDraw.ImageDraw) -> None:
    """Soft locks: crescents that hang down and curl, dark and light ones in turn."""
    rng = random.Random(5)
    for x, y, number in _rows(pitch=0.165, row=0.105):
        at = np.array([x + rng.uniform(-0.012, 0.012), y + rng.uniform(-0.012, 0.012)])
        lock = _lock(rng.uniform(0.85, 1.15), rng.uniform(-16, 16), rng.choice((-1, 1)))
        tone = LIGHTER if number % 2 else DARKER
        draw.polygon([tuple(p) for p in (lock + at) * _RESOLUTION], fill=tone)


def _lock(length: float, degrees: float, curl: int) -> Points:
    """A crescent from its root at the origin, about a tenth of the body long, hanging down."""
    t = np.linspace(0, 1, 7)
    bend = 0.030 * curl * np.sin(np.pi * t * 0.8)
    width = 0.021 * np.sin(np.pi * np.minimum(1, 0.12 + 0.88 * t)) ** 0.7
    spine = np.stack([bend, 0.105 * length * t], axis=1)
    outline = np.concatenate([spine + np.stack([width, 0 * t], 1), (spine - np.stack([width, 0 * t], 1))[::-1]])
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return outline @ np.array([[c, s], [-s, c]])


def tones(texture: str, place: Placement, box: tuple[int, int, int, int]) -> np.ndarray:
    """The pattern as it lies on the animal, inside the pixel ``box`` (left, top, right, bottom): ``[h, w]`` uint8."""
    left, top, right, bottom = box
    zoom = _RESOLUTION / place.scale
    centre = _EXTENT / 2 * _RESOLUTION
    x0 = centre + (left - place.x) * zoom * place.mirror
    y0 = centre + (top - (place.y - 0.45 * place.scale)) * zoom
    affine = (zoom * place.mirror, 0, x0, 0, zoom, y0)
    size = (right - left, bottom - top)
    return np.asarray(pattern(texture).transform(size, Image.Transform.AFFINE, affine, Image.Resampling.NEAREST))
