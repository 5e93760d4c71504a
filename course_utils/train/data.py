"""What the recipes learn from: scenes, photographs that scikit-image carries in its wheel, dead leaves.

The photographs of scikit-learn (china, flower) are test data and are never opened here.
"""
from __future__ import annotations

import functools

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from course_utils.critters.dataset import HELD_OUT_SEED, TRAINING_SEED, VALIDATION_SEED
from course_utils.measure.photos import training_photo

__all__ = ["HELD_OUT_SEED", "SHARES", "TRAINING_SEED", "VALIDATION_SEED"]

SHARES = {
    "astronaut": 3, "chelsea": 3, "coffee": 3, "stereo_motorcycle": 3, "rocket": 2, "immunohistochemistry": 1,
    "hubble_deep_field": 1, "retina": 1, "camera": 2, "brick": 1, "grass": 1, "gravel": 1, "moon": 1, "coins": 1,
}  # fmt: skip
"""How often each of scikit-image's photographs is taken: everyday ones in colour more often."""


@functools.cache
def photographs() -> tuple[Image.Image, ...]:
    """The training photographs, from scikit-image's wheel: nothing is downloaded."""
    return tuple(Image.fromarray(training_photo(name)) for name in SHARES)


def photograph_crop(rng: np.random.Generator, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """A square of a random photograph at a random scale, turned, mirrored and tinted at random.

    The side is log-uniform from `size` pixels to the whole shorter side: so some crops are texture at full
    resolution and some nearly the whole picture. Colours are bent, for the photographs are few.
    """
    weights = np.array(list(SHARES.values())) / sum(SHARES.values())
    picture = photographs()[rng.choice(len(weights), p=weights)]
    width, height = picture.size
    side = np.exp(rng.uniform(np.log(size), np.log(max(size, min(width, height)))))
    x, y = rng.uniform(0, max(0, width - side)), rng.uniform(0, max(0, height - side))
    crop = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC,
                                     box=(x, y, min(width, x + side), min(height, y + side))))
    return _bend(_turned(crop, rng), rng)


def _turned(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    crop = crop[:, ::-1] if rng.random() < 0.5 else crop
    return np.rot90(crop, int(rng.integers(4))) if rng.random() < 0.25 else crop


def _bend(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of the time permute the channels; always a mild gamma and gain for each channel."""
    channels = rng.permutation(3) if rng.random() < 0.5 else np.arange(3)
    gamma, gain = np.exp(rng.uniform(-0.35, 0.35)), rng.uniform(0.85, 1.1, size=3)
    table = np.linspace(0, 1, 256)[:, None] ** gamma * gain * 255
    table = table.clip(0, 255).astype(np.uint8)
    return np.stack([table[crop[..., c], k] for k, c in enumerate(channels)], axis=-1)


def dead_leaves(rng: np.random.Generator, size: int) -> UInt8[np.ndarray, "size size 3"]:
    r"""Opaque shapes thrown over one another, radii with density \(\propto r^{-3}\).

    A model of natural pictures, scale invariant and full of occluding edges (Lee, Mumford and Huang, Occlusion Models
    for Natural Images, 2001). Half of the leaves are cut from the training photographs, recoloured; the others are
    flat, or carry a gradient or stripes at a random angle.
    """
    canvas = Image.new("RGB", (2 * size, 2 * size), tuple(int(v) for v in rng.integers(0, 256, 3)))
    for _ in range(int(rng.integers(40, 160))):
        canvas.paste(*_leaf(rng, 2 * size))
    return np.asarray(canvas.reduce(2))


def _leaf(rng: np.random.Generator, span: int) -> tuple[Image.Image, tuple[int, int], Image.Image]:
    """One leaf: its picture, its place, its mask."""
    low, high = 0.04 * span, 0.45 * span
    radius = low / np.sqrt(rng.uniform((low / high) ** 2, 1.0))
    side = max(4, int(2 * radius))
    mask = Image.new("L", (side, side))
    box = (0, 0, side - 1, int((side - 1) * rng.uniform(0.4, 1.0)))
    (ImageDraw.Draw(mask).ellipse if rng.random() < 0.6 else ImageDraw.Draw(mask).rectangle)(box, fill=255)
    mask = mask.rotate(rng.uniform(0, 180))
    place = tuple(int(v) for v in rng.uniform(-radius, span - radius, 2))
    texture = photograph_crop(rng, side) if rng.random() < 0.5 else _leaf_texture(rng, side)
    return Image.fromarray(texture), (place[0], place[1]), mask


def _leaf_texture(rng: np.random.Generator, side: int) -> UInt8[np.ndarray, "side side 3"]:
    """Flat, a gradient, or stripes between two colours."""
    first, second = rng.integers(0, 256, (2, 3)).astype(float)
    kind, angle = rng.random(), rng.uniform(0, np.pi)
    axis = np.linspace(0, 1, side)
    along = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
    if kind < 0.4:
        share = np.zeros((side, side))
    elif kind < 0.7:
        share = (along - along.min()) / max(np.ptp(along), 1e-9)
    else:
        share = 0.5 + 0.5 * np.tanh(3 * np.sin(2 * np.pi * along * side / rng.uniform(5, 24)))
    return (first + share[..., None] * (second - first)).clip(0, 255).astype(np.uint8)


class Mixture:
    """Batches of square crops: scenes (three quarters), photographs and dead leaves (a quarter together)."""

    def __init__(self, scenes: UInt8[np.ndarray, "n s s 3"], photographic: float = 0.25, leaves: int = 512) -> None:
        self.scenes, self.photographic = scenes, photographic
        rng = np.random.default_rng(TRAINING_SEED)
        self.leaves = [dead_leaves(rng, 128) for _ in range(leaves)]

    def batch(self, rng: np.random.Generator, count: int, size: int) -> UInt8[np.ndarray, "count size size 3"]:
        """`count` crops of `size` pixels, drawn by `rng` alone."""
        return np.stack([self._one(rng, size) for _ in range(count)])

    def _one(self, rng: np.random.Generator, size: int) -> UInt8[np.ndarray, "size size 3"]:
        kind = rng.random()
        if kind < self.photographic * 0.75:
            return photograph_crop(rng, size)
        if kind < self.photographic:
            return _bend(_turned(window(self.leaves[rng.integers(len(self.leaves))], rng, size), rng), rng)
        crop = window(self.scenes[rng.integers(len(self.scenes))], rng, size)
        return crop[:, ::-1] if rng.random() < 0.5 else crop

    def scenes_only(self, rng: np.random.Generator, count: int) -> UInt8[np.ndarray, "count s s 3"]:
        """Whole scenes, in the order in which `rng` draws them."""
        return np.asarray(self.scenes[rng.integers(len(self.scenes), size=count)])


def window(
    picture: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """A random square of `size` pixels."""
    y, x = (int(rng.integers(0, side - size + 1)) for side in picture.shape[:2])
    return np.asarray(picture[y:y + size, x:x + size])

