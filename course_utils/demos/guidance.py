"""Turn the guidance scale: the picture, and the two predictions as arrows in the plane they span (claim C10)."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from traitlets import Float as Number
from traitlets import Int, Unicode

from course_utils.critters import BACKGROUNDS, COATS, SPECIES, TEXTURES
from course_utils.critters.caption import animal
from course_utils.demos.live import Live, mirrored
from course_utils.diffusion.samplers import Latents
from course_utils.measure.trajectories import angle, in_their_plane
from course_utils.show.guidance import plane
from course_utils.show.image import to_png
from course_utils.show.text import digits

ENLARGED = 512
NAMES = {"unconditional": "grey", "conditional": "blue", "guided": "orange"}
STEPS = 25


@dataclass(frozen=True)
class Guided:
    """What one prompt, scale and seed give."""

    picture: UInt8[np.ndarray, "h w 3"]
    arrows: Float[np.ndarray, "3 2"]
    """Unconditional, conditional and guided prediction at one step, in the plane of the first two."""
    degrees: float
    """Angle between the first two."""
    timestep: float


def prompt_of(species: str, texture: str, coat: str, background: str) -> str:
    """The caption of the chosen words."""
    described = animal({"texture": texture, "coat": coat, "species": species})
    return f"{described} sitting on a {background} background, facing right"


def guide(
    draw: Any, prompt: str, scale: float, seed: int, step: int, negative: str = "", steps: int = STEPS
) -> Guided:
    """Draw a prompt at a guidance scale, and look at the two predictions before sampler step `step`.

    Args:
        draw: a `TextToImage`.
        prompt: text.
        scale: 0 unconditional, 1 conditional, above it beyond.
        seed: of the noise.
        step: 0 to `steps` - 1.
        negative: what guidance leads away from.
        steps: of the sampler.

    Raises `ValueError` for a step that is none of these.
    """
    if not 0 <= step < steps:
        raise ValueError(f"the sampler takes {steps} steps, 0 to {steps - 1}; there is no step {step}")
    seen: list[tuple[Latents, float]] = []
    latents = draw.latents([prompt], [seed], guidance_scale=scale, steps=steps, negative_prompt=negative,
                           watch=lambda z, t: seen.append((z, t)))
    z, t = seen[step]
    with torch.inference_mode():
        both = draw.unet(z.repeat(2, 1, 1, 1), t, draw.text.read([negative, prompt]).to(z.device), return_dict=False)[0]
    first, second = in_their_plane(both[:1], both[1:])[0].numpy(force=True)
    arrows = np.stack([first, second, first + scale * (second - first)])
    return Guided(draw.decode(latents)[0], arrows, float(angle(both[:1], both[1:])[0].rad2deg()), t)


def diptych(state: Guided) -> bytes:
    """The picture, and the arrows beside it, as PNG."""
    arrows = {f"t = {state.timestep:.0f}": {name: (x, y) for name, (x, y) in zip(NAMES, state.arrows, strict=True)}}
    card = Image.open(io.BytesIO(plane(arrows, "Arrows in the plane that they span.", NAMES).png))
    picture = Image.fromarray(state.picture).resize((ENLARGED, ENLARGED), Image.Resampling.NEAREST)
    beside = card.resize((round(card.width * ENLARGED / card.height), ENLARGED), Image.Resampling.LANCZOS)
    return to_png(np.hstack([np.asarray(picture), np.asarray(beside.convert("RGB"))]))


class Guidance(Live):
    """Words, a guidance scale and a seed; the picture, the film that leads to it, and the arrows before a step.

    Args:
        draw: a `TextToImage`, which draws the poster, and at a larger scale than the page's everything.
        scale: the guidance scale w.
        seed: of the noise.
        step: before which the arrows are looked at, 0 to 24.
        prompt: what to draw.

    Traits: `prompt`, `negative`, `scale`, `steps`, `seed`, `at` (the step of the arrows).
    """

    name = "guidance"
    prompt, negative = mirrored(Unicode), mirrored(Unicode)
    scale, steps, seed, at = mirrored(Number), mirrored(Int), mirrored(Int), mirrored(Int)

    def __init__(self, draw: Any, scale: float = 3.0, seed: int = 0, step: int = 12, prompt: str = "") -> None:
        first = prompt_of(*(words[0] for words in (SPECIES, TEXTURES, COATS, BACKGROUNDS)))
        super().__init__(prompt=prompt or first, negative="", scale=scale, steps=STEPS, seed=seed, at=step)
        self.draw = draw
        self.seen: dict[tuple[Any, ...], Guided] = {}

    def draws(self) -> Mapping[str, Any]:
        """The only one."""
        return {"text_to_image": self.draw}

    def present(self) -> Guided:
        """What the present state gives."""
        state = (self.prompt, self.scale, self.seed, min(self.at, self.steps - 1), self.negative, self.steps)
        if state not in self.seen:
            self.seen = {state: guide(self.draw, *state)}
        return self.seen[state]

    def sentence(self) -> str:
        """The angle, and how long each arrow is."""
        found = self.present()
        lengths = [digits(float(length)) for length in np.linalg.norm(found.arrows, axis=1)]
        return (f"At timestep {found.timestep:.0f} the two predictions are {lengths[0]} and {lengths[1]} long and "
                f"{digits(found.degrees)} degrees apart; the guided one, at scale {self.scale:g}, is {lengths[2]} "
                "long.")

    def poster_png(self) -> bytes:
        """Picture and arrows of the present state."""
        return diptych(self.present())

    def alt(self) -> str:
        """What they show."""
        return (f"Demo. Left, what the model draws for “{self.prompt}”; in the middle the unconditional, the "
                f"conditional and the guided prediction as arrows; right, where they end. {self.sentence()}")

    def caption(self) -> str:
        """The invitation under the poster."""
        return f"{self.sentence()} Run this notebook and the words, the scale, the seed and the step are yours."
