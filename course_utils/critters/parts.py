"""The shapes of an animal, back to front: what the renderer paints and the control maps read."""

from __future__ import annotations

from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .anatomy import Leg, legs, sits, tail_curve
from .scene import Scene
from .shapes import Points, ellipse, limb, points, smooth, tufted

TUFT = 0.052
"""Height of a lock of hair, in body heights."""


class Part(IntEnum):
    """What a pixel belongs to. Outlines are drawn wherever this changes."""

    (BACKDROP, TAIL, FRONT_FAR, REAR_FAR, SPIKES, BODY, FRONT_NEAR, REAR_NEAR, EARS, HEAD, EAR_LEFT,
     EAR_RIGHT) = range(12)  # fmt: skip


class Material(IntEnum):
    """What a pixel is painted with. Texture lies on ``COAT`` alone."""

    (WALL, COAT, COAT_SHADED, COAT_DARK, COAT_LIGHT, CREAM, WHITE, SOCK, INK, PINK, IRIS, OUTLINE, PALE_SHADED,
     FLOOR, SHADOW, SOCK_SHADED) = range(16)  # fmt: skip


class Shape(NamedTuple):
    """A filled polygon in body coordinates."""

    part: Part
    material: Material
    outline: Points


def fur(scene: Scene, outline: Points, height: float = 1.0, pitch: float = 0.15) -> Points:
    """The outline with locks of hair if the animal is fluffy, unchanged if it is scaly."""
    return tufted(outline, TUFT * height, pitch) if scene.texture == "fluffy" else outline


def body_shapes(scene: Scene) -> list[Shape]:
    """Everything but the head, back to front."""
    return _tail(scene) + (_sitting_body(scene) if sits(scene) else _upright_body(scene))


def _tail(scene: Scene) -> list[Shape]:
    spine = tail_curve(scene)
    along = np.linspace(0, 1, len(spine))
    if scene.species == "fox":
        widths = 0.045 + 0.075 * np.sin(np.pi * np.minimum(1, along * 0.92 + 0.06)) ** 0.8
        tip, tip_material = slice(-4, None), Material.WHITE
    elif scene.species == "cat":
        widths, tip, tip_material = np.full(len(spine), 0.046), slice(-3, None), Material.COAT_DARK
    else:
        widths, tip, tip_material = 0.064 - 0.028 * along, slice(0, 0), Material.COAT
    hair = {"fox": 1.0, "cat": 0.62, "dog": 0.85}[scene.species]
    shapes = [Shape(Part.TAIL, Material.COAT, fur(scene, limb(spine, widths), hair))]
    if scene.species != "dog":
        shapes.append(Shape(Part.TAIL, tip_material, fur(scene, limb(spine[tip], widths[tip]), hair)))
    return shapes


def _sitting_body(scene: Scene) -> list[Shape]:
    leg = legs(scene)
    back = points((-0.27, -0.21), (-0.245, -0.30), (-0.18, -0.39), (-0.10, -0.47), (-0.01, -0.53))
    body = smooth(
        points((0.04, -0.56), (0.16, -0.55), (0.22, -0.44), (0.20, -0.28), (0.13, -0.10), (0.01, -0.05),
               (-0.16, -0.05), (-0.26, -0.12), (-0.26, -0.25), (-0.20, -0.38), (-0.09, -0.50))
    )  # fmt: skip
    chest = points((0.09, -0.53), (0.20, -0.50), (0.205, -0.38), (0.15, -0.25), (0.08, -0.36))
    return [
        *_leg(scene, leg["front_far"], Part.FRONT_FAR),
        *_spikes(scene, back),
        Shape(Part.BODY, Material.COAT, fur(scene, body)),
        Shape(Part.BODY, Material.CREAM, fur(scene, smooth(chest), 0.8)),
        *_leg(scene, leg["front_near"], Part.FRONT_NEAR),
        Shape(Part.REAR_NEAR, Material.COAT, fur(scene, ellipse((-0.11, -0.17), 0.135, 0.12), 0.5)),
        Shape(Part.REAR_NEAR, _sock(scene), _paw(leg["rear_near"])),
    ]


def _upright_body(scene: Scene) -> list[Shape]:
    leg = legs(scene)
    back = points((-0.30, -0.44), (-0.21, -0.50), (-0.11, -0.515), (-0.01, -0.525), (0.08, -0.535))
    body = smooth(
        points((-0.31, -0.42), (-0.27, -0.50), (-0.10, -0.52), (0.09, -0.54), (0.23, -0.54), (0.29, -0.44),
               (0.27, -0.30), (0.12, -0.24), (-0.10, -0.23), (-0.25, -0.25), (-0.32, -0.33))
    )  # fmt: skip
    chest = points((0.16, -0.52), (0.27, -0.49), (0.275, -0.37), (0.21, -0.27), (0.15, -0.37))
    near = [leg["front_near"], leg["rear_near"]]
    blends = [Shape(Part.BODY, Material.COAT, ellipse((n.top[0] + 0.005, -0.335), 0.068, 0.07, 12)) for n in near]
    return [
        *_leg(scene, leg["front_far"], Part.FRONT_FAR),
        *_leg(scene, leg["rear_far"], Part.REAR_FAR),
        *_spikes(scene, back),
        Shape(Part.BODY, Material.COAT, fur(scene, body)),
        Shape(Part.BODY, Material.CREAM, fur(scene, smooth(chest), 0.8)),
        *_leg(scene, near[0], Part.FRONT_NEAR),
        *_leg(scene, near[1], Part.REAR_NEAR),
        *blends,
    ]


def _leg(scene: Scene, leg: Leg, part: Part) -> list[Shape]:
    far = part in (Part.FRONT_FAR, Part.REAR_FAR)
    coat = Material.COAT_SHADED if far else Material.COAT
    shapes = [Shape(part, coat, limb(points(*leg), (0.066, 0.058, 0.056)))]
    if _sock(scene) is not Material.COAT:
        shaded = Material.SOCK_SHADED if scene.species == "fox" else Material.PALE_SHADED
        ankle = points(leg.bend) * 0.3 + points(leg.paw) * 0.7
        sock = limb(np.concatenate([ankle, points(leg.paw)]), (0.058, 0.058))
        shapes.append(Shape(part, shaded if far else _sock(scene), sock))
    return shapes


def _sock(scene: Scene) -> Material:
    return {"fox": Material.SOCK, "cat": Material.WHITE, "dog": Material.COAT}[scene.species]


def _paw(leg: Leg) -> Points:
    """The foot of a folded hind leg, pointing forwards."""
    return limb(points((leg.paw[0] - 0.09, leg.paw[1] - 0.01), leg.paw), (0.045, 0.05))


def _spikes(scene: Scene, back: Points) -> list[Shape]:
    """A crest of triangles along the back of a scaly animal."""
    if scene.texture == "fluffy":
        return []
    return [Shape(Part.SPIKES, Material.COAT_DARK, _spike(a, b)) for a, b in pairwise(back)]


def _spike(a: Points, b: Points) -> Points:
    along = b - a
    upright = points((along[1], -along[0]))[0] / np.hypot(*along)
    return np.stack([a, (a + b) / 2 + 0.10 * upright + (-0.02, 0), b, (a + b) / 2 - 0.05 * upright])
