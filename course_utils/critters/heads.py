"""Heads and faces of the three species, in head radii from the head's centre (x the way the animal looks)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .anatomy import FACE_SHIFT, HEAD_RADIUS, on_head
from .parts import Material, Part, Shape, fur
from .scene import Scene
from .shapes import Points, ellipse, limb, points, smooth

F = FACE_SHIFT
_SKULL = {
    "cat": ellipse((0, 0.02), 1.08, 0.90),
    "dog": ellipse((0, 0), 0.95, 0.95),
    "fox": smooth(
        points((-0.72, -0.70), (0, -0.82), (0.72, -0.70), (1.02, -0.1), (1.22, 0.34), (0.72, 0.62), (0.26 + F, 1.0),
               (F - 0.26, 1.0), (-0.72, 0.62), (-1.22, 0.34), (-1.02, -0.1))
    ),
}  # fmt: skip
_POINTED_EAR = {
    "cat": points((1.0, -0.15), (0.90, -1.36), (0.12, -0.80)),
    "fox": points((1.02, -0.2), (0.82, -1.58), (0.08, -0.72)),
}
_FLOPPY_EAR = smooth(
    points((0.50, -0.92), (0.95, -0.82), (1.34, -0.1), (1.34, 0.50), (1.06, 0.66), (0.80, 0.25), (0.70, -0.45))
)
_FOX_CHEEK = {
    side: smooth(
        points((side * 0.12 + F, 0.22), (side * 0.60, 0.10), (side * 1.08, 0.34), (side * 0.68, 0.56),
               (side * 0.22 + F, 0.95), (F, 0.92), (F, 0.5))
    )
    for side in (-1, 1)
}  # fmt: skip


class Mark(NamedTuple):
    """Paint over everything, outlines too: an eye, a nose, a whisker. ``thin`` marks are lines, not areas."""

    material: Material
    outline: Points
    thin: bool = False


def head_shapes(scene: Scene) -> list[Shape]:
    """Ears, skull and muzzle, back to front, in body coordinates."""
    build = _dog_head if scene.species == "dog" else _pointed_head
    return [Shape(part, material, on_head(scene, outline)) for part, material, outline in build(scene)]


def face_marks(scene: Scene) -> list[Mark]:
    """Eyes, nose, mouth, whiskers, in body coordinates."""
    marks = {"dog": _dog_face, "fox": _fox_face, "cat": _cat_face}[scene.species]()
    return [Mark(m.material, on_head(scene, m.outline), m.thin) for m in marks]


def _mirrored(shape: Points, side: int) -> Points:
    return shape * (side, 1)


def _skull(scene: Scene) -> Points:
    # fur() thinks in body heights; here the unit is the head radius
    return fur_on_head(scene, _SKULL[scene.species], 0.8)


def fur_on_head(scene: Scene, outline: Points, height: float) -> Points:
    """As ``fur``, for an outline in head radii."""
    return fur(scene, outline * HEAD_RADIUS, height) / HEAD_RADIUS


def _dog_head(scene: Scene) -> list[Shape]:
    ears = [
        Shape(part, Material.COAT_DARK, fur_on_head(scene, _mirrored(_FLOPPY_EAR, side), 0.6))
        for part, side in ((Part.EAR_LEFT, -1), (Part.EAR_RIGHT, 1))
    ]
    skull = Shape(Part.HEAD, Material.COAT, _skull(scene))
    tongue = Shape(Part.HEAD, Material.PINK, ellipse((F, 0.86), 0.17, 0.24))
    muzzle = Shape(Part.HEAD, Material.CREAM, ellipse((F, 0.46), 0.56, 0.44))
    return [skull, muzzle, tongue, *ears]


def _pointed_head(scene: Scene) -> list[Shape]:
    ears = [_mirrored(_POINTED_EAR[scene.species], side) for side in (-1, 1)]
    shapes = [Shape(Part.EARS, Material.COAT, ear) for ear in ears]
    for ear in ears:
        shapes += _ear_inside(scene, ear)
    shapes.append(Shape(Part.HEAD, Material.COAT, _skull(scene)))
    if scene.species == "fox":
        return shapes + [Shape(Part.HEAD, Material.WHITE, _FOX_CHEEK[side]) for side in (-1, 1)]
    return [*shapes, Shape(Part.HEAD, Material.WHITE, ellipse((F, 0.46), 0.42, 0.30))]


def _ear_inside(scene: Scene, ear: Points) -> list[Shape]:
    middle = ear.mean(axis=0)
    inside = middle + (ear - middle) * 0.52 + (0, 0.05)
    if scene.species == "cat":
        return [Shape(Part.EARS, Material.PINK, inside)]
    tip = ear[1] + (ear - ear[1]) * 0.45
    return [Shape(Part.EARS, Material.SOCK, tip), Shape(Part.EARS, Material.WHITE, inside)]


def _line(*spine: tuple[float, float], width: float = 0.035) -> Points:
    return limb(points(*spine), np.full(len(spine), width))


def _eyes(x: float, y: float, rx: float = 0.165, ry: float = 0.21) -> list[Mark]:
    marks = []
    for side in (-1, 1):
        cx = F + side * x
        marks += [
            Mark(Material.INK, ellipse((cx, y), rx, ry, 16)),
            Mark(Material.WHITE, ellipse((cx + 0.05, y - 0.08), 0.07, 0.08, 10)),
        ]
    return marks


def _dog_face() -> list[Mark]:
    return [
        Mark(Material.OUTLINE, _line((F, 0.30), (F, 0.66)), thin=True),
        Mark(Material.INK, ellipse((F, 0.28), 0.25, 0.18, 16)),
        *_eyes(0.42, -0.16),
    ]


def _fox_face() -> list[Mark]:
    return [Mark(Material.INK, ellipse((F, 0.88), 0.20, 0.16, 16)), *_eyes(0.44, -0.03)]


def _cat_face() -> list[Mark]:
    stripes = [
        Mark(Material.COAT_DARK, _line((x * 1.1, -0.86), (x * 0.8, -0.50), width=0.075)) for x in (-0.34, 0, 0.34)
    ]
    whiskers = [
        Mark(Material.OUTLINE, _line((F + side * 0.36, 0.42), (side * 1.40, y), width=0.024), thin=True)
        for side in (-1, 1)
        for y in (0.32, 0.60)
    ]
    mouth = [Mark(Material.OUTLINE, _line((F, 0.42), (F, 0.60)), thin=True)]
    nose = [Mark(Material.PINK, points((F - 0.16, 0.24), (F + 0.16, 0.24), (F, 0.43)))]
    irises = [Mark(Material.IRIS, ellipse((F + side * 0.46, -0.06), 0.22, 0.24, 16)) for side in (-1, 1)]
    return [*stripes, *whiskers, *mouth, *nose, *irises, *_eyes(0.46, -0.06, 0.12, 0.22)]
