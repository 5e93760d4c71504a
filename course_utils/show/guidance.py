"""Figures of guidance: sweeps with error bars, arrows in the plane they span, and where words are read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes

from course_utils.show.image import Picture, figure
from course_utils.show.maps import HEAT
from course_utils.show.style import COLOURS, FAINT, INK, MARKERS, canvas

Pixels = UInt8[np.ndarray, "h w 3"]
Measured = tuple[Sequence[float], Sequence[float], Sequence[float] | None]
Arrow = tuple[float, float]


def sweep(
    panels: Mapping[str, Mapping[str, Measured]], alt: str, colours: Mapping[str, str],
    floors: Mapping[str, tuple[str, float]] | None = None, limits: Mapping[str, tuple[float, float]] | None = None,
    below: bool = False, **axis: Any,
) -> Picture:
    """Stacked panels of named measurements (x, mean, half-width), each point with its error bar if it has one.

    A line joins three points or more: between two nothing was measured. `floors[title]` draws a dashed line at a value,
    with its name at the line; `limits[title]` is the range of a panel, such as up to 1 where more cannot be, and cuts
    what error bars have beyond; `below` sets one legend, the first panel's, under all, where there are too many names
    for the inside; `axis` is passed to each `Axes.set`.
    """
    with canvas(0.9 + 2.3 * len(panels) + below) as card:
        axes = card.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for panel, (title, lines) in zip(axes, panels.items(), strict=True):
            for name, (x, mean, half) in lines.items():
                panel.errorbar(x, mean, half, label=name, capsize=3, elinewidth=1.4, color=COLOURS[colours[name]],
                               marker=MARKERS[colours[name]], linestyle="-" if len(x) > 2 else "none")
            if floors and title in floors:
                _dashed(panel, *floors[title])
            if len(lines) > 1 and not below:
                panel.legend(loc="best")
            panel.set(**{"title": title, "ylim": (limits or {}).get(title), **axis})
            panel.label_outer()
        if below:
            card.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=11,
                        handlelength=1.3, columnspacing=1)
        return figure(card, alt, few_colours=True)


def _dashed(panel: Axes, name: str, value: float) -> None:
    panel.axhline(value, color=INK, linestyle="--", linewidth=1.4)
    panel.annotate(name, (1, value), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                   ha="left", va="center", fontsize=11)


def plane(
    rows: Mapping[str, Mapping[str, Arrow]], alt: str, colours: Mapping[str, str]
) -> Picture:
    """Named arrows in the plane that they span, lengths and angles true: on the left from the origin, on the right only
    where they end, enlarged. The dotted line through the first two ends holds every guided prediction.
    """
    with canvas(0.5 + 3.1 * len(rows)) as card:
        axes = card.subplots(len(rows), 2, squeeze=False)
        for (whole, ends), (title, arrows) in zip(axes, rows.items(), strict=True):
            _arrows(whole, arrows, colours, tips=False)
            _arrows(ends, arrows, colours, tips=True)
            whole.set_title(title)
            ends.set_title("where they end")
        card.set_layout_engine("constrained", h_pad=0.1)
        handles, names = axes[0, 0].get_legend_handles_labels()
        card.legend(handles, names, loc="outside lower center", ncols=min(3, len(names)))
        return figure(card, alt, few_colours=True)


def _arrows(panel: Axes, arrows: Mapping[str, Arrow], colours: Mapping[str, str], tips: bool) -> None:
    """One panel; the square around the ends, or around the ends and the origin."""
    ends = np.array(list(arrows.values()))
    if (ends[0] != ends[1]).any():
        panel.axline(ends[0], ends[1], color=FAINT, linewidth=1.2, linestyle=":")
    for name, end in arrows.items():
        colour = COLOURS[colours[name]]
        if not tips:
            panel.annotate("", end, (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.8,
                                                        "shrinkA": 0, "shrinkB": 0, "mutation_scale": 13})
        panel.plot(*end, MARKERS[colours[name]], color=colour, label=name, markersize=8 if tips else 4)
    shown = ends if tips else np.vstack([ends, [0, 0]])
    middle = (shown.max(0) + shown.min(0)) / 2
    reach = max(float((shown.max(0) - shown.min(0)).max()) * 0.62, 1e-6)
    panel.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach), aspect="equal")
    panel.tick_params(labelsize=10)


def heat(values: Float[np.ndarray, "s s"], side: int = 128, top: float | None = None) -> Pixels:
    """A small map as a picture, each cell a square: white is zero, dark is `top` (the map's own largest value)."""
    scaled = np.clip(values / (top or float(values.max()) or 1.0), 0, 1)
    colours = np.rint(255 * np.asarray(HEAT(scaled))[..., :3]).astype(np.uint8)
    block = side // len(values)
    return colours.repeat(block, axis=0).repeat(block, axis=1)
