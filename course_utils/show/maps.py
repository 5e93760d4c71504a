"""Maps of a latent and of what a change in it does to the picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from course_utils.show.image import Picture, figure
from course_utils.show.style import COLOURS, INK, WIDTH, canvas

HEAT = LinearSegmentedColormap.from_list("paper to ink", ["#ffffff", "#f6c48f", COLOURS["orange"], "#8a2c12", INK])


def change_maps(
    picture: UInt8[np.ndarray, "h w 3"],
    maps: Mapping[str, tuple[Float[np.ndarray, "h w"], tuple[int, int]]],
    alt: str,
    block: int = 8,
) -> Picture:
    """The picture with the latent cells that are nudged, then for each how much every pixel changed (dark: more).

    Three maps fill the card. A frame marks a cell's own block of pixels, a dashed one its eight neighbours.
    """
    with canvas(7.3) as card:
        axes = card.subplots(2, 2).ravel()
        axes[0].imshow(picture)
        _bare(axes[0], "the picture")
        top = max(float(change.max()) for change, _ in maps.values())
        for axis, (name, (change, cell)) in zip(axes[1:], maps.items(), strict=True):
            drawn = axis.imshow(np.sqrt(change / top), cmap=HEAT, vmin=0, vmax=1, interpolation="nearest")
            _frame(axis, cell, block)
            _frame(axes[0], cell, block)
            _bare(axis, name)
        bar = card.colorbar(drawn, ax=list(axes), location="bottom", shrink=0.7, aspect=30, ticks=[0, 0.5, 1])
        bar.ax.set_xticklabels(["none", "a quarter", "largest change"])
        return figure(card, alt)


def channel_maps(latent: Float[np.ndarray, "channels h w"], alt: str) -> Picture:
    """Each channel of a latent as a small picture: blue is negative, white zero, red positive."""
    with canvas(WIDTH / len(latent) + 1.1) as card:
        axes = card.subplots(1, len(latent), squeeze=False)[0]
        reach = float(np.abs(latent).max())
        for number, (axis, channel) in enumerate(zip(axes, latent, strict=True)):
            drawn = axis.imshow(channel, cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest")
            _bare(axis, f"channel {number}")
        card.colorbar(drawn, ax=list(axes), location="bottom", shrink=0.7, aspect=30, label="in standard deviations")
        return figure(card, alt)


def _frame(axis: Axes, cell: tuple[int, int], block: int) -> None:
    """A box round the pixels that lie behind one latent cell, and a dashed one round its neighbours."""
    y, x = (block * index - 0.5 for index in cell)
    axis.add_patch(Rectangle((x, y), block, block, fill=False, ec=COLOURS["blue"], lw=2))
    edge: Any = {"fill": False, "ec": COLOURS["blue"], "lw": 1.2, "ls": (0, (3, 2))}
    axis.add_patch(Rectangle((x - block, y - block), 3 * block, 3 * block, **edge))


def _bare(axis: Axes, name: str) -> None:
    axis.set(xticks=[], yticks=[])
    axis.set_title(name)
    axis.grid(False)
    axis.spines[:].set_visible(True)
