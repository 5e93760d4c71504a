"""Rows of pictures with their names, and what differs between two of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from torch import Tensor

from course_utils.show.image import Picture, figure
from course_utils.show.style import WIDTH, canvas

Pixels = UInt8[np.ndarray, "h w 3"]


def difference(a: Pixels, b: Pixels, gain: float = 3.0) -> Pixels:
    """Where and how `b` differs from `a`: mid-grey is equal, brighter is too bright, `gain` times exaggerated."""
    if a.shape != b.shape:
        raise ValueError(f"pictures of equal shape are compared, not {a.shape} and {b.shape}")
    return np.clip(128 + gain * (b.astype(np.float32) - a), 0, 255).astype(np.uint8)


def latent_picture(latent: Float[Tensor, "channels h w"], block: int = 8, reach: float = 2.5) -> Pixels:
    """The first three channels as red, green and blue, each cell a square of `block` pixels.

    Black is -`reach` standard deviations, white +`reach`; a look at a latent, not a decoding of it.
    """
    colours = latent[:3].float().numpy().transpose(1, 2, 0)
    squares = np.clip(127.5 + 127.5 * colours / reach, 0, 255).astype(np.uint8)
    return squares.repeat(block, axis=0).repeat(block, axis=1)


def pictures(rows: Mapping[str, Sequence[Pixels]], alt: str, columns: Sequence[str] = ()) -> Picture:
    """A named row of pictures under another; `columns` names the columns of the first row.

    Rows hold equally many pictures of one aspect ratio.
    """
    count = _count(rows)
    with canvas(_height(rows, count, bool(columns))) as card:
        axes = card.subplots(len(rows), count, squeeze=False)
        for line, (name, row) in zip(axes, rows.items(), strict=True):
            for axis, picture in zip(line, row, strict=True):
                _place(axis, picture)
            _name(line[0], name)
        for axis, name in zip(axes[0], columns, strict=False):
            axis.set_xlabel(name)
            axis.xaxis.set_label_position("top")
        return figure(card, alt)


def _count(rows: Mapping[str, Sequence[Pixels]]) -> int:
    counts = {len(row) for row in rows.values()}
    if len(counts) != 1:
        raise ValueError(f"every row needs the same number of pictures, not {sorted(counts)}")
    return counts.pop()


def _height(rows: Mapping[str, Sequence[Pixels]], count: int, has_columns: bool) -> float:
    """Inches: each picture fills its share of the width; a line of text stands above each row."""
    tall, wide = next(iter(rows.values()))[0].shape[:2]
    return len(rows) * (WIDTH / count * tall / wide + 0.3) + 0.3 * has_columns


def _place(axis: Axes, picture: Pixels) -> None:
    axis.imshow(picture, interpolation="antialiased")
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)


def _name(axis: Axes, name: str) -> None:
    """The row's name above its left edge, where a narrow screen has room for it."""
    axis.set_title(name, loc="left", pad=4).set_in_layout(False)
