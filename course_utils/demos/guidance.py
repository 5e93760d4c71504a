"""Turn the guidance scale: the picture, and the two predictions as arrows in the plane they span (claim C10)."""

import io
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image

from course_utils.critters import BACKGROUNDS, COATS, SPECIES, TEXTURES
from course_utils.demos.base import Demo
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
    article = "an" if texture[0] in "aeiou" else "a"
    return f"{article} {texture} {coat} {species} sitting on a {background} background, facing right"


def guide(draw: Any, prompt: str, scale: float, seed: int, step: int) -> Guided:
    """Draw a prompt at a guidance scale, and look at the two predictions before sampler step `step`.

    Args:
        draw: a `TextToImage`.
        prompt: text; the empty one is what guidance leads away from.
        scale: 0 unconditional, 1 conditional, above it beyond.
        seed: of the noise.
        step: 0 to 24.

    Raises `ValueError` for a step that is none of these.
    """
    if not 0 <= step < STEPS:
        raise ValueError(f"the sampler takes {STEPS} steps, 0 to {STEPS - 1}; there is no step {step}")
    seen: list[tuple[Latents, float]] = []
    latents = draw.latents([prompt], [seed], guidance_scale=scale, steps=STEPS, watch=lambda z, t: seen.append((z, t)))
    z, t = seen[step]
    with torch.inference_mode():
        both = draw.unet(z.repeat(2, 1, 1, 1), t, draw.text.read(["", prompt]).to(z.device), return_dict=False)[0]
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


class Guidance(Demo):
    """Choose words, a guidance scale and a seed; see the picture and, before a step of the sampler, the arrows.

    Every control is a native one and works with the keyboard; the sentence below is announced to screen readers.
    """

    name = "guidance"

    def __init__(self, draw: Any, scale: float = 3.0, seed: int = 0, step: int = 12) -> None:
        self.draw = draw
        wide = widgets.Layout(width="95%", max_width="440px")
        words = {"species": SPECIES, "texture": TEXTURES, "coat": COATS, "background": BACKGROUNDS}
        self.controls = {
            **{name: widgets.Dropdown(options=options, description=name, layout=wide)
               for name, options in words.items()},
            "scale": widgets.FloatSlider(scale, min=0, max=15, step=0.5, description="scale w", layout=wide,
                                         continuous_update=False),
            "seed": widgets.IntSlider(seed, 0, 20, description="seed", layout=wide, continuous_update=False),
            "step": widgets.IntSlider(step, 0, STEPS - 1, description="at step", layout=wide, continuous_update=False),
        }
        self.image = widgets.Image(format="png", layout=widgets.Layout(width="100%", max_width="1280px"))
        self.status = widgets.HTML()
        self.widget = widgets.VBox([*self.controls.values(), self.image, self.status])
        self._update()
        for control in self.controls.values():
            control.observe(self._update, "value")

    @property
    def prompt(self) -> str:
        """The caption of the words that are chosen."""
        return prompt_of(*(self.controls[name].value for name in ("species", "texture", "coat", "background")))

    def _update(self, _change: object = None) -> None:
        scale, seed, step = (self.controls[name].value for name in ("scale", "seed", "step"))
        self.state = guide(self.draw, self.prompt, scale, seed, step)
        self.image.value = diptych(self.state)
        self.status.value = f'<p role="status" aria-live="polite">{self.sentence()}</p>'

    def sentence(self) -> str:
        """The angle, and how long each arrow is."""
        lengths = [digits(float(length)) for length in np.linalg.norm(self.state.arrows, axis=1)]
        return (f"At timestep {self.state.timestep:.0f} the two predictions are {lengths[0]} and {lengths[1]} long and "
                f"{digits(self.state.degrees)} degrees apart; the guided one, at scale "
                f"{self.controls['scale'].value:g}, is {lengths[2]} long.")

    def poster_png(self) -> bytes:
        """Picture and arrows of the present state."""
        return bytes(self.image.value)

    def alt(self) -> str:
        """What they show."""
        return (f"Demo. Left, what the model draws for “{self.prompt}”; in the middle the unconditional, the "
                f"conditional and the guided prediction as arrows; right, where they end. {self.sentence()}")

    def caption(self) -> str:
        """The invitation under the poster."""
        return f"{self.sentence()} Run this notebook and the words, the scale, the seed and the step are yours."
