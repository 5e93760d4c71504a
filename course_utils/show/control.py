"""Figures of control: whole distributions side by side, because a mean cannot tell "soft" from "now and then"."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from course_utils.show.image import Picture, figure
from course_utils.show.style import COLOURS, FAINT, MARKERS, canvas

Values = Sequence[float]


def shares(
    panels: Mapping[str, Mapping[str, Values]], alt: str, colours: Mapping[str, str],
    floors: Mapping[str, tuple[str, Values]] | None = None, limits: Mapping[str, tuple[float, float]] | None = None,
    of: str = "pictures",
) -> Picture:
    """How many of the pictures (or what else is counted) lie below each value, in percent: one panel of named steps
    under another.

    A steep line is a narrow distribution. `floors[title]` is (name, values): what the reader itself errs on pictures
    that are right by construction, drawn dashed. `limits[title]` is the range that a panel shows.
    """
    with canvas(0.9 + 2.7 * len(panels)) as card:
        axes = card.subplots(len(panels), 1, squeeze=False)[:, 0]
        for panel, (title, lines) in zip(axes, panels.items(), strict=True):
            for name, values in lines.items():
                _steps(panel, values, label=name, color=COLOURS[colours[name]], linewidth=2.2,
                       marker=MARKERS[colours[name]], markevery=max(1, len(values) // 6))
            if floors and title in floors:
                name, values = floors[title]
                _steps(panel, values, label=name, color=FAINT, linestyle="--", linewidth=1.6)
            panel.set(title=title, ylabel=f"% of {of}", ylim=(-2, 102), xlim=(limits or {}).get(title))
        handles, names = axes[0].get_legend_handles_labels()
        card.legend(handles, names, loc="outside lower center", ncols=2)
        return figure(card, alt, few_colours=True)


def _steps(panel: Axes, values: Values, **look: Any) -> None:
    """The empirical distribution function, from nothing to all of them."""
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(f"a distribution needs finite values, at least one, got {list(values)[:5]}")
    panel.ecdf(np.asarray(values, float), **look)
    for line in panel.lines[-1:]:
        line.set_ydata(100 * np.asarray(line.get_ydata(), float))
