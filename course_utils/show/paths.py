"""Figures of paths between pictures: curves with their uncertainty, and cursor against reading."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from course_utils.measure.pictures import mean_and_interval
from course_utils.show.image import Picture, figure
from course_utils.show.style import COLOURS, FAINT, MARKERS, WIDTH, canvas

Many = Float[np.ndarray, "n points"]
"""One row for each path, one column for each point."""


def bands(
    panels: Mapping[str, Mapping[str, Many]], times: Sequence[float], alt: str, colours: Mapping[str, str],
    floors: Mapping[str, tuple[float, str]] | None = None, limits: Mapping[str, tuple[float, float]] | None = None,
    legend: str = "best", **axis: Any,
) -> Picture:
    """Means over paths with their 95 % intervals as bars, one panel of named lines under another.

    `floors[title]` is (value, name): a dashed line in that panel, what real pictures score; `limits[title]` the range
    of a panel, such as 0 to 1 where an interval of few values reaches beyond what a probability can be. The lines of a
    panel are set a little apart sideways, so that bars do not hide each other. `axis` is passed to each `Axes.set`.
    """
    with canvas(1.2 + 2.6 * len(panels)) as card:
        axes = card.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for panel, (title, lines) in zip(axes, panels.items(), strict=True):
            for place, (name, values) in enumerate(lines.items()):
                shift = 0.06 * (place - (len(lines) - 1) / 2) * (times[1] - times[0])
                _bars(panel, np.asarray(times) + shift, np.asarray(values), name, colours[name])
            if floors and title in floors:
                panel.margins(y=0.13)  # room for the name under the line
                _floor(panel, *floors[title])
            panel.set(**{"title": title, "ylim": (limits or {}).get(title), **axis})
            panel.label_outer()
        handles, names = axes[0].get_legend_handles_labels()
        if legend == "below":
            card.legend(handles, names, loc="outside lower center", ncols=2)
        else:
            axes[0].legend(loc=legend)
        return figure(card, alt, few_colours=True)


def _bars(panel: Axes, times: Float[np.ndarray, " points"], values: Many, name: str, colour: str) -> None:
    found = [mean_and_interval(column) for column in values.T]
    panel.errorbar(times, [one.mean for one in found], [one.half_width for one in found], color=COLOURS[colour],
                   marker=MARKERS[colour], markersize=5, linewidth=1.8, elinewidth=1, label=name)  # fmt: skip


def _floor(panel: Axes, value: float, name: str) -> None:
    panel.axhline(value, color=FAINT, linestyle="--", linewidth=1.4)
    panel.annotate(name, (1, value), (-4, -13), xycoords=("axes fraction", "data"), textcoords="offset points",
                   ha="right", color=FAINT, fontsize=11)  # fmt: skip


def against_cursor(
    panels: Mapping[str, Mapping[str, Many]], places: Sequence[float], alt: str, colours: Mapping[str, str],
    labels: Mapping[str, str],
) -> Picture:
    """Cursor to the right, reading upwards: every plane's own thin line, and the mean with its interval over it.

    `labels[title]` names the reading of a panel; the title names the cursor.
    """
    with canvas(3.6, WIDTH) as card:
        for panel, (title, lines) in zip(card.subplots(1, len(panels)), panels.items(), strict=True):
            for name, values in lines.items():
                panel.plot(places, np.asarray(values).T, color=COLOURS[colours[name]], linewidth=0.7, alpha=0.4)
                _bars(panel, np.asarray(places), np.asarray(values), name, colours[name])
            panel.set(title=labels[title], xlabel=title, xticks=[0, 0.5, 1])
        return figure(card, alt, few_colours=True)
