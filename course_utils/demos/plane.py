"""The plane fluffy-scaly by small-large: a place on it is a conditioning, and the animal there is drawn live."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw
from traitlets import Float, Int, Unicode

from course_utils.critters import Scene
from course_utils.demos.live import Live, mirrored, student_or_teacher
from course_utils.measure.lesson import read
from course_utils.measure.sweeps.paths import Corners, corners, on_plane
from course_utils.show.image import to_png
from course_utils.show.style import INK, PAPER
from course_utils.show.text import digits

Pixels = UInt8[np.ndarray, "h w 3"]
SIDE, DOT = 256, 9


@dataclass(frozen=True)
class Place:
    """What was drawn at a place of the plane, and what the critic reads off it."""

    picture: Pixels
    scaly: float
    """The critic's probability, 0 to 1."""
    size: float
    """Height of the animal as a fraction of the picture."""


def visit(draw: Any, four: Corners, scaly: float, large: float, seed: int) -> Place:
    """Draw the animal at (scaly, large) from the noise of `seed`, and read it."""
    picture = draw(on_plane(four, scaly, large), [seed])
    seen = read(picture)
    return Place(picture[0], float(seen.probabilities["texture"][0, 1]), float(seen.size[0]))


def beside(sheet: Pixels, picture: Pixels, scaly: float, large: float) -> bytes:
    """The four corners with the cursor as a dot, and the picture at the cursor, as PNG."""
    plan = Image.fromarray(sheet).resize((SIDE, SIDE), Image.Resampling.BOX)
    x, y = 1.5 * DOT + scaly * (SIDE - 3 * DOT), SIDE - 1.5 * DOT - large * (SIDE - 3 * DOT)
    ImageDraw.Draw(plan).ellipse((x - DOT, y - DOT, x + DOT, y + DOT), fill=INK, outline=PAPER, width=3)
    zoomed = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    gap = Image.new("RGB", (8, SIDE), PAPER)
    return to_png(np.hstack([np.asarray(plan), np.asarray(gap), np.asarray(zoomed)]))


class Plane(Live):
    """The cursor is `scaly` and `large`; the animal there is generated while it is dragged.

    Args:
        draw: a `TextToImage`, which draws the poster, and at a larger scale than the page's the animal.
        scenes: names to scenes; one begins with the first. Texture, size and background do not matter.
        scaly, large: where the cursor begins, 0 to 1.
        seed: of the noise.

    Traits: `species`, `coat`, `stance`, `seed`, `scaly`, `large`.
    """

    name = "plane"
    species, coat, stance = mirrored(Unicode), mirrored(Unicode), mirrored(Unicode)
    seed, scaly, large = mirrored(Int), mirrored(Float), mirrored(Float)

    def __init__(self, draw: Any, scenes: Mapping[str, Scene], scaly: float = 0.5, large: float = 0.5, seed: int = 0):
        if not scenes:
            raise ValueError("give at least one scene: Plane(draw, {'a fox': Scene()})")
        (self.who, self.scene), *_ = scenes.items()
        first = {name: getattr(self.scene, name) for name in ("species", "coat", "stance")}
        super().__init__(**first, scaly=scaly, large=large, seed=seed)
        self.draw = draw
        self.seen: dict[tuple[Any, ...], tuple[Pixels, Place]] = {}

    def draws(self) -> Mapping[str, Any]:
        """The only one."""
        return {student_or_teacher(self.draw): self.draw}

    def present(self) -> tuple[Pixels, Place]:
        """The four corners as one picture, large ones above, scaly ones to the right; and the animal at the cursor."""
        state = (self.species, self.coat, self.stance, self.seed, self.scaly, self.large)
        if state not in self.seen:
            four = corners(self.draw, self.scene.but(species=self.species, coat=self.coat, stance=self.stance))
            a, b, c, d = self.draw(four.flatten(0, 1), [self.seed] * 4)
            sheet = np.vstack([np.hstack([c, d]), np.hstack([a, b])])
            self.seen = {state: (sheet, visit(self.draw, four, self.scaly, self.large, self.seed))}
        return self.seen[state]

    def sentence(self) -> str:
        """Where the cursor is, and what the critic reads there."""
        _, place = self.present()
        return (
            f"Cursor at {self.scaly:.2f} scaly, {self.large:.2f} large. The critic sees scales with a probability of "
            f"{digits(100 * place.scaly, 2)} %, and an animal {digits(100 * place.size, 2)} % as high as the picture."
        )

    def poster_png(self) -> bytes:
        """Plane and picture of the present state."""
        sheet, place = self.present()
        return beside(sheet, place.picture, self.scaly, self.large)

    def alt(self) -> str:
        """What the two panels show."""
        return (
            "Demo. Left: four generated animals as the corners of a plane, small ones below, scaly ones to the right, "
            f"and a dot at the cursor. Right: {self.who} as it is generated there. {self.sentence()}"
        )

    def caption(self) -> str:
        """The invitation under the poster."""
        return f"The plane, and the animal at the cursor. {self.sentence()} Run this notebook and the cursor is yours."
