"""Nudge one number of a latent and see which pixels listen: the latent is a map of places (claim C05)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw
from torch import Tensor

from course_utils.demos.base import Demo
from course_utils.measure.locality import nudge as nudged_latent
from course_utils.measure.locality import share_inside
from course_utils.models.images import to_array, to_tensor
from course_utils.show.image import to_png
from course_utils.show.pictures import difference
from course_utils.show.style import COLOURS

Pixels = UInt8[np.ndarray, "h w 3"]
VAE = Any  # a diffusers.AutoencoderKL, which has no types
ENLARGED = 256


@dataclass(frozen=True)
class Nudged:
    """A picture decoded before and after one latent number was changed."""

    before: Pixels
    after: Pixels
    share: float
    """Fraction of the squared change inside the cell's own block and its eight neighbours; NaN without a change."""


@torch.inference_mode()
def encode(vae: VAE, picture: Pixels) -> Float[Tensor, "1 channels h w"]:
    """The mean of the posterior, scaled to unit variance: what a diffusion model works on."""
    x = to_tensor(picture[None]).to(vae.device)
    return vae.encode(x).latent_dist.mode() * vae.config.scaling_factor


@torch.inference_mode()
def nudge(
    vae: VAE, latent: Float[Tensor, "1 channels h w"], row: int, column: int, channel: int, amount: float
) -> Nudged:
    """Add `amount` (in standard deviations of the latents) to one number and decode before and after.

    Raises `IndexError` when the cell or the channel lies outside the latent.
    """
    moved = nudged_latent(latent, (row, column), amount, channel)
    before, after = (vae.decode(z / vae.config.scaling_factor).sample for z in (latent, moved))
    change = (after - before)[0].float().square().mean(0).cpu().numpy()
    return Nudged(to_array(before)[0], to_array(after)[0], share_inside(change, (row, column)))


def triptych(state: Nudged, row: int, column: int) -> bytes:
    """Before, after and the difference side by side as PNG, the touched cell's block framed."""
    panels = [state.before, state.after, difference(state.before, state.after)]
    return to_png(np.hstack([_framed(panel, row, column) for panel in panels]))


def _framed(picture: Pixels, row: int, column: int, block: int = 8) -> Pixels:
    scale = max(1, ENLARGED // picture.shape[0])
    size = (picture.shape[1] * scale, picture.shape[0] * scale)
    image = Image.fromarray(picture).resize(size, Image.Resampling.NEAREST)
    left, top, side = column * block * scale, row * block * scale, block * scale
    frame = (left - 2, top - 2, left + side + 1, top + side + 1)
    ImageDraw.Draw(image).rectangle(frame, outline=COLOURS["blue"], width=2)
    return np.asarray(image)


class Nudge(Demo):
    """Choose a picture, a latent cell and a channel; push the number up or down; see which pixels change.

    `pictures` maps names to pictures whose sides are multiples of eight. Every control is a native one and works with
    the keyboard; the sentence below the picture is announced to screen readers.
    """

    name = "nudge"

    def __init__(self, vae: VAE, pictures: Mapping[str, Pixels], row: int, column: int) -> None:
        if not pictures:
            raise ValueError("give at least one picture: Nudge(vae, {'a fox': picture}, row, column)")
        self.vae = vae
        self.latents = {name: encode(vae, picture) for name, picture in pictures.items()}
        self._build(list(pictures), row, column)
        self._update()
        for control in self.controls.values():
            control.observe(self._update, "value")

    def _build(self, names: list[str], row: int, column: int) -> None:
        channels, height, width = self.latents[names[0]].shape[1:]
        wide = widgets.Layout(width="95%", max_width="440px")
        self.controls = {
            "picture": widgets.Dropdown(options=names, description="picture", layout=wide),
            "row": widgets.IntSlider(row, 0, height - 1, description="row", layout=wide),
            "column": widgets.IntSlider(column, 0, width - 1, description="column", layout=wide),
            "channel": widgets.IntSlider(0, 0, channels - 1, description="channel", layout=wide),
            "amount": widgets.FloatSlider(4.0, min=-5, max=5, step=0.5, description="nudge", layout=wide),
        }
        self.image = widgets.Image(format="png", layout=widgets.Layout(width="100%", max_width="768px"))
        self.status = widgets.HTML()
        self.widget = widgets.VBox([*self.controls.values(), self.image, self.status])

    def _update(self, _change: object = None) -> None:
        name, row, column, channel, amount = (control.value for control in self.controls.values())
        self._reach(name)
        row, column = self.controls["row"].value, self.controls["column"].value
        self.state = nudge(self.vae, self.latents[name], row, column, channel, amount)
        self.image.value = triptych(self.state, row, column)
        self.status.value = f'<p role="status" aria-live="polite">{self.sentence()}</p>'

    def _reach(self, name: str) -> None:
        """The sliders reach as far as the chosen picture's latent does."""
        for control, count in zip(("row", "column"), self.latents[name].shape[2:], strict=True):
            self.controls[control].max = count - 1

    def sentence(self) -> str:
        """The measured share of the change that stays near the cell, as a sentence."""
        if self.controls["amount"].value == 0:
            return "No nudge, no change: move the last slider."
        near = f"{100 * self.state.share:.0f} %"
        return f"{near} of the change lies in the cell's own 8×8 block (framed) and the eight blocks around it."

    def poster_png(self) -> bytes:
        """The triptych of the present state."""
        return bytes(self.image.value)

    def alt(self) -> str:
        """What the triptych shows."""
        return (
            f"Demo. Three views of {self.controls['picture'].value}: decoded as it is, decoded after one number of "
            f"its latent was nudged, and the difference. {self.sentence()}"
        )

    def caption(self) -> str:
        """The invitation under the poster."""
        yours = "Run this notebook and the cell, the channel and the nudge are yours."
        return f"Before, after, difference. {self.sentence()} {yours}"
