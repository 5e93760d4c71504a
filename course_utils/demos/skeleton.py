"""Move the joints of a skeleton and see whether the animal follows: a ControlNet under one's own hands (claim C15)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from traitlets import Bool, Int, Unicode
from traitlets import Float as Number

from course_utils.critters import KEYPOINTS, Scene, caption, draw_pose, keypoints
from course_utils.demos.live import Live, mirrored, student_or_teacher
from course_utils.measure.adherence import keypoint_errors
from course_utils.show.image import to_png
from course_utils.show.text import digits

Pixels = UInt8[np.ndarray, "h w 3"]
Joints = Mapping[str, tuple[float, float]]
SIDE = 128
"""Pixels of a map's side."""

WORDS = ("species", "texture", "coat", "background", "stance", "facing")
"""Traits that make the prompt."""

MOVE = re.compile(r"(\w+)=(-?[\d.]+),(-?[\d.]+)")


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


class Skeleton(Live):
    """Pull at a joint; the animal is generated anew while it moves.

    Args:
        draw: a `TextToImage` with a ControlNet, which draws the poster, and at a larger scale than the page's the rest.
        scenes: names to scenes; the first is the skeleton that one begins with, and the prompt.
        scale: the conditioning scale.
        seed: of the noise.
        prompt: for the poster, in place of the first scene's caption.

    Traits: the prompt's `species`, `texture`, `coat`, `background`, `stance` and `facing`; the skeleton's own stance,
    `figure`, and what was moved, `moves` ("nose=5,-3;neck=1,0"); `joint`, `conditioning`, `trained` (steps of the
    ControlNet's training), `seed`, and `by` whom it is drawn; which `map`, and of one that is drawn by hand its `lines`
    and whether an animal's edges lie `under` them.
    """

    name = "skeleton"
    species, texture, coat, background = (mirrored(Unicode) for _ in range(4))
    stance, facing, figure, joint, moves, by = (mirrored(Unicode) for _ in range(6))
    map, lines, under = mirrored(Unicode), mirrored(Unicode), mirrored(Bool)
    conditioning, trained, seed = mirrored(Number), mirrored(Int), mirrored(Int)

    def __init__(
        self, draw: Any, scenes: Mapping[str, Scene], scale: float = 1.0, seed: int = 0, prompt: str | None = None
    ) -> None:
        if not scenes:
            raise ValueError("give at least one scene: Skeleton(draw, {'a fox': Scene()})")
        (self.who, self.scene), *_ = scenes.items()
        super().__init__(**{name: getattr(self.scene, name) for name in WORDS}, figure=self.scene.stance,
                         joint="nose", moves="", conditioning=scale, seed=seed)
        self.draw, self.said = draw, prompt
        self.seen: dict[tuple[Any, ...], Posed] = {}

    def draws(self) -> Mapping[str, Any]:
        """The only one."""
        return {student_or_teacher(self.draw): self.draw}

    def joints(self) -> dict[str, tuple[float, float]]:
        """The skeleton of the chosen figure with all moves made, in pixels."""
        placed: dict[str, tuple[float, float]] = keypoints(self.asked().but(stance=self.figure))
        for name, right, down in MOVE.findall(self.moves):
            placed = moved(placed, name, float(right), float(down))
        return placed

    def asked(self) -> Scene:
        """The scene in the chosen words."""
        return self.scene.but(**{name: getattr(self, name) for name in WORDS})

    def present(self) -> Posed:
        """What the present state gives."""
        prompt = caption(self.asked()) if self.said is None else self.said
        state = (prompt, self.asked(), self.figure, self.moves, self.conditioning, self.seed)
        if state not in self.seen:
            self.seen = {state: pose(self.draw, prompt, self.joints(), self.conditioning, self.seed)}
        return self.seen[state]

    def sentence(self) -> str:
        """How far joints are from where they were asked for."""
        errors = self.present().errors
        own = SIDE * float(errors[KEYPOINTS.index(self.joint)])
        return (f"At conditioning scale {self.conditioning:g} the critic finds the joint “{self.joint}” "
                f"{digits(own, 2)} pixels from where the skeleton has it, and all joints "
                f"{digits(SIDE * float(errors.mean()), 2)} on average; the picture is {SIDE} wide.")

    def poster_png(self) -> bytes:
        """Skeleton and picture of the present state."""
        return diptych(self.present())

    def alt(self) -> str:
        """What the two panels show."""
        return ("Demo. Left: a skeleton in coloured lines on black. Right: "
                f"{self.who} as it is generated by that skeleton. {self.sentence()}")

    def caption(self) -> str:
        """The invitation under the poster."""
        return f"The skeleton, and what is drawn by it. {self.sentence()} Run this notebook and the joints are yours."
