"""Move the joints of a skeleton and see whether the animal follows: a ControlNet under one's own hands (claim C15)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from course_utils.critters import KEYPOINTS, Scene, caption, draw_pose, keypoints
from course_utils.demos.base import Demo
from course_utils.measure.adherence import keypoint_errors
from course_utils.show.image import to_png
from course_utils.show.text import digits

Pixels = UInt8[np.ndarray, "h w 3"]
Joints = Mapping[str, tuple[float, float]]
SIDE, REACH = 128, 40
"""Pixels of a map's side, and how far a joint can be moved in each direction."""


@dataclass(frozen=True)
class Posed:
    """What was asked for and what came of it."""

    skeleton: Pixels
    picture: Pixels
    errors: Float[np.ndarray, " 12"]
    """How far the critic finds each joint from where the skeleton has it, as a fraction of the width."""


def moved(joints: Joints, name: str, right: float, down: float) -> dict[str, tuple[float, float]]:
    """The joints with one of them moved by pixels, and kept inside of the picture.

    Raises `ValueError` for an unknown joint, with the known ones.
    """
    if name not in joints:
        raise ValueError(f"no joint called {name!r}; there are: {', '.join(joints)}")
    x, y = np.clip(np.add(joints[name], (right, down)), 0, SIDE - 1)
    return {**joints, name: (float(x), float(y))}


def pose(draw: Any, prompt: str, joints: Joints, scale: float = 1.0, seed: int = 0) -> Posed:
    """Draw a prompt by a skeleton, and measure how far the picture's joints are from it.

    Args:
        draw: a `TextToImage` loaded with `condition="pose"`.
        prompt: a text.
        joints: name to (x, y) in pixels of 128, all of `critters.KEYPOINTS`.
        scale: the conditioning scale; 0 is the base alone.
        seed: of the noise.
    """
    skeleton = draw_pose(joints)
    picture = draw([prompt], [seed], control_map=skeleton, conditioning_scale=scale)
    wanted = np.array([[joints[name] for name in KEYPOINTS]]) / SIDE
    return Posed(skeleton, picture[0], keypoint_errors(picture, wanted)[0])


def diptych(state: Posed) -> bytes:
    """The skeleton, and the picture beside it, as PNG."""
    both = [Image.fromarray(part).resize((2 * SIDE, 2 * SIDE), Image.Resampling.NEAREST)
            for part in (state.skeleton, state.picture)]
    return to_png(np.hstack([np.asarray(part) for part in both]))


class Skeleton(Demo):
    """Choose a joint, move it with two sliders, turn the conditioning scale; the animal is generated anew each time.

    `scenes` maps names to scenes: the skeleton that one begins with, and the prompt, unless `prompt` is one for all.
    Moves add up; *start again* brings the scene's own skeleton back. Every control is a native one and works with the
    keyboard; the sentence below the picture is announced to screen readers.
    """

    name = "skeleton"

    def __init__(
        self, draw: Any, scenes: Mapping[str, Scene], scale: float = 1.0, seed: int = 0, prompt: str | None = None
    ) -> None:
        if not scenes:
            raise ValueError("give at least one scene: Skeleton(draw, {'a fox': Scene()})")
        self.draw, self.scenes, self.prompt = draw, dict(scenes), prompt
        self.moves: dict[str, tuple[float, float]] = {}
        wide = widgets.Layout(width="95%", max_width="440px")
        late: dict[str, Any] = {"continuous_update": False, "layout": wide}
        self.controls = {
            "animal": widgets.Dropdown(options=list(scenes), description="animal", layout=wide),
            "joint": widgets.Dropdown(options=KEYPOINTS, value="nose", description="joint", layout=wide),
            "right": widgets.IntSlider(0, -REACH, REACH, description="to the right", **late),
            "down": widgets.IntSlider(0, -REACH, REACH, description="down", **late),
            "scale": widgets.FloatSlider(scale, min=0, max=2, step=0.1, description="scale", **late),
            "seed": widgets.IntSlider(seed, 0, 9, description="noise no.", **late),
        }
        self.reset = widgets.Button(description="start again", tooltip="bring the scene's own skeleton back")
        self.image = widgets.Image(format="png", layout=widgets.Layout(width="100%", max_width="520px"))
        self.status = widgets.HTML()
        self.widget = widgets.VBox([*self.controls.values(), self.reset, self.image, self.status])
        self._update()
        for name, control in self.controls.items():
            control.observe({"animal": self._start_again, "joint": self._choose}.get(name, self._update), "value")
        self.reset.on_click(self._start_again)

    def joints(self) -> dict[str, tuple[float, float]]:
        """The scene's skeleton with all moves made, in pixels."""
        placed: dict[str, tuple[float, float]] = keypoints(self.scenes[self.controls["animal"].value])
        for name, move in self.moves.items():
            placed = moved(placed, name, *move)
        return placed

    def _choose(self, _change: object = None) -> None:
        """Another joint: the sliders show where it has been moved to; nothing is drawn anew."""
        self._set(*self.moves.get(self.controls["joint"].value, (0, 0)))

    def _start_again(self, _change: object = None) -> None:
        self.moves = {}
        self._set(0, 0)
        self._update()

    def _set(self, right: float, down: float) -> None:
        """Sliders moved by the demo itself, which must not draw."""
        for name, value in (("right", right), ("down", down)):
            self.controls[name].unobserve(self._update, "value")
            self.controls[name].value = value
            self.controls[name].observe(self._update, "value")

    def _update(self, _change: object = None) -> None:
        animal, joint, right, down, scale, seed = (control.value for control in self.controls.values())
        if (right, down) != self.moves.get(joint, (0, 0)):
            self.moves[joint] = (right, down)
        prompt = caption(self.scenes[animal]) if self.prompt is None else self.prompt
        self.state = pose(self.draw, prompt, self.joints(), scale, seed)
        self.image.value = diptych(self.state)
        self.status.value = f'<p role="status" aria-live="polite">{self.sentence()}</p>'

    def sentence(self) -> str:
        """How far joints are from where they were asked for."""
        joint = self.controls["joint"].value
        own = SIDE * float(self.state.errors[KEYPOINTS.index(joint)])
        return (f"At conditioning scale {self.controls['scale'].value:g} the critic finds the joint “{joint}” "
                f"{digits(own, 2)} pixels from where the skeleton has it, and all joints "
                f"{digits(SIDE * float(self.state.errors.mean()), 2)} on average; the picture is {SIDE} wide.")

    def poster_png(self) -> bytes:
        """Skeleton and picture of the present state."""
        return bytes(self.image.value)

    def alt(self) -> str:
        """What the two panels show."""
        return ("Demo. Left: a skeleton in coloured lines on black. Right: "
                f"{self.controls['animal'].value} as it is generated by that skeleton. {self.sentence()}")

    def caption(self) -> str:
        """The invitation under the poster."""
        return f"The skeleton, and what is drawn by it. {self.sentence()} Run this notebook and the joints are yours."
