"""Between pictures (uint8 arrays) and what networks see (float tensors in [-1, 1])."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor


def to_tensor(pictures: UInt8[np.ndarray, "n h w 3"]) -> Float[Tensor, "n 3 h w"]:
    r"""Pictures as float32 in [-1, 1]: \(x = p / 127.5 - 1\).

    Raises `ValueError` for anything but uint8 pictures `[n, h, w, 3]`; a single one is given as `picture[None]`.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or pictures.dtype != np.uint8:
        raise ValueError(f"expected uint8 pictures [n, h, w, 3], got {pictures.dtype} {list(pictures.shape)}"
                         " (for one picture pass picture[None])")
    return torch.tensor(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_array(pictures: Float[Tensor, "n 3 h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    r"""Pictures as uint8, rounded and clipped: the inverse of `to_tensor`, exact on what it made.

    Raises `ValueError` for another shape, and for numbers that are not finite: a picture of NaN would look black.
    """
    if pictures.ndim != 4 or pictures.shape[1] != 3:
        raise ValueError(f"expected a tensor [n, 3, h, w], got {list(pictures.shape)}")
    pictures = pictures.detach().float()
    if not bool(torch.isfinite(pictures).all()):
        raise ValueError("the picture holds NaN or infinite numbers: check the latent it was decoded from"
                         " (in float16 some decoders overflow; load them in float32)")
    scaled = ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).cpu().numpy()
