"""The colours of a scene, one for each material."""

from __future__ import annotations

from functools import cache

import numpy as np

from .parts import Material

Colour = tuple[int, int, int]

COAT_COLOURS: dict[str, Colour] = {
    "orange": (242, 143, 54), "brown": (152, 98, 64), "gray": (152, 158, 168),
    "white": (246, 240, 228), "blue": (88, 146, 228),
}  # fmt: skip
BACKGROUND_COLOURS: dict[str, Colour] = {
    "green": (152, 207, 124), "pink": (250, 192, 207), "yellow": (250, 223, 124), "purple": (178, 154, 218),
}  # fmt: skip


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """``a`` with ``share`` of ``b`` stirred in."""
    red, green, blue = (round(p * (1 - share) + q * share) for p, q in zip(a, b, strict=True))
    return red, green, blue


@cache
def palette(coat_name: str, background_name: str, texture: str) -> np.ndarray:
    """``[16, 3]`` uint8, indexed by ``Material``. Read-only: it is shared."""
    coat, wall = COAT_COLOURS[coat_name], BACKGROUND_COLOURS[background_name]
    cream = mix(coat, (255, 250, 240), 0.80)
    soft = texture == "fluffy"
    sock = mix((60, 40, 40), coat, 0.15)
    colours: dict[Material, Colour] = {
        Material.WALL: wall,
        Material.COAT: coat,
        Material.COAT_SHADED: mix(coat, (50, 35, 40), 0.22),
        Material.COAT_DARK: mix(coat, (60, 35, 30), 0.30) if soft else mix(coat, (25, 35, 45), 0.52),
        Material.COAT_LIGHT: mix(coat, (255, 253, 245), 0.42) if soft else mix(coat, (235, 255, 250), 0.38),
        Material.CREAM: cream,
        Material.WHITE: (255, 255, 255) if coat_name == "white" else (253, 250, 243),
        Material.SOCK: sock,
        Material.INK: (34, 26, 30),
        Material.PINK: (240, 120, 132),
        Material.IRIS: (182, 222, 88),
        Material.OUTLINE: mix(coat, (38, 24, 28), 0.78),
        Material.PALE_SHADED: mix((253, 250, 243), (50, 35, 40), 0.18),
        Material.FLOOR: mix(wall, (60, 60, 50), 0.13),
        Material.SHADOW: mix(wall, (40, 40, 45), 0.33),
        Material.SOCK_SHADED: mix(sock, (30, 20, 25), 0.30),
    }
    table = np.array([colours[m] for m in Material], dtype=np.uint8)
    table.setflags(write=False)
    return table
