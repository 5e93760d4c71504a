"""Figures of flows in the plane: the lines of training, their mean where they cross, and paths side by side."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from torch import Tensor

from course_utils.show.image import Picture, figure
from course_utils.show.refresher import GREY, Points, dots, square
from course_utils.show.style import COLOURS, INK, WIDTH, canvas

Walk = Float[np.ndarray, "steps n 2"] | Float[Tensor, "steps n 2"]
REACH = 2.9


def crossing(
    noise: Points, data: Points, through: Points, to: Points, place: tuple[float, float],
    velocity: tuple[float, float], alt: str, points: Points, radius: float = 0.12,
) -> Picture:
    """Left, straight lines from `noise` to `data`; right, those that pass a small circle, and where their mean leads.

    `through` and `to` are the ends of the lines through the circle of `radius` about `place`; `velocity` is their mean
    epsilon - x0, drawn the other way round, as a sampler walks it; `points` in grey behind.
    """
    with canvas(WIDTH / 2 + 0.35) as card:
        left, right = card.subplots(1, 2)
        for axis, start, end in ((left, noise, data), (right, through, to)):
            dots(axis, points, 3, GREY)
            ends = np.stack([np.asarray(start), np.asarray(end)])
            axis.plot(*ends.transpose(2, 0, 1), color=COLOURS["blue"], linewidth=0.9, alpha=0.55)
            axis.plot(*ends[0].T, "o", markerfacecolor="none", color=COLOURS["blue"], markersize=4)
        ring = np.linspace(0, 2 * np.pi, 80)
        right.plot(place[0] + radius * np.cos(ring), place[1] + radius * np.sin(ring), color=INK, linewidth=1.6)
        right.annotate("", np.subtract(place, velocity), place, arrowprops={
            "arrowstyle": "-|>", "color": COLOURS["orange"], "linewidth": 3, "shrinkA": 0, "shrinkB": 0,
            "mutation_scale": 18}, zorder=5)  # fmt: skip
        square(left, "lines of training", REACH, fontsize=12)
        square(right, "through one place, and their mean", REACH, fontsize=12)
        return figure(card, alt, few_colours=True)


def walks(panels: Mapping[str, Walk], alt: str, points: Points, reach: float = REACH) -> Picture:
    """Named panels, two a row: of each point a ring where it began, the line that it went, a dot where it ended."""
    rows = (len(panels) + 1) // 2
    with canvas((WIDTH / 2 + 0.35) * rows) as card:
        axes = card.subplots(rows, 2, squeeze=False).ravel()
        for axis in axes[len(panels):]:
            axis.set_axis_off()
        for axis, (title, path) in zip(axes, panels.items(), strict=False):
            steps = np.asarray(path)
            if steps.ndim != 3 or steps.shape[-1] != 2:
                raise ValueError(f"a walk in the plane has shape [steps, n, 2], not {list(steps.shape)}")
            dots(axis, points, 3, GREY)
            axis.plot(*steps.transpose(2, 0, 1), color=COLOURS["blue"], linewidth=1, alpha=0.8)
            axis.plot(*steps[0].T, "o", markerfacecolor="none", color=COLOURS["blue"], markersize=4)
            axis.plot(*steps[-1].T, "o", color=COLOURS["orange"], markersize=4)
            square(axis, title, reach, fontsize=12)
        return figure(card, alt, few_colours=True)
