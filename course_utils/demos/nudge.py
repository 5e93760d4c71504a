"""Nudge one number of a latent and see which pixels listen: the latent is a map of places (claim C05)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw
from torch import Tensor
from traitlets import Float as Number
from traitlets import Int, Unicode

from course_utils.demos.live import Live, mirrored
from course_utils.measure.locality import nudge as nudged_latent
from course_utils.measure.locality import share_inside
from course_utils.models.images import to_array, to_tensor
from course_utils.show.image import to_png
from course_utils.show.pictures import difference
from course_utils.show.style import COLOURS

Pixels = UInt8[np.ndarray, "h w 3"]
VAE = Any  # a diffusers.AutoencoderKL, which has no types
ENLARGED = 256
PUSH = 4.0
"""In standard deviations of the latents."""


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


class Nudge(Live):
    """A picture and its latent, whose numbers one paints on; one begins with one number that is nudged already.

    Args:
        vae: an `AutoencoderKL`, which decodes the poster, and at a larger scale than the page's everything.
        pictures: names to pictures whose sides are multiples of eight; the page shows the middle of each.
        row, column: of the number that is nudged.

    Traits: `scene` (a name, or "1" to "6" for held-out scenes), `bits` of a number, `brush` (what a stroke adds),
    `edits` ("channel.row.column=value", with commas between them).
    """

    name, page = "nudge", "zip"
    scene, edits = mirrored(Unicode), mirrored(Unicode)
    bits, brush = mirrored(Int), mirrored(Number)

    def __init__(self, vae: VAE, pictures: Mapping[str, Pixels], row: int, column: int) -> None:
        if not pictures:
            raise ValueError("give at least one picture: Nudge(vae, {'a fox': picture}, row, column)")
        first, self.vae, self.given, self.cell = next(iter(pictures)), vae, dict(pictures), (row, column)
        super().__init__(scene=first, bits=16, brush=PUSH, edits=f"0.{row}.{column}={PUSH:g}", pictures=list(pictures))
        self.first = nudge(vae, encode(vae, self.given[first]), row, column, channel=0, amount=PUSH)

    def draws(self) -> Mapping[str, Any]:
        """No denoiser."""
        return {"encoder": self.vae}

    def shown(self, name: str) -> bytes:
        """A picture that the notebook gave, as PNG. Raises `FileNotFoundError` for another."""
        if name not in self.given:
            raise FileNotFoundError(f"no picture called {name}; there are: {', '.join(self.given)}")
        return to_png(self.given[name])

    def sentence(self) -> str:
        """The measured share of the first nudge's change that stays near the cell, as a sentence."""
        near = f"{100 * self.first.share:.0f} %"
        return f"{near} of the change lies in the cell's own 8×8 block (framed) and the eight blocks around it."

    def poster_png(self) -> bytes:
        """The triptych of the first nudge."""
        return triptych(self.first, *self.cell)

    def alt(self) -> str:
        """What the triptych shows."""
        return (
            f"Demo. Three views of {next(iter(self.given))}: decoded as it is, decoded after one number of "
            f"its latent was nudged, and the difference. {self.sentence()}"
        )

    def caption(self) -> str:
        """The invitation under the poster."""
        yours = "Run this notebook and the cell, the channel and the nudge are yours."
        return f"Before, after, difference. {self.sentence()} {yours}"
