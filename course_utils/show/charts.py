"""Charts of measured numbers: few, plain, with names written at the lines instead of in a legend where they fit."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from course_utils.show.image import Picture, figure
from course_utils.show.style import COLOURS, MARKERS, canvas

Line = tuple[Sequence[float], Sequence[float]]
NAMES = tuple(COLOURS)


def curves(
    panels: Mapping[str, Mapping[str, Line]],
    alt: str,
    colours: Mapping[str, str],
    markers: bool = False,
    **axis: Any,
) -> Picture:
    """Named lines (x, y) in stacked panels that share their style; `axis` is passed to each `Axes.set`.

    `colours` gives each line one of the names in `COLOURS`, and its marker: at every point with `markers`, else at some
    eight of them, for a line of a thousand steps would be nothing but markers.
    """
    with canvas(0.9 + 2.9 * len(panels)) as card:
        axes = card.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for panel, (title, lines) in zip(axes, panels.items(), strict=True):
            for name, (x, y) in lines.items():
                _line(panel, name, x, y, colours[name], markers)
            panel.set(title=title, **axis)
            panel.label_outer()
        if len(next(iter(panels.values()))) > 1:
            axes[0].legend(loc="best")
        return figure(card, alt, few_colours=True)


def bars(values: Mapping[str, float], alt: str, labels: Sequence[str], colours: Sequence[str], **axis: Any) -> Picture:
    """Horizontal bars, the name above each and the number at its end; `axis` is passed to `Axes.set`."""
    with canvas(0.8 + 0.72 * len(values)) as card:
        axes = card.subplots()
        rows = range(len(values))
        axes.barh(rows, list(values.values()), height=0.42, color=[COLOURS[name] for name in colours])
        axes.set(yticks=[], ylim=(len(values) - 0.6, -0.75), **axis)
        axes.xaxis.set_major_formatter("{x:g}")
        left = axes.get_xlim()[0]
        for row, (name, value), label in zip(rows, values.items(), labels, strict=True):
            axes.annotate(name, (left, row), (2, 17), textcoords="offset points", va="center")
            axes.annotate(label, (value, row), (6, 0), textcoords="offset points", va="center", weight="bold")
        axes.grid(axis="y", visible=False)
        return figure(card, alt, few_colours=True)


def scatter(points: Mapping[str, tuple[float, float]], alt: str, colours: Mapping[str, str], **axis: Any) -> Picture:
    """Named points with their names beside them; `axis` is passed to `Axes.set`."""
    with canvas(3.9) as card:
        axes = card.subplots()
        for name, (x, y) in points.items():
            axes.plot(x, y, MARKERS[colours[name]], color=COLOURS[colours[name]], markersize=11)
            left = x < sum(other for other, _ in points.values()) / len(points)
            aside: Any = {"xytext": (-6, 11), "ha": "left"} if left else {"xytext": (6, 11), "ha": "right"}
            axes.annotate(name, (x, y), textcoords="offset points", **aside)
        axes.margins(x=0.08, y=0.2)
        axes.set(**axis)
        return figure(card, alt, few_colours=True)


def _line(panel: Axes, name: str, x: Sequence[float], y: Sequence[float], colour: str, markers: bool) -> None:
    every = 1 if markers else max(1, len(x) // 8)
    panel.plot(x, y, color=COLOURS[colour], marker=MARKERS[colour], markevery=every, label=name)
