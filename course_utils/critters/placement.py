"""From body coordinates to pixels: how large the animal is and where it stands."""

from __future__ import annotations

from typing import NamedTuple

from .anatomy import sits
from .scene import Scene
from .shapes import Points

HALF_WIDTH = 0.608
"""No animal, whatever its tail and head do, reaches further from its middle than this, in body heights."""
HEIGHT = 1.05
MARGIN = 0.008
"""Room kept free at each border, as a fraction of the picture."""
_HORIZON_ABOVE_PAWS = 0.10
_MIDDLE = {True: -0.05, False: -0.0125}
"""What counts as the animal's middle, so that nose and tail have equal room: sitting, upright."""


class Placement(NamedTuple):
    """An affine map ``pixel = origin + scale * body``, x mirrored for animals that face left."""

    x: float
    y: float
    scale: float
    mirror: int
    middle: float

    def __call__(self, shape: Points) -> Points:
        """A shape in body coordinates, in pixels."""
        return (shape - (self.middle, 0.0)) * (self.mirror * self.scale, self.scale) + (self.x, self.y)


def place(scene: Scene, size: int) -> Placement:
    """Where the scene's animal stands in a picture of ``size`` pixels.

    ``scene.x`` and ``scene.y`` run through the room that its ``size`` leaves, so that it is never cropped.
    """
    left = HALF_WIDTH * scene.size + MARGIN
    top, bottom = HEIGHT * scene.size + MARGIN, 0.96
    x = left + (1 - 2 * left) * scene.x
    y = top + (bottom - top) * scene.y
    mirror = 1 if scene.facing == "right" else -1
    return Placement(x * size, y * size, scene.size * size, mirror, _MIDDLE[sits(scene)])


def horizon(placement: Placement, size: int) -> float:
    """The line between wall and floor, in pixels from the top."""
    return placement.y - _HORIZON_ABOVE_PAWS * size
