"""Where an animal's joints are, and the curves hung on them, in body coordinates.

Body coordinates: the unit is the animal's height, x points the way the animal looks, y downwards, the origin is on
the ground below its middle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .scene import Scene
from .shapes import Points, bezier, points, rotate

HEAD_RADIUS = 0.22
PAW_HEIGHT = -0.045
FACE_SHIFT = 0.13
"""How far the face is turned to the side the animal looks to, in head radii."""

_TORSO = {
    True: {"head": (0.15, -0.66), "neck": (0.11, -0.47), "shoulder": (0.10, -0.36), "hip": (-0.11, -0.18),
           "tail_base": (-0.22, -0.12)},
    False: {"head": (0.24, -0.66), "neck": (0.17, -0.47), "shoulder": (0.13, -0.36), "hip": (-0.19, -0.36),
            "tail_base": (-0.27, -0.43)},
}  # fmt: skip

# Control points of the tail, from its base: (sitting, upright).
_TAIL = {
    "cat": (((-.50, -.02), (-.56, -.30), (-.42, -.47)), ((-.46, -.44), (-.27, -.72), (-.42, -.86))),
    "fox": (((-.36, -.06), (-.47, -.22), (-.38, -.51)), ((-.39, -.38), (-.44, -.60), (-.36, -.82))),
    "dog": (((-.34, -.10), (-.42, -.20), (-.40, -.34)), ((-.36, -.46), (-.42, -.56), (-.38, -.71))),
}  # fmt: skip


class Leg(NamedTuple):
    """Hip or shoulder, knee or elbow, paw: three points."""

    top: tuple[float, float]
    bend: tuple[float, float]
    paw: tuple[float, float]


def sits(scene: Scene) -> bool:
    """Whether the animal sits; standing and walking share their skeleton."""
    return scene.stance == "sitting"


def head_point(scene: Scene, x: float, y: float) -> Points:
    """A point given in head radii from the head's centre, with the head tilted."""
    return on_head(scene, points((x, y)))[0]


def on_head(scene: Scene, shape: Points) -> Points:
    """A shape given in head radii from the head's centre, in body coordinates, tilted with the head."""
    centre = _TORSO[sits(scene)]["head"]
    return rotate(shape * HEAD_RADIUS + centre, centre, scene.head_tilt)


def tail_curve(scene: Scene) -> Points:
    """The tail's spine, an open curve of 11 points, swung by ``scene.tail`` degrees and kept above the ground."""
    base = _TORSO[sits(scene)]["tail_base"]
    swing = scene.tail * (0.5 if sits(scene) else 0.65)
    curve = rotate(bezier(base, *_TAIL[scene.species][0 if sits(scene) else 1]), base, swing)
    curve[:, 1] = np.minimum(curve[:, 1], -0.155 if scene.species == "fox" else -0.06)
    return curve


def legs(scene: Scene) -> dict[str, Leg]:
    """The four legs by name: ``front_near``, ``front_far``, ``rear_near``, ``rear_far``."""
    return _sitting_legs(scene.stride) if sits(scene) else _upright_legs(scene)


def _sitting_legs(stride: float) -> dict[str, Leg]:
    y, spread = PAW_HEIGHT, 0.025 * stride
    return {
        "front_far": Leg((0.14, -0.36), (0.18, -0.2), (0.205 + spread, y)),
        "front_near": Leg((0.07, -0.34), (0.09, -0.2), (0.105 - spread, y)),
        "rear_near": Leg((-0.11, -0.17), (-0.05, -0.06), (-0.01 + spread, y)),
        "rear_far": Leg((-0.11, -0.17), (-0.05, -0.06), (0.01 + spread, y)),
    }


def _upright_legs(scene: Scene) -> dict[str, Leg]:
    """Diagonal pairs swing together; in a walk the swinging pair leaves the ground, most in mid-stride."""
    walking = scene.stance == "walking"
    swing = scene.stride * (0.135 if walking else 0.02)
    lift = 0.05 - 0.025 * abs(scene.stride) if walking else 0.0
    return {
        "front_far": _upright_leg(0.20, -swing, 0),
        "front_near": _upright_leg(0.11, swing, lift),
        "rear_near": _upright_leg(-0.16, -swing, 0),
        "rear_far": _upright_leg(-0.24, swing, lift),
    }


def _upright_leg(x: float, swing: float, lift: float) -> Leg:
    return Leg((x, -0.30), (x + 0.45 * swing + 0.4 * lift, -0.18 - lift / 2), (x + swing, PAW_HEIGHT - lift))


def joints(scene: Scene) -> dict[str, tuple[float, float]]:
    """Every named keypoint in body coordinates. The ears are left out: they would give the species away."""
    tail, leg = tail_curve(scene), legs(scene)
    torso = _TORSO[sits(scene)]
    named = {
        "nose": head_point(scene, FACE_SHIFT, 0.34), "head": torso["head"], "neck": torso["neck"],
        "shoulder": torso["shoulder"], "hip": torso["hip"],
        "front_paw_near": leg["front_near"].paw, "front_paw_far": leg["front_far"].paw,
        "rear_paw_near": leg["rear_near"].paw, "rear_paw_far": leg["rear_far"].paw,
        "tail_base": torso["tail_base"], "tail_mid": tail[5], "tail_tip": tail[-1],
    }  # fmt: skip
    return {name: (float(p[0]), float(p[1])) for name, p in named.items()}
