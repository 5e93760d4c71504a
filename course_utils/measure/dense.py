"""The dense head: a small network that reads edges and depth off a picture, pixel by pixel.

It was trained on renders only (`course_utils.train.dense`) and **never enters a loss**. What it reads off fresh
renders, and off renders that went through the autoencoder, is the floor beside every number that leans on it
(`course_utils.measure.adherence`).
"""
from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Num, UInt8
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from course_utils.models.images import to_tensor

SIZE = 128
"""Pixels a side of the pictures that the head was trained on, and of the maps it reads; others are resized to it."""


class Maps(NamedTuple):
    """What the head reads off n pictures.

    Attributes:
        edges: `[n, 128, 128]` in [0, 1], the share of each pixel that a contour covers (as `critters.edge_map` / 255).
        depth: `[n, 128, 128]` in [0, 1], nearness, 1 is nearest (as `critters.depth_map` / 255).
    """

    edges: Float[np.ndarray, "n 128 128"]
    depth: Float[np.ndarray, "n 128 128"]


def step(inward: int, outward: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution, batch norm, ReLU; halves the resolution if `stride` is 2."""
    return nn.Sequential(nn.Conv2d(inward, outward, 3, stride, 1, bias=False), nn.BatchNorm2d(outward), nn.ReLU())


class DenseHead(nn.Module):
    """Down to a sixteenth and up again with short cuts (Ronneberger et al., U-Net, 2015), at half resolution.

    Folding 2x2 pixels into channels at the door and unfolding them at the end (Shi et al., Real-Time Single Image
    Super-Resolution Using an Efficient Sub-Pixel CNN, 2016) makes it four times cheaper than working pixel by pixel.
    """

    def __init__(self, widths: Sequence[int] = (24, 40, 56, 72)) -> None:
        super().__init__()
        a, b, c, d = widths
        self.config: dict[str, Any] = {"widths": list(widths), "maps": ["edge", "depth"], "size": SIZE}
        self.at_2 = step(12, a)
        self.at_4 = nn.Sequential(step(a, b, 2), step(b, b))
        self.at_8 = nn.Sequential(step(b, c, 2), step(c, c))
        self.at_16 = nn.Sequential(step(c, d, 2), step(d, d))
        self.up_8, self.up_4, self.up_2 = step(d + c, c), step(c + b, b), step(b + a, a)
        self.answer = nn.Conv2d(a, 8, 3, 1, 1)

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b h w"], Float[Tensor, "b h w"]]:
        """Logits of edges, and depth in (0, 1); sides are multiples of 16."""
        half = self.at_2(pixel_unshuffle(x, 2))
        quarter = self.at_4(half)
        eighth = self.at_8(quarter)
        eighth = self.up_8(joined(eighth, self.at_16(eighth)))
        quarter = self.up_4(joined(quarter, eighth))
        edges, depth = pixel_shuffle(self.answer(self.up_2(joined(half, quarter))), 2).float().unbind(1)
        return edges, depth.sigmoid()


def joined(fine: Float[Tensor, "b c h w"], coarse: Float[Tensor, "b d h/2 w/2"]) -> Float[Tensor, "b c+d h w"]:
    """The finer level beside the coarser one, enlarged."""
    return torch.cat([fine, interpolate(coarse, scale_factor=2.0)], dim=1)


@functools.lru_cache(maxsize=2)
@torch.inference_mode(False)  # first asked for inside `read_maps`, it must still be fit for gradients
def load_dense(device: str = "cpu") -> DenseHead:
    """The shipped head, checked against its hash, in evaluation mode. Raises `WeightsError` if a file is damaged."""
    from course_utils.models.weights import verified

    config = json.loads(verified("dense/config.json").read_text())
    head = DenseHead(config["widths"])
    if config != head.config:
        raise ValueError(f"the shipped dense head reads {config['maps']} at {config['size']} pixels, this package's"
                         f" {head.config['maps']} at {SIZE}: train it again with python -m course_utils.train.dense")
    weights = load_file(verified("dense/model.safetensors"))
    head.load_state_dict(weights)  # copies float16 from disk into float32 parameters
    return head.eval().requires_grad_(False).to(device)


@torch.inference_mode()
def read_maps(pictures: UInt8[np.ndarray, "n h w 3"], head: DenseHead | None = None, batch: int = 64) -> Maps:
    """Read edges and depth off n pictures (any size; resized to 128x128, on which the head was trained).

    Raises `ValueError` for anything but uint8 pictures `[n, h, w, 3]`, and for none at all.
    """
    head = head or load_dense()
    parts = [_answers(head, pictures[k:k + batch]) for k in range(0, len(pictures), batch)]
    if not parts:
        raise ValueError("no pictures to read")
    return Maps(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _answers(head: DenseHead, pictures: UInt8[np.ndarray, "n h w 3"]) -> tuple[np.ndarray, np.ndarray]:
    x = to_tensor(pictures).to(next(head.parameters()).device)
    if x.shape[-2:] != (SIZE, SIZE):
        x = interpolate(x, (SIZE, SIZE), mode="bilinear", antialias=True)
    edges, depth = head(x)
    return edges.sigmoid().cpu().numpy(), depth.cpu().numpy()


def as_unit(maps: Num[np.ndarray, "n h w"]) -> Float[np.ndarray, "n h w"]:
    """uint8 maps divided by 255; floats as they are. Raises `ValueError` for other shapes, numbers or NaN."""
    maps = np.asarray(maps)
    unit = maps / np.float32(255) if maps.dtype == np.uint8 else maps
    if unit.ndim != 3 or not unit.size or not (unit.min() >= 0 and unit.max() <= 1):  # NaN fails the comparison too
        raise ValueError(f"expected maps [n, h, w], uint8 or in [0, 1], got {maps.dtype} {list(maps.shape)}"
                         " (for one map pass map[None]; for a grey picture pass its first channel)")
    return unit


def alike(
    a: Num[np.ndarray, "n h w"], b: Num[np.ndarray, "n h w"]
) -> tuple[Float[np.ndarray, "n h w"], Float[np.ndarray, "n h w"]]:
    """Both as floats in [0, 1]. Raises `ValueError` for different shapes."""
    a, b = as_unit(a), as_unit(b)
    if a.shape != b.shape:
        raise ValueError(f"cannot compare maps of shapes {list(a.shape)} and {list(b.shape)}: draw them at 128 pixels")
    return a, b
