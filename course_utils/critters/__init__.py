"""The critters: a procedural world of small illustrated animals whose every property is known.

A :class:`Scene` says everything about a picture; from it come the picture, the caption, the named keypoints and the
control maps, at any size, the same on every machine.

>>> scene = sample(1, seed=0)[0]
>>> render(scene).shape
(128, 128, 3)
"""

from .caption import SYNONYMS, caption, parse
from .controls import BONES, CONDITIONS, KEYPOINTS, depth_map, draw_pose, edge_map, keypoints, mask, pose_map
from .render import render
from .scene import (
    BACKGROUNDS,
    CHOICES,
    COATS,
    FACINGS,
    LARGE_ABOVE,
    RANGES,
    SIZE_RANGE,
    SMALL_BELOW,
    SPECIES,
    STANCES,
    TEXTURES,
    Scene,
    sample,
)
from .sheet import sheet

__all__ = [
    "BACKGROUNDS", "BONES", "CHOICES", "COATS", "CONDITIONS", "FACINGS", "KEYPOINTS", "LARGE_ABOVE", "RANGES",
    "SIZE_RANGE", "SMALL_BELOW", "SPECIES", "STANCES", "SYNONYMS", "TEXTURES", "Scene", "caption", "depth_map",
    "draw_pose", "edge_map", "keypoints", "mask", "parse", "pose_map", "render", "sample", "sheet",
]  # fmt: skip
