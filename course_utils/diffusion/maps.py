"""Control maps as a ControlNet reads them, from whatever a reader has at hand."""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

SHAPES = "uint8 pictures [h, w], [h, w, 3], [n, h, w] or [n, h, w, 3], or floats of such a shape in [0, 1]"


def prepared(control_map: Any, count: int, size: int = 128) -> Float[Tensor, "n 3 size size"]:
    """Maps in [0, 1], one for each of `count` pictures; grey ones in three equal channels.

    Args:
        control_map: one map for all pictures or one for each: arrays, lists of arrays or Pillow pictures, as uint8
            or as floats in [0, 1]; or a tensor `[n, 3, h, w]` in [0, 1].
        count: number of pictures.
        size: side that the ControlNet was made for, in pixels. Other maps are resized, with a warning that says so.

    Raises:
        ValueError: another shape or number of maps; NaN, infinite numbers, or numbers outside [0, 1].
    """
    ready = control_map if isinstance(control_map, Tensor) else from_pictures(control_map)
    if ready.ndim != 4 or ready.shape[1] != 3 or len(ready) not in (1, count):
        raise ValueError(f"{count} pictures need one map or {count}, got a tensor {list(ready.shape)};"
                         f" maps are {SHAPES}")
    low, high = ready.aminmax()
    if not (low >= 0 and high <= 1):  # NaN fails both
        raise ValueError("the control map holds NaN or numbers outside [0, 1]: give uint8 pictures as the world draws"
                         " them, or divide by 255")
    return resized(ready.float(), size).expand(count, -1, -1, -1)


def from_pictures(control_map: Any) -> Float[Tensor, "n 3 h w"]:
    """Pictures of one or three channels as a tensor; uint8 is divided by 255, floats stay."""
    pictures = np.asarray(control_map)
    if pictures.ndim == 2 or (pictures.ndim == 3 and pictures.shape[-1] == 3):
        pictures = pictures[None]
    if pictures.ndim == 3:
        pictures = np.repeat(pictures[..., None], 3, axis=3)
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or pictures.size == 0:
        raise ValueError(f"a control map of shape {list(np.shape(control_map))} cannot be read; maps are {SHAPES}")
    scale = 255 if pictures.dtype == np.uint8 else 1
    return torch.tensor(pictures.transpose(0, 3, 1, 2), dtype=torch.float32) / scale


def resized(maps: Float[Tensor, "n 3 h w"], size: int) -> Float[Tensor, "n 3 size size"]:
    """Maps brought to size x size, smoothly, and said so."""
    height, width = maps.shape[2:]
    if (height, width) == (size, size):
        return maps
    warnings.warn(f"the control map is {width}x{height} and this ControlNet reads {size}x{size}: it was resized",
                  stacklevel=2)
    return interpolate(maps, (size, size), mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)
