"""Rows of pictures with their names, and what differs between two of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure
from torch import Tensor

from course_utils.show.image import Picture, figure
from course_utils.show.style import WIDTH, canvas

Pixels = UInt8[np.ndarray, "h w 3"]
GAP = 8  # pixels between pictures
NAME = 0.34  # inches for a row's name; it stands above the row, where a narrow screen has room


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
    """A named row of pictures, or of grey maps, under another; `columns` are names over those of the first row.

    Every pixel is shown as a square of whole pixels, never resampled: in a course about what compression does to
    detail a figure must not add its own blur. Rows hold equally many pictures, all of one shape; a row called "" or
    " " has no line for its name.
    """
    if columns and next(iter(rows)).strip():
        raise ValueError(f"columns stand where the name of the first row would, {next(iter(rows))!r}: call it ' '")
    count, (tall, wide) = _grid(rows)
    zoom = max(1, round(960 / (count * wide)))
    dpi = (count * (zoom * wide + GAP) + GAP) / WIDTH
    names = [NAME * (bool(name.strip()) or (line == 0 and bool(columns))) for line, name in enumerate(rows)]
    height = round(sum(names) * dpi) + len(rows) * (zoom * tall + GAP) + GAP
    with canvas(height / dpi) as card:
        card.set_layout_engine("none")
        card.set_dpi(dpi)
        top = height
        for line, (name, row) in enumerate(rows.items()):
            top -= round(names[line] * dpi) + zoom * tall + GAP
            for column, picture in enumerate(row):
                left = GAP + column * (zoom * wide + GAP)
                card.figimage(_zoomed(picture, zoom), left, top)
                if line == 0 and columns:
                    _write(card, columns[column], left, top + zoom * tall, height, dpi)
            _write(card, name, GAP, top + zoom * tall, height, dpi)
        return figure(card, alt, dpi=dpi)


def _grid(rows: Mapping[str, Sequence[Pixels]]) -> tuple[int, tuple[int, int]]:
    """How many pictures stand in each row, and their height and width."""
    counts, shapes = {len(row) for row in rows.values()}, {p.shape[:2] for row in rows.values() for p in row}
    if len(counts) != 1 or len(shapes) != 1:
        raise ValueError(f"every row needs the same number of pictures of one shape, not {sorted(counts)} of {shapes}")
    return counts.pop(), shapes.pop()


def _zoomed(picture: Pixels | UInt8[np.ndarray, "h w"], zoom: int) -> Pixels:
    """Squares of whole pixels. Grey maps get three equal channels: one alone matplotlib would colour."""
    if picture.ndim == 2:
        picture = picture[..., None].repeat(3, axis=2)
    return picture.repeat(zoom, axis=0).repeat(zoom, axis=1)


def _write(card: Figure, text: str, x: float, y: float, height: float, dpi: float) -> None:
    """`text` with its lower left corner a little above the pixel (x, y), counted from below."""
    card.text(x / (WIDTH * dpi), (y + 0.1 * dpi) / height, text, va="baseline")
