"""The same noise through every model that is shipped, with as few evaluations as one likes (claims C17 to C19)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor
from traitlets import Int, Unicode

from course_utils.critters import Scene
from course_utils.demos import web
from course_utils.demos.live import Live, mirrored
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.samplers import LCM_STEPS
from course_utils.measure.trajectories import path_ratio
from course_utils.models.registry import available
from course_utils.show.image import to_png
from course_utils.show.text import digits

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 25, 50)
SIDE = 192
WORDS = ("species", "texture", "coat", "background", "stance")
PROMPT = "a {texture} {coat} {species} {stance} on a {background} background, facing right"


@dataclass(frozen=True)
class Run:
    """What one model made of the noise.

    Attributes:
        steps: of its sampler; a guided one costs two evaluations.
        detour: length of the way that the latents went over that of the straight line; 1 is straight.
    """

    picture: UInt8[np.ndarray, "h w 3"]
    steps: int
    detour: float


def shipped() -> list[str]:
    """Roles of the embedded denoisers that draw from latents by a prompt alone, in the registry's order."""
    return [entry.role for entry in available() if entry.embedded and entry.objective and not entry.condition
            and not entry.role.startswith("pixel") and not entry.role.endswith("nodropout")]  # fmt: skip


def on_page() -> set[str]:
    """Roles of the denoisers that the page holds."""
    index = json.loads(web.content("models/models.json"))
    return {role for role, facts in index.items() if facts["use"] and len(facts["inputs"]) == 3}


def plan(guidance: float, evaluations: int) -> tuple[int, float]:
    """Steps and guidance scale for so many evaluations: a guided step costs two, so a single one cannot be guided.

    Raises `ValueError` for none, or for more than `LCM_STEPS`.
    """
    if not 1 <= evaluations <= LCM_STEPS:
        raise ValueError(f"1 to {LCM_STEPS} evaluations, got {evaluations}")
    return (evaluations, 1.0) if guidance == 1 or evaluations == 1 else (evaluations // 2, guidance)


def run(draw: Any, prompt: str, seed: int, evaluations: int) -> Run:
    """A picture by one `TextToImage` from the noise of `seed`, with so many evaluations."""
    steps, scale = plan(draw.guidance, evaluations)
    points: list[Tensor] = []
    z = draw.latents([prompt], [seed], steps=steps, guidance_scale=scale,
                     watch=lambda z, t: points.append(z.detach().clone()))
    return Run(draw.decode(z)[0], steps, float(path_ratio(torch.stack(points))[0]))


class Steps(Live):
    """How many network evaluations a picture may cost; every model draws from the same noise.

    Where models are asked for that the page does not hold, the kernel computes.

    Args:
        draws: names to `TextToImage`s; by default all that this copy of the course holds, by their roles.
        scene: what they draw.
        evaluations: one of `COUNTS`.
        seed: of the noise.

    Traits: `species`, `texture`, `coat`, `background`, `stance`, `evaluations`, `seed`.
    """

    name = "steps"
    species, texture, coat, background, stance = (mirrored(Unicode) for _ in WORDS)
    evaluations, seed = mirrored(Int), mirrored(Int)

    def __init__(
        self, draws: Mapping[str, Any] | None = None, scene: Scene | None = None, evaluations: int = 4, seed: int = 0
    ) -> None:
        self.models = dict(draws) if draws else {role: TextToImage.load(role, "critters") for role in shipped()}
        first = scene or Scene("fox", stance="walking", background="pink")
        more = {} if {getattr(draw, "role", "") for draw in self.models.values()} <= on_page() else {
            "computes": "kernel"}  # fmt: skip
        super().__init__(**{word: getattr(first, word) for word in WORDS}, evaluations=evaluations, seed=seed, **more)
        self.seen: dict[tuple[Any, ...], dict[str, Run]] = {}

    def draws(self) -> Mapping[str, Any]:
        """All of them, by their roles where those are known."""
        return {getattr(draw, "role", "") or name: draw for name, draw in self.models.items()}

    @property
    def prompt(self) -> str:
        """What they draw, as the page writes it."""
        return PROMPT.format(**{word: getattr(self, word) for word in WORDS})

    def present(self) -> dict[str, Run]:
        """What each model makes of the present state."""
        state = (self.prompt, self.seed, self.evaluations)
        if state not in self.seen:
            with torch.inference_mode():
                self.seen = {state: {name: run(draw, *state) for name, draw in self.models.items()}}
        return self.seen[state]

    def sentence(self) -> str:
        """Steps and detour of each model."""
        each = (f"{name}: {found.steps} step{'s' if found.steps > 1 else ''}, path {digits(found.detour)} times the "
                "straight line" for name, found in self.present().items())
        return f"From left to right with {self.evaluations} network evaluations; {'; '.join(each)}."

    def poster_png(self) -> bytes:
        """The pictures side by side."""
        return to_png(np.hstack([
            np.asarray(Image.fromarray(found.picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
            for found in self.present().values()]))  # fmt: skip

    def alt(self) -> str:
        """What they show."""
        return f"Demo. What each model draws for “{self.prompt}” from the same noise. {self.sentence()}"

    def caption(self) -> str:
        """The invitation under the poster."""
        return f"{self.sentence()} Run this notebook and the number of evaluations is yours."
