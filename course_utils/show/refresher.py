"""Figures of two-dimensional points: clouds, the arrows of a denoiser, the paths of a sampler."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from course_utils.show.image import Picture, figure
from course_utils.show.style import COLOURS, WIDTH, canvas

Points = Float[np.ndarray, "n 2"] | Float[Tensor, "n 2"]
REACH = 2.6  # the square that is shown: points have unit variance
GREY = "#d6cfc2"


def clouds(rows: Mapping[str, Mapping[str, Points]], alt: str) -> Picture:
    """Named rows of scattered points under each other, each cloud in the same square and under its own name.

    Rows hold equally many clouds; a row whose name is blank has no line for it.
    """
    counts = {len(row) for row in rows.values()}
    if len(counts) != 1:
        raise ValueError(f"every row needs the same number of clouds, not {sorted(counts)}")
    side = WIDTH / counts.pop()
    named = sum(bool(name.strip()) for name in rows)
    with canvas((side + 0.38) * len(rows) + 0.26 * named) as card:
        for part, (name, row) in zip(card.subfigures(len(rows), 1, squeeze=False)[:, 0], rows.items(), strict=True):
            if name.strip():
                part.suptitle(name, x=0.008, ha="left", fontsize=13, weight="bold")
            for axis, (title, points) in zip(part.subplots(1, len(row), squeeze=False)[0], row.items(), strict=True):
                dots(axis, points, side, COLOURS["orange"])
                square(axis, title)
        return figure(card, alt, few_colours=True)


def arrows(panels: Mapping[str, tuple[Points, Points]], alt: str, points: Points, longest: float = 0.3) -> Picture:
    """Two panels a row; arrows from places to goals, cut short where they are longer than `longest`; `points` in grey.

    `panels[title]` is (places, goals).
    """
    with canvas((WIDTH / 2 + 0.3) * ((len(panels) + 1) // 2)) as card:
        axes = card.subplots((len(panels) + 1) // 2, 2, squeeze=False).ravel()
        for axis in axes[len(panels) :]:
            axis.set_axis_off()
        for axis, (title, (places, goals)) in zip(axes, panels.items(), strict=False):
            places, way = np.asarray(places), np.asarray(goals) - np.asarray(places)
            way = way * np.minimum(1, longest / np.linalg.norm(way, axis=1, keepdims=True).clip(1e-9))
            dots(axis, points, 2, GREY)
            axis.quiver(*places.T, *way.T, color=COLOURS["blue"], angles="xy", scale_units="xy", scale=1,
                        width=0.006, headwidth=4.5, headlength=5, headaxislength=4.5, minlength=0.5)  # fmt: skip
            square(axis, title)
        return figure(card, alt, few_colours=True)


def paths(steps: Float[np.ndarray, "steps n 2"] | Float[Tensor, "steps n 2"], alt: str, points: Points) -> Picture:
    """Where each of n points went: a ring at the start, a line, a dot at the end; `points` in grey behind."""
    steps = np.asarray(steps)
    low, high = (getattr(steps, end)(axis=(0, 1)) + pad for end, pad in (("min", -0.15), ("max", 0.15)))
    with canvas(WIDTH * float(np.divide(*(high - low)[::-1]))) as card:
        axis = card.subplots()
        dots(axis, points, 5, GREY)
        axis.plot(*steps.transpose(2, 0, 1), color=COLOURS["blue"], linewidth=1.1, alpha=0.8)
        axis.plot(*steps[0].T, "o", markerfacecolor="none", color=COLOURS["blue"], markersize=6, markeredgewidth=1.2,
                  label="noise")  # fmt: skip
        axis.plot(*steps[-1].T, "o", color=COLOURS["orange"], markersize=5.5, label="where it ends")
        axis.legend(loc="upper left")
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[], aspect="equal")
        axis.spines[:].set_visible(False)
        return figure(card, alt, few_colours=True)


def dots(axis: Axes, points: Points, size: float, colour: str) -> None:
    """A cloud of points behind or in a drawing."""
    x, y = np.asarray(points).T
    axis.scatter(x, y, s=size, color=colour, linewidths=0)


def square(axis: Axes, title: str, reach: float = REACH, **font: Any) -> None:
    """The same square for every panel, without ticks: places matter here, numbers do not."""
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")
    axis.set_title(title, **font)
    axis.spines[:].set_visible(True)
