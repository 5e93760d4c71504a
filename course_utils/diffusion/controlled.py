"""A U-Net with a ControlNet at its side, called like the U-Net alone: samplers and losses need not know."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

Features = Sequence[Float[Tensor, "b ..."]]


class Controlled:
    """The base and its ControlNet, called like a U-Net; the maps stay the same throughout.

    Zhang et al., Adding Conditional Control to Text-to-Image Diffusion Models (2023): what the ControlNet answers,
    times the conditioning scale, is added to the base's skip connections and to its middle. Guidance asks for both
    branches at once: then every map serves twice, as in the stock pipeline. The base may be controlled itself:
    `Controlled(Controlled(unet, pose, ...), depth, ...)` adds up two controls, as `MultiControlNetModel` does.

    Args:
        base: a `UNet2DConditionModel`, or what is called like it.
        control: a `ControlNetModel` made for it.
        shown: maps in [0, 1] `[b, 3, h, w]`, eight times the size of the latents.
        scale: conditioning scale; 0 is the base alone, 1 what the ControlNet was trained with.
    """

    def __init__(
        self, base: Callable[..., Any], control: Callable[..., Any], shown: Float[Tensor, "b 3 h w"], scale: float = 1.0
    ) -> None:
        self.base, self.control, self.shown, self.scale = base, control, shown, scale

    def __call__(
        self, z: Float[Tensor, "n c y x"], t: Tensor | float, context: Float[Tensor, "n k d"],
        return_dict: bool = False, down_block_additional_residuals: Features | None = None,
        mid_block_additional_residual: Tensor | None = None,
    ) -> tuple[Float[Tensor, "n c y x"]]:
        """The base's prediction with the ControlNet's answers, and any given from outside, added on the way."""
        times = len(z) // len(self.shown)
        shown = self.shown if times == 1 else self.shown.repeat(times, 1, 1, 1)
        down, middle = self.control(z, t, context, shown, self.scale, return_dict=False)
        if down_block_additional_residuals is not None:
            down = [ours + theirs for ours, theirs in zip(down, down_block_additional_residuals, strict=True)]
        if mid_block_additional_residual is not None:
            middle = middle + mid_block_additional_residual
        return self.base(z, t, context, down_block_additional_residuals=down, mid_block_additional_residual=middle,
                         return_dict=return_dict)
