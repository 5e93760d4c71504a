"""Figures of control: whole distributions."""

import matplotlib.figure
import numpy as np
import pytest

from course_utils.show import control


@pytest.fixture
def drawn(monkeypatch):
    """The axes of each figure, kept before they become a PNG."""
    kept, real = [], control.figure

    def spy(card: matplotlib.figure.Figure, *args, **options):
        kept.append(card)
        return real(card, *args, **options)

    monkeypatch.setattr(control, "figure", spy)
    return kept


def test_a_line_says_how_many_percent_lie_below(drawn):
    picture = control.shares(
        {"error": {"a": [0.1, 0.4, 0.2, 0.3]}}, "The share of pictures below each error.", {"a": "blue"},
        floors={"error": ("renders", [0.01, 0.02])}, limits={"error": (0, 0.5)})  # fmt: skip
    axis = drawn[0].axes[0]
    x, y = axis.lines[0].get_data()
    assert y.max() == 100
    assert y[np.flatnonzero(np.isclose(x, 0.2))[-1]] == 50
    assert axis.lines[1].get_linestyle() == "--"
    assert axis.get_xlim() == (0, 0.5)
    assert picture.png.startswith(b"\x89PNG")


def test_no_two_lines_differ_in_colour_alone(drawn):
    values = np.random.default_rng(0).random(64)
    lines, colours = {"a": values, "b": values / 2}, {"a": "blue", "b": "green"}
    control.shares({"error": lines}, "The share of pictures below each error.", colours)
    assert len({line.get_marker() for line in drawn[0].axes[0].lines} - {"None"}) == 2


@pytest.mark.parametrize("values", [[], [0.1, float("nan")]])
def test_no_distribution_without_finite_values(values):
    with pytest.raises(ValueError, match="at least one"):
        control.shares({"error": {"a": values}}, "The share of pictures below each error.", {"a": "blue"})
