"""Is a latent a picture of the picture? Where one cell acts, and whether shifting and flipping commute with the code.

A decoder is any function from latents `[n, c, h, w]` to picture tensors `[n, 3, H, W]`, and likewise an
autoencoder any from pictures to pictures: no model is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Decoder = Callable[[Float[Tensor, "n c h w"]], Float[Tensor, "n 3 H W"]]
Autoencoder = Callable[[Float[Tensor, "n 3 H W"]], Float[Tensor, "n 3 H W"]]
FLAT = 0.02  # root mean square, in pictures of [-1, 1]: below it a picture is flat, and ratios would mean nothing


def nudge(
    latent: Float[Tensor, "1 c h w"], cell: tuple[int, int], amount: float, channel: int | None = None
) -> Float[Tensor, "1 c h w"]:
    """A copy with `amount` added to one cell (row, column), in one channel or in all.

    Raises `IndexError` that states the latent's size.
    """
    channels, h, w = latent.shape[1:]
    if not (0 <= cell[0] < h and 0 <= cell[1] < w) or channel not in (None, *range(channels)):
        raise IndexError(f"no cell {cell}, channel {channel} in a latent of {channels} channels, {h} rows, {w} columns")
    moved = latent.clone()
    moved[:, slice(None) if channel is None else channel, cell[0], cell[1]] += amount
    return moved


@torch.no_grad()
def change_map(
    decoder: Decoder, latent: Float[Tensor, "1 c h w"], cell: tuple[int, int], amount: float = 1.0,
    channel: int | None = None,
) -> Float[np.ndarray, "H W"]:
    r"""Squared change of each pixel, mean over colours, when one latent cell moves.

    \(\Delta = \tfrac{1}{3} \sum_{rgb} \left(D(z + a\,e) - D(z)\right)^2\), with \(e\) one in the cell and
    zero elsewhere; pictures in [-1, 1].
    """
    change = decoder(nudge(latent, cell, amount, channel)) - decoder(latent)
    return change[0].float().square().mean(0).cpu().numpy()


def share_inside(
    change: Float[np.ndarray, "H W"], cell: tuple[int, int], blocks: int = 3, factor: int = 8
) -> float:
    """Share of a change map that lies within `blocks` x `blocks` blocks around the cell, 0 to 1.

    `blocks=1` is the cell's own block of `factor` x `factor` pixels, 3 adds its eight neighbours. A map that
    is zero everywhere has no share: NaN. Raises `ValueError` for an even count of blocks.
    """
    if blocks < 1 or blocks % 2 == 0:
        raise ValueError(f"blocks around a cell come as 1, 3, 5, ...; got {blocks}")
    reach = blocks // 2
    rows, columns = (slice(max(0, at - reach) * factor, (at + reach + 1) * factor) for at in cell)
    total = float(change.sum(dtype=np.float64))
    return float(change[rows, columns].sum(dtype=np.float64)) / total if total > 0 else float("nan")


def uniform_share(shape: tuple[int, int], cell: tuple[int, int], blocks: int = 3, factor: int = 8) -> float:
    """What `share_inside` would be if a cell changed all pixels of the picture `shape` alike: the floor beside it."""
    return share_inside(np.ones(shape), cell, blocks, factor)


def mean_change_map(
    decoder: Decoder, latent: Float[Tensor, "1 c h w"], cells: Iterable[tuple[int, int]], reach: int = 3,
    amount: float = 1.0, channel: int | None = None, factor: int = 8,
) -> Float[np.ndarray, "side side"]:
    """Change maps of several cells laid over one another, cell on cell, `reach` blocks to every side, sum one.

    Cells nearer to the border than `reach` are not taken: raises `ValueError` where none is left.
    """
    h, w = latent.shape[-2:]
    inner = [c for c in cells if reach <= c[0] < h - reach and reach <= c[1] < w - reach]
    if not inner:
        raise ValueError(f"no cell lies {reach} cells or more from the border of a latent of {h}x{w}")
    cut = [_around(change_map(decoder, latent, cell, amount, channel), cell, reach, factor) for cell in inner]
    total = np.sum(cut, axis=0, dtype=np.float64)
    return total / total.sum()


def relative_error(a: Float[Tensor, "*shape"], b: Float[Tensor, "*shape"], flat: float = FLAT) -> float:
    r"""\(\lVert a - b \rVert / \lVert b - \bar{b} \rVert\): 0 for equal, about 1.4 for unrelated pictures.

    The denominator is at least `flat` a pixel, so that two flat pictures do not differ by noise over nothing.
    """
    error = (a.float() - b.float()).square().mean().sqrt()
    return float(error / b.float().std(correction=0).clamp(min=flat))


@torch.no_grad()
def flip_error(decoder: Decoder, latent: Float[Tensor, "n c h w"], axis: int = -1) -> float:
    """Relative error between decoding a flipped latent and flipping the decoded one; `axis` -1 mirrors, -2 upends."""
    return relative_error(decoder(latent.flip(axis)), decoder(latent).flip(axis))


@torch.no_grad()
def shift_error(
    autoencoder: Autoencoder, pictures: Float[Tensor, "n 3 H W"], shift: int, margin: int = 16, factor: int = 8
) -> float:
    """Relative error between coding a picture moved by `shift` pixels to the left and moving the coded picture.

    Both see real pixels, cut out of `pictures` `shift` pixels apart (nothing is wrapped around), and are
    compared where they overlap, `margin` pixels from their borders. At `shift=0` this is the floor: exactly 0
    for a deterministic autoencoder. Raises `ValueError` where too little would be left.
    """
    width = (pictures.shape[-1] - shift) // factor * factor
    rows = pictures.shape[-2] - 2 * margin
    if shift < 0 or width - shift - 2 * margin < factor or rows < 1:
        raise ValueError(f"a shift of {shift} with margins of {margin} leaves nothing of {pictures.shape[-2]} rows and"
                         f" {pictures.shape[-1]} columns")
    still, moved = autoencoder(pictures[..., :width]), autoencoder(pictures[..., shift : shift + width])
    inside = slice(margin, -margin or None)
    return relative_error(moved[..., inside, margin : width - shift - margin],
                          still[..., inside, margin + shift : width - margin])


def shift_errors(
    autoencoder: Autoencoder, pictures: Float[Tensor, "n 3 H W"], shifts: Iterable[int] = range(17), margin: int = 16
) -> dict[int, float]:
    """`shift_error` for each shift: a code of 8x8 blocks should mind multiples of 8 less than what lies between."""
    return {shift: shift_error(autoencoder, pictures, shift, margin) for shift in shifts}


def _around(change: np.ndarray, cell: tuple[int, int], reach: int, factor: int) -> np.ndarray:
    rows, columns = (slice((at - reach) * factor, (at + reach + 1) * factor) for at in cell)
    return change[rows, columns]
