"""Painting a scene.

Every shape is filled, back to front, into one image of bytes that say which part of the animal a pixel shows and
what it is painted with. Outlines stand wherever the part changes; the coat's texture is laid on; the palette turns
bytes into colours. It is done at four times the size and reduced, which smooths the edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from .heads import Mark, face_marks, head_shapes
from .palette import palette
from .parts import Material, Shape, body_shapes
from .placement import Placement, horizon, place
from .scene import Scene
from .shapes import Points, ellipse
from .texture import DARKER, LIGHTER, tones

SUPERSAMPLING = 4
_MATERIALS = 16  # a byte is 16 * part + material
_OUTLINE_WIDTH = 0.021  # of the body height


class Canvas(NamedTuple):
    """The bytes of a scene before texture and outlines, at ``SUPERSAMPLING`` times the size.

    ``box`` (left, top, right, bottom) holds the animal; ``marks`` are still to be painted over it.
    """

    image: Image.Image
    placement: Placement
    box: tuple[int, int, int, int]
    marks: list[Mark]


def render(scene: Scene, size: int = 128) -> np.ndarray:
    """Paint a scene: ``[size, size, 3]`` uint8 RGB.

    The same scene gives the same bytes on every machine that has the same Pillow.

    Raises:
        ValueError: if ``size`` is not a whole number from 16 to 1024.
    """
    canvas = compose(scene, size)
    _finish_coat(scene, canvas)
    image = canvas.image
    draw = ImageDraw.Draw(image)
    for mark in canvas.marks:
        _fill(draw, canvas.placement(mark.outline), mark.material)
    image.putpalette(np.tile(palette(scene.coat, scene.background, scene.texture), (16, 1)).tobytes())
    return np.asarray(image.convert("RGB").reduce(SUPERSAMPLING))


def compose(scene: Scene, size: int) -> Canvas:
    """Fill every shape of the scene, back to front."""
    check_size(size)
    side = size * SUPERSAMPLING
    placement = place(scene, side)
    image = Image.new("L", (side, side), Material.WALL)
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, round(horizon(placement, side)), side, side], fill=Material.FLOOR)
    _fill(draw, placement(ellipse((placement.middle, 0.0), 0.43, 0.045)), Material.SHADOW)
    shapes = [Shape(s.part, s.material, placement(s.outline)) for s in body_shapes(scene) + head_shapes(scene)]
    for shape in shapes:
        _fill(draw, shape.outline, _MATERIALS * shape.part + shape.material)
    room = max(8, 2 * outline_reach(placement))  # `part_changes` marks nothing nearer to the border than its reach
    return Canvas(image, placement, _bounds([s.outline for s in shapes], side, room), face_marks(scene))


def check_size(size: int) -> None:
    """Refuse a size of pictures that is not a whole number from 16 to 1024."""
    if not isinstance(size, (int, np.integer)) or not 16 <= size <= 1024:
        raise ValueError(f"size={size!r}: choose a whole number of pixels from 16 to 1024")


def _fill(draw: ImageDraw.ImageDraw, outline: Points, value: int) -> None:
    draw.polygon(outline.ravel().tolist(), fill=int(value))


def _bounds(outlines: list[Points], side: int, room: int) -> tuple[int, int, int, int]:
    every = np.concatenate(outlines)
    (left, top), (right, bottom) = np.floor(every.min(0)) - room, np.ceil(every.max(0)) + room
    return max(0, int(left)), max(0, int(top)), min(side, int(right)), min(side, int(bottom))


def _finish_coat(scene: Scene, canvas: Canvas) -> None:
    """Lay texture and outlines on the animal, in place."""
    left, top, *_ = canvas.box
    code = np.array(canvas.image.crop(canvas.box))
    pattern = tones(scene.texture, canvas.placement, canvas.box)
    coat = (code & 15) == Material.COAT
    code += (coat * _TONE[pattern]).astype(np.uint8)
    line = part_changes(code >> 4, outline_reach(canvas.placement))
    code[line] = (code[line] & 240) | Material.OUTLINE
    canvas.image.paste(Image.fromarray(code), (left, top))


_TONE = np.zeros(3, np.uint8)
_TONE[DARKER] = Material.COAT_DARK - Material.COAT
_TONE[LIGHTER] = Material.COAT_LIGHT - Material.COAT


def outline_reach(placement: Placement) -> int:
    """Half the width of the outlines, in pixels of the canvas."""
    return max(1, round(_OUTLINE_WIDTH * placement.scale / 2))


def part_changes(part: np.ndarray, reach: int) -> np.ndarray:
    """``[h, w]`` bool: pixels within ``reach`` of a place where ``part`` changes, along rows, columns, diagonals."""
    changes = np.zeros(part.shape, bool)
    h, w = part.shape
    diagonal = max(1, round(reach * 0.71))
    for dy, dx in ((0, reach), (reach, 0), (diagonal, diagonal), (diagonal, -diagonal)):
        a, b = _shifted_pair(part, dy, dx)
        changes[dy : h - dy, abs(dx) : w - abs(dx)] |= a != b
    return changes


def _shifted_pair(image: np.ndarray, dy: int, dx: int) -> tuple[np.ndarray, np.ndarray]:
    """Two views of ``image`` that lie ``2 dy`` rows and ``2 dx`` columns apart."""
    h, w = image.shape
    rows_a, rows_b = slice(0, h - 2 * dy), slice(2 * dy, h)
    left, right = slice(0, w - 2 * abs(dx)), slice(2 * abs(dx), w)
    return image[rows_a, left if dx >= 0 else right], image[rows_b, right if dx >= 0 else left]
