"""Four ways between two animals, side by side, at one place that a slider chooses (claims C06 to C08)."""

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from course_utils.critters import Scene, caption
from course_utils.demos.base import Demo
from course_utils.diffusion.interpolation import slerp
from course_utils.diffusion.samplers import initial_noise
from course_utils.measure.critic import read
from course_utils.measure.sweeps.paths import End, from_noise, inverted, switched
from course_utils.show.image import to_png

Pixels = UInt8[np.ndarray, "h w 3"]
WAYS = {"codes": "latents blended", "noise": "noise along the arc", "words": "conditioning blended",
        "inversion": "inverted and back"}  # fmt: skip
SIDE = 192


def end(draw: Any, prompt: str, seed: int) -> End:
    """A generated animal with its address."""
    noise, states = initial_noise([seed]), draw.text.read([prompt])
    return End(noise, states, draw.latents(states, noise))


def between(
    draw: Any, teacher: Any, prompts: Sequence[str], seeds: tuple[int, int] = (0, 1), t: float = 0.5
) -> dict[str, Pixels]:
    """The picture at time t on each of the four ways between two animals.

    Args:
        draw: a `TextToImage` that draws the two animals and the first three ways; may be a student.
        teacher: the one that inverts and comes back: a student has no path that could be walked back.
        prompts: of the two animals, of one template, so that their tokens are aligned.
        seeds: of their noises.
        t: 0 is the first, 1 the second.

    Raises `ValueError` for a time outside of [0, 1] or another number of prompts.
    """
    if not 0 <= t <= 1 or len(prompts) != 2:
        raise ValueError(f"a place between two prompts has a time from 0 to 1, got {t} and {len(prompts)} prompts")
    a, b = (end(draw, prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True))
    words = torch.lerp(a.states, b.states, t)
    back = slerp(inverted(teacher, a), inverted(teacher, b), t)
    latents = {
        "codes": torch.lerp(a.latent, b.latent, t),
        "noise": draw.latents(switched(a.states, b.states, t), slerp(a.noise, b.noise, t)),
        "words": draw.latents(words, switched(a.noise, b.noise, t)),
        "inversion": from_noise(teacher, back, words),
    }
    return {name: draw.decode(z)[0] for name, z in latents.items()}


class Spaces(Demo):
    """Choose two animals and a place between them; see it on four ways at once.

    `scenes` maps names to scenes. Every control is a native one and works with the keyboard; the sentence below the
    pictures is announced to screen readers. The noises are those of two seeds, one after the other.
    """

    name = "spaces"

    def __init__(
        self, draw: Any, scenes: Mapping[str, Scene], teacher: Any = None, t: float = 0.5, seed: int = 0
    ) -> None:
        if len(scenes) < 2:
            raise ValueError("give at least two scenes: Spaces(draw, {'a dog': Scene('dog'), 'a cat': Scene('cat')})")
        self.draw, self.teacher, self.scenes = draw, teacher or draw, dict(scenes)
        names = list(scenes)
        wide = widgets.Layout(width="95%", max_width="440px")
        self.controls = {
            "first": widgets.Dropdown(options=names, value=names[0], description="from", layout=wide),
            "second": widgets.Dropdown(options=names, value=names[1], description="to", layout=wide),
            "t": widgets.FloatSlider(t, min=0, max=1, step=0.05, description="place", layout=wide,
                                     continuous_update=False),
            "seed": widgets.IntSlider(seed, 0, 9, description="noise no.", layout=wide, continuous_update=False),
        }
        self.image = widgets.Image(format="png", layout=widgets.Layout(width="100%", max_width="780px"))
        self.status = widgets.HTML()
        self.widget = widgets.VBox([*self.controls.values(), self.image, self.status])
        self._update()
        for control in self.controls.values():
            control.observe(self._update, "value")

    def _update(self, _change: object = None) -> None:
        first, second, t, seed = (control.value for control in self.controls.values())
        prompts = [caption(self.scenes[name]) for name in (first, second)]
        self.four = between(self.draw, self.teacher, prompts, (2 * seed, 2 * seed + 1), t)
        large = [np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
                 for picture in self.four.values()]
        self.image.value = to_png(np.hstack(large))
        self.status.value = f'<p role="status" aria-live="polite">{self.sentence()}</p>'

    def sentence(self) -> str:
        """What the critic takes each of the four pictures for."""
        probabilities = read(np.stack(list(self.four.values()))).probabilities["species"]
        seen = (f"{label}: {('dog', 'fox', 'cat')[int(p.argmax())]}" for label, p in
                zip(WAYS.values(), probabilities, strict=True))  # fmt: skip
        return f"At {self.controls['t'].value:.2f} of the way the critic sees, {'; '.join(seen)}."

    def poster_png(self) -> bytes:
        """The four pictures of the present place."""
        return bytes(self.image.value)

    def alt(self) -> str:
        """What they show."""
        first, second = self.controls["first"].value, self.controls["second"].value
        return (f"Demo. Four pictures at {self.controls['t'].value:.2f} of the way from {first} to {second}, one for "
                f"each way: {', '.join(WAYS.values())}. {self.sentence()}")

    def caption(self) -> str:
        """The invitation under the poster."""
        return f"{self.sentence()} Run this notebook and the place is yours."
