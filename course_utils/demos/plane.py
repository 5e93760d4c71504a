"""The plane fluffy-scaly by small-large: a place on it is a conditioning, and the animal there is drawn live."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from course_utils.critters import Scene
from course_utils.demos.base import Demo
from course_utils.measure.critic import read
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
    picture = draw(on_plane(four, scaly, large), draw.noise([seed]))
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


class Plane(Demo):
    """Two sliders are the cursor: how scaly, how large. The picture at the cursor is generated when one is let go.

    `scenes` maps names to scenes; texture and size of a scene do not matter. Every control is a native one and works
    with the keyboard; the sentence below the picture is announced to screen readers.
    """

    name = "plane"

    def __init__(self, draw: Any, scenes: Mapping[str, Scene], scaly: float = 0.5, large: float = 0.5, seed: int = 0):
        if not scenes:
            raise ValueError("give at least one scene: Plane(draw, {'a fox': Scene()})")
        self.draw, self.four = draw, {name: corners(draw, scene) for name, scene in scenes.items()}
        self.sheets: dict[tuple[str, int], Pixels] = {}
        wide = widgets.Layout(width="95%", max_width="440px")
        steps: dict[str, Any] = {"min": 0, "max": 1, "step": 0.05, "continuous_update": False, "layout": wide}
        self.controls = {
            "animal": widgets.Dropdown(options=list(scenes), description="animal", layout=wide),
            "scaly": widgets.FloatSlider(scaly, description="scaly", **steps),
            "large": widgets.FloatSlider(large, description="large", **steps),
            "seed": widgets.IntSlider(seed, 0, 9, description="noise no.", continuous_update=False, layout=wide),
        }
        self.image = widgets.Image(format="png", layout=widgets.Layout(width="100%", max_width="520px"))
        self.status = widgets.HTML()
        self.widget = widgets.VBox([*self.controls.values(), self.image, self.status])
        self._update()
        for control in self.controls.values():
            control.observe(self._update, "value")

    def _update(self, _change: object = None) -> None:
        name, scaly, large, seed = (control.value for control in self.controls.values())
        self.state = visit(self.draw, self.four[name], scaly, large, seed)
        self.image.value = beside(self._sheet(name, seed), self.state.picture, scaly, large)
        self.status.value = f'<p role="status" aria-live="polite">{self.sentence()}</p>'

    def _sheet(self, name: str, seed: int) -> Pixels:
        """The four corners as one picture, large ones above, scaly ones to the right; drawn once."""
        if (name, seed) not in self.sheets:
            states = self.four[name].flatten(0, 1)
            a, b, c, d = self.draw(states, self.draw.noise([seed]).expand(4, -1, -1, -1))
            self.sheets[name, seed] = np.vstack([np.hstack([c, d]), np.hstack([a, b])])
        return self.sheets[name, seed]

    def sentence(self) -> str:
        """Where the cursor is, and what the critic reads there."""
        scaly, large = self.controls["scaly"].value, self.controls["large"].value
        return (
            f"Cursor at {scaly:.2f} scaly, {large:.2f} large. The critic sees scales with a probability of "
            f"{digits(100 * self.state.scaly, 2)} %, and an animal {digits(100 * self.state.size, 2)} % as high as the "
            "picture."
        )

    def poster_png(self) -> bytes:
        """Plane and picture of the present state."""
        return bytes(self.image.value)

    def alt(self) -> str:
        """What the two panels show."""
        return (
            "Demo. Left: four generated animals as the corners of a plane, small ones below, scaly ones to the right, "
            f"and a dot at the cursor. Right: {self.controls['animal'].value} as it is generated there. "
            f"{self.sentence()}"
        )

    def caption(self) -> str:
        """The invitation under the poster."""
        return f"The plane, and the animal at the cursor. {self.sentence()} Run this notebook and the cursor is yours."
