"""The independent reader: attributes by colour and counting, nothing learned.

It knows the palette of the critters and no more: the wall's colour at the border, the animal as what is neither wall
nor floor nor shadow, the coat as the colour that explains most of the trunk. It reads less than the critic and worse,
but nothing can be optimised to fool it by accident: where the two disagree on what a generator made, look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from course_utils.critters import BACKGROUNDS, COATS
from course_utils.critters.palette import BACKGROUND_COLOURS, palette
from course_utils.critters.parts import Material

AWAY = 32.0
"""RGB distance from wall, floor and shadow from which a pixel belongs to the animal."""

DARK = 0.8
"""Below this share of the coat's brightness a pixel of the trunk counts as drawn dark: the rims of scales are."""

SCALY_FROM = 0.34
"""A trunk with at least this share of dark pixels is scaly: on renders fur has about .25 and scales .43."""

FAR = 25.0
"""A pixel's distance from a coat's tones counts up to here: a sock or a white chest weighs no more than any other."""

_COLOURS = {coat: palette(coat, BACKGROUNDS[0], "scaly").astype(np.float32) for coat in COATS}
_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class ColourReading:
    """What colours and counting say of n pictures.

    Attributes:
        labels: `background`, `coat`, `texture`, each n words.
        masks: `[n, h, w]`, true on the animal.
        size: `[n]`, height of the mask as a fraction of the picture; 0 where there is no animal.
        area: `[n]`, share of the picture that the mask covers.
        animals: `[n]`, separate pieces of at least 1 % of the picture: 2 may mean two animals.
    """

    labels: dict[str, np.ndarray]
    masks: np.ndarray
    size: np.ndarray
    area: np.ndarray
    animals: np.ndarray


def read_by_colour(pictures: UInt8[np.ndarray, "n h w 3"]) -> ColourReading:
    """Read background, coat, texture, size and silhouette off n pictures. Raises `ValueError` for another shape.

    Raises `TypeError` for other numbers than uint8: its colours are those of 0 to 255.
    """
    pictures = np.asarray(pictures)
    if pictures.dtype != np.uint8:
        raise TypeError(f"expected pictures as uint8, got {pictures.dtype}; `models.images.to_array` converts tensors")
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or not len(pictures):
        raise ValueError(f"expected pictures [n, h, w, 3], got {list(pictures.shape)}")
    read = [_read(picture.astype(np.float32)) for picture in pictures]
    labels = {name: np.array([one[name] for one in read]) for name in ("background", "coat", "texture")}
    masks = np.stack([one["mask"] for one in read])
    animals = np.array([one["animals"] for one in read])
    return ColourReading(labels, masks, np.array([height(mask) for mask in masks]), masks.mean((1, 2)), animals)


def _read(picture: Float[np.ndarray, "h w 3"]) -> dict[str, Any]:
    background = background_of(picture)
    mask, animals = largest(silhouette(picture, background))
    pixels = picture[trunk(mask)]
    coat = coat_of(pixels)
    texture = "scaly" if dark_share(pixels, coat) >= SCALY_FROM else "fluffy"
    return {"background": background, "coat": coat, "texture": texture, "mask": mask, "animals": animals}


def background_of(picture: Float[np.ndarray, "h w 3"]) -> str:
    """The wall's colour: the median of the upper border, to the nearest of the four."""
    colour = np.median(picture[: max(1, len(picture) // 32)].reshape(-1, 3), axis=0)
    return BACKGROUNDS[int(np.argmin([np.linalg.norm(colour - BACKGROUND_COLOURS[b]) for b in BACKGROUNDS]))]


def horizon(picture: Float[np.ndarray, "h w 3"], background: str) -> int:
    """The row in which the floor begins: the cut that leaves most border pixels on the right side of it."""
    wall, floor = _ground(background)[:2]
    sides = np.median(np.concatenate([picture[:, :4], picture[:, -4:]], axis=1), axis=1)
    is_wall = np.linalg.norm(sides - wall, axis=1) < np.linalg.norm(sides - floor, axis=1)
    return int(np.argmax(np.concatenate([[0], np.cumsum(np.where(is_wall, 1, -1))])))


def silhouette(picture: Float[np.ndarray, "h w 3"], background: str) -> Bool[np.ndarray, "h w"]:
    """Pixels that are not wall above the horizon, nor floor or shadow below it; holes filled, whiskers opened away."""
    edge = horizon(picture, background)
    wall, floor, shadow = (np.linalg.norm(picture - colour, axis=-1) for colour in _ground(background))
    away = np.minimum(floor, shadow)
    away[:edge] = wall[:edge]
    near = slice(max(0, edge - 2), edge + 2)  # the horizon itself is a mixture of the two
    away[near] = np.minimum(wall, floor)[near]
    return ndimage.binary_opening(ndimage.binary_fill_holes(away > AWAY), np.ones((2, 2)))


def _ground(background: str) -> Float[np.ndarray, "3 3"]:
    """Colours of wall, floor and shadow."""
    return palette(COATS[0], background, "scaly")[[Material.WALL, Material.FLOOR, Material.SHADOW]].astype(np.float32)


def largest(mask: Bool[np.ndarray, "h w"]) -> tuple[Bool[np.ndarray, "h w"], int]:
    """The largest connected piece, and how many pieces cover at least 1 % of the picture."""
    pieces, count = ndimage.label(mask)
    if not count:
        return mask, 0
    areas = np.bincount(pieces.ravel())[1:]
    return pieces == 1 + int(areas.argmax()), int((areas >= 0.01 * mask.size).sum())


def trunk(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The animal without its outline, from half of its height to shortly above the paws: coat and little else."""
    rows = np.flatnonzero(mask.any(axis=1))
    inner = ndimage.binary_erosion(mask, iterations=max(1, len(mask) // 32))
    if len(rows):
        inner[: rows[0] + len(rows) // 2] = False
        inner[rows[0] + int(0.85 * len(rows)) :] = False
    return inner


def coat_of(pixels: Float[np.ndarray, "m 3"]) -> str:
    """The coat whose dark and light tones, or mixtures of them with the coat's own colour, lie nearest on average.

    Blur mixes neighbouring colours, so a pixel is compared with the line between two tones, not with the tones alone.
    """
    if not len(pixels):
        return COATS[0]
    return min(COATS, key=lambda coat: float(np.minimum(_from_tones(pixels, _COLOURS[coat]), FAR).mean()))


def _from_tones(pixels: Float[np.ndarray, "m 3"], colours: Float[np.ndarray, "16 3"]) -> Float[np.ndarray, " m"]:
    """Distance of each pixel from the broken line dark - coat - light."""
    dark, own, light = colours[[Material.COAT_DARK, Material.COAT, Material.COAT_LIGHT]]
    return np.minimum(_from_segment(pixels, dark, own), _from_segment(pixels, own, light))


def _from_segment(p: Float[np.ndarray, "m 3"], a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, " m"]:
    r"""\(|p - a - t(b - a)|\) with \(t\) clipped to [0, 1]."""
    t = ((p - a) @ (b - a) / ((b - a) @ (b - a))).clip(0, 1)
    return np.linalg.norm(p - a - t[:, None] * (b - a), axis=1)


def dark_share(pixels: Float[np.ndarray, "m 3"], coat: str) -> float:
    """Share of pixels darker than `DARK` times the coat's colour (luminance of Rec. 601)."""
    if not len(pixels):
        return 0.0
    own = _COLOURS[coat][Material.COAT] @ _LUMINANCE
    return float(np.mean(pixels @ _LUMINANCE < DARK * own))


def height(mask: Bool[np.ndarray, "h w"]) -> float:
    """Height of the rows that the mask touches, as a fraction of the picture."""
    rows = np.flatnonzero(mask.any(axis=1))
    return float(rows[-1] - rows[0] + 1) / len(mask) if len(rows) else 0.0
