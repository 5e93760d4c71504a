"""The ideal denoiser of a list of pictures: how the best possible guess sharpens as the noise goes away."""

from collections.abc import Mapping
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageColor
from torch import Tensor

from course_utils.demos.base import Demo
from course_utils.diffusion.schedule import STEPS, noise, signal
from course_utils.models.images import to_array, to_tensor
from course_utils.show.image import to_png
from course_utils.show.style import PAPER
from course_utils.show.text import digits

Pixels = UInt8[np.ndarray, "h w 3"]
ENLARGED, MARGIN = 256, 8
STRIDE = 27  # 37 presses of an arrow key lead from the clean picture, t = 0, to the last timestep, t = 999


@dataclass(frozen=True)
class Guess:
    """A picture, the same under noise, and the best guess of it from the noise alone."""

    picture: Pixels
    noised: Pixels
    guess: Pixels
    among: float
    """How many pictures of the list it wavers between: exp of the entropy of its belief, from 1 to all."""
    likeliest: float
    """The largest share of that belief."""
    right: bool
    """Whether that share belongs to the picture itself."""


def belief(noised: Float[Tensor, " d"], listed: Float[Tensor, "n d"], t: int) -> Float[Tensor, " n"]:
    r"""How probable each listed picture is behind the noise, all being equally probable before; sums to 1.

    By Bayes' rule, \(p(x_i \mid x_t) \propto \exp(-\|x_t - \sqrt{\bar\alpha_t}\,x_i\|^2 / 2(1-\bar\alpha_t))\). The
    mean under it is the denoiser with the least squared error (Karras et al., Elucidating the Design Space of
    Diffusion-Based Generative Models, 2022, appendix B.3).
    """
    share = signal(t, listed[:1, :, None, None]).double().squeeze()
    apart = (noised.double() - share.sqrt() * listed.double()).square().sum(1)
    return torch.softmax(-apart / (2 * (1 - share)), dim=0)


def guess(listed: Float[Tensor, "n 3 h w"], picture: Pixels, t: int, seed: int) -> Guess:
    """Noise `picture` to timestep t with the noise of `seed`, and guess it back from the list.

    `listed` holds float64 pictures in [-1, 1]. Raises `IndexError` for a timestep outside 0 to 999, and `ValueError`
    for a picture that is not of the list's shape.
    """
    x0 = to_tensor(picture[None]).to(listed)
    if x0.shape[1:] != listed.shape[1:]:
        raise ValueError(f"the listed pictures are {list(listed.shape[2:])} pixels, this one is {list(x0.shape[2:])}")
    epsilon = torch.randn(x0.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x_t = noise(x0, epsilon, t)
    p = belief(x_t.flatten(), listed.flatten(1), t)
    mean = (p @ listed.flatten(1)).view_as(x0)
    among = torch.special.entr(p).sum().exp().item()
    return Guess(picture, to_array(x_t)[0], to_array(mean)[0], among, p.max().item(),
                 torch.equal(listed[p.argmax()], x0[0]))  # fmt: skip


def triptych(state: Guess) -> bytes:
    """Picture, noised and guess side by side as PNG, every pixel a square."""
    panels = [_enlarged(panel) for panel in (state.picture, state.noised, state.guess)]
    gap = np.full((panels[0].shape[0], MARGIN, 3), ImageColor.getrgb(PAPER), np.uint8)
    return to_png(np.hstack([panels[0], gap, panels[1], gap, panels[2]]))


def _enlarged(picture: Pixels) -> Pixels:
    scale = max(1, ENLARGED // picture.shape[0])
    size = (picture.shape[1] * scale, picture.shape[0] * scale)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.NEAREST))


class IdealDenoiser(Demo):
    """Choose a picture, a noise level and a noise; see what the best denoiser of the listed pictures makes of it.

    `listed` are the pictures it knows, `pictures` maps names to those that can be chosen, all of one shape. Every
    control is a native one and works with the keyboard; the sentence below is announced to screen readers.
    """

    name = "ideal-denoiser"

    def __init__(self, listed: UInt8[np.ndarray, "n h w 3"], pictures: Mapping[str, Pixels], t: int = 30 * STRIDE):
        if not pictures:
            raise ValueError("give at least one picture: IdealDenoiser(listed, {'a fox': picture})")
        self.listed, self.pictures = to_tensor(listed).double(), dict(pictures)
        wide = widgets.Layout(width="95%", max_width="440px")
        self.controls = {
            "picture": widgets.Dropdown(options=list(pictures), description="picture", layout=wide),
            "t": widgets.IntSlider(t, 0, STEPS - 1, step=STRIDE, description="timestep", layout=wide),
            "seed": widgets.IntSlider(0, 0, 9, description="noise no.", layout=wide),
        }
        self.image = widgets.Image(format="png", layout=widgets.Layout(width="100%", max_width="784px"))
        self.status = widgets.HTML()
        self.widget = widgets.VBox([*self.controls.values(), self.image, self.status])
        self._update()
        for control in self.controls.values():
            control.observe(self._update, "value")

    def _update(self, _change: object = None) -> None:
        name, t, seed = (control.value for control in self.controls.values())
        self.state = guess(self.listed, self.pictures[name], t, seed)
        self.image.value = triptych(self.state)
        self.status.value = f'<p role="status" aria-live="polite">{self.sentence()}</p>'

    def sentence(self) -> str:
        """How undecided the denoiser is, and whether what it believes most is the truth."""
        state, t = self.state, self.controls["t"].value
        which = "the right one" if state.right else "another one"
        if state.likeliest > 0.995:
            return f"At t = {t} the denoiser is certain of one picture: {which}."
        return (
            f"At t = {t} the denoiser wavers between about {digits(state.among, 2)} of {len(self.listed):,} pictures. "
            f"The likeliest is {which}, with {digits(100 * state.likeliest, 2)} % of its belief."
        )

    def poster_png(self) -> bytes:
        """The triptych of the present state."""
        return bytes(self.image.value)

    def alt(self) -> str:
        """What the triptych shows."""
        return (
            f"Demo. Three views of {self.controls['picture'].value}: as it was drawn, under noise, and as the ideal "
            f"denoiser guesses it from the noise. {self.sentence()}"
        )

    def caption(self) -> str:
        """The invitation under the poster."""
        return (
            f"Picture, noised, best guess. {self.sentence()} Run this notebook and the picture, the timestep and the "
            "noise are yours."
        )
