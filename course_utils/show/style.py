"""One look for every figure: a warm card with large letters, readable on a phone and in dark mode.

Figures are opaque cards rather than transparent drawings: pictures must keep their true colours on a dark page, and
dark letters on a dark page would vanish.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

PAPER, INK, FAINT = "#fbf8f2", "#2b2a33", "#8a8791"

# Told apart by readers with any kind of colour vision (after Okabe and Ito, 2008), and always drawn with a marker of
# their own: colour never carries a meaning alone.
COLOURS = {
    "orange": "#d5691c",
    "blue": "#1f6fa8",
    "green": "#2f8f6b",
    "purple": "#8a5aa8",
    "pink": "#c4557f",
    "grey": FAINT,
    "ink": INK,
}
MARKERS = {"orange": "o", "blue": "s", "green": "^", "purple": "D", "pink": "v", "grey": "P", "ink": "X"}

# 6.4 inches fill the text column of the book; 13 points stay readable when a phone shrinks them by half.
WIDTH, DPI = 6.4, 150

RC: Any = {
    "figure.facecolor": PAPER, "savefig.facecolor": PAPER, "axes.facecolor": PAPER,
    "figure.figsize": (WIDTH, 3.9), "figure.dpi": 100, "savefig.dpi": DPI,
    "font.family": "DejaVu Sans", "font.size": 13, "axes.titlesize": 13, "axes.labelsize": 13,
    "xtick.labelsize": 12, "ytick.labelsize": 12, "legend.fontsize": 12, "legend.frameon": False,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": FAINT, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#e5dfd3", "grid.linewidth": 0.8,
    "lines.linewidth": 2.2, "lines.markersize": 7, "svg.hashsalt": "latent-space-and-control",
    "axes.prop_cycle": cycler(color=[COLOURS[name] for name in ("orange", "blue", "green", "purple", "pink")]),
}  # fmt: skip


def style() -> None:
    """Give matplotlib the look of the course, for the figures that a reader draws."""
    mpl.rcParams.update(RC)


@contextmanager
def canvas(height: float, width: float = WIDTH) -> Iterator[Figure]:
    """A blank card of `width` x `height` inches in the course's style, whatever matplotlib was set to before."""
    with mpl.rc_context(RC):
        yield Figure(figsize=(width, height), layout="constrained")
