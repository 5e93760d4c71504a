"""The same noise through every model that is shipped, with as few evaluations as one likes (claims C17 to C19)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from course_utils.critters import Scene, caption
from course_utils.demos.base import Demo
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.samplers import LCM_STEPS
from course_utils.measure.trajectories import path_ratio
from course_utils.models.registry import available
from course_utils.show.image import to_png
from course_utils.show.text import digits

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 25, 50)
SIDE = 192


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


class Steps(Demo):
    """Choose how many network evaluations a picture may cost; every model that is shipped draws from the same noise.

    `draws` maps roles to `TextToImage`; by default all that this copy of the course holds. Every control is a native
    one and works with the keyboard; the sentence below the pictures is announced to screen readers.
    """

    name = "steps"

    def __init__(
        self, draws: Mapping[str, Any] | None = None, scene: Scene | None = None, evaluations: int = 4, seed: int = 0
    ) -> None:
        self.draws = dict(draws) if draws else {role: TextToImage.load(role, "critters") for role in shipped()}
        self.prompt = caption(scene or Scene("fox", stance="walking", background="pink", size=0.65))
        wide = widgets.Layout(width="95%", max_width="440px")
        self.controls = {
            "evaluations": widgets.SelectionSlider(options=COUNTS, value=evaluations, description="evaluations",
                                                   layout=wide, continuous_update=False),
            "seed": widgets.IntSlider(seed, 0, 20, description="seed", layout=wide, continuous_update=False),
        }
        self.image = widgets.Image(format="png", layout=widgets.Layout(width="100%", max_width="1280px"))
        self.status = widgets.HTML()
        self.widget = widgets.VBox([*self.controls.values(), self.image, self.status])
        self._update()
        for control in self.controls.values():
            control.observe(self._update, "value")

    def _update(self, _change: object = None) -> None:
        evaluations, seed = (control.value for control in self.controls.values())
        with torch.inference_mode():
            self.runs = {role: run(draw, self.prompt, seed, evaluations) for role, draw in self.draws.items()}
        large = [np.asarray(Image.fromarray(found.picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
                 for found in self.runs.values()]
        self.image.value = to_png(np.hstack(large))
        self.status.value = f'<p role="status" aria-live="polite">{self.sentence()}</p>'

    def sentence(self) -> str:
        """Steps and detour of each model."""
        each = (f"{role}: {found.steps} step{'s' if found.steps > 1 else ''}, path {digits(found.detour)} times the "
                "straight line" for role, found in self.runs.items())
        return f"From left to right with {self.controls['evaluations'].value} network evaluations; {'; '.join(each)}."

    def poster_png(self) -> bytes:
        """The pictures side by side."""
        return bytes(self.image.value)

    def alt(self) -> str:
        """What they show."""
        return f"Demo. What each model draws for “{self.prompt}” from the same noise. {self.sentence()}"

    def caption(self) -> str:
        """The invitation under the poster."""
        return f"{self.sentence()} Run this notebook and the number of evaluations is yours."
