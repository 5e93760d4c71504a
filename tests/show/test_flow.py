"""Figures of flows in the plane."""

import matplotlib.figure
import numpy as np
import pytest

from course_utils.show import flow

POINTS = np.random.default_rng(0).normal(size=(30, 2))
ALT = "Lines and paths in the plane, described."


@pytest.fixture
def drawn(monkeypatch):
    """The axes of each figure, kept before they become a PNG."""
    kept, real = [], flow.figure

    def spy(card: matplotlib.figure.Figure, *args, **options):
        kept.append(card)
        return real(card, *args, **options)

    monkeypatch.setattr(flow, "figure", spy)
    return kept


def test_the_mean_arrow_is_drawn_the_way_a_sampler_walks(drawn):
    picture = flow.crossing(POINTS[:4], POINTS[4:8], POINTS[8:10], POINTS[10:12], (0.5, 0.2), (1.0, -0.5), ALT, POINTS)
    left, right = drawn[0].axes
    assert len(left.lines) == 4 + 1
    assert len(right.lines) == 2 + 1 + 1  # lines, their beginnings, the circle
    (arrow,) = right.texts
    assert arrow.xy == pytest.approx((-0.5, 0.7))
    assert arrow.xyann == (0.5, 0.2)
    circle = np.stack(right.lines[-1].get_data(), axis=1)
    assert np.linalg.norm(circle - (0.5, 0.2), axis=1) == pytest.approx(0.12)
    assert picture.png.startswith(b"\x89PNG")


def test_walks_begin_with_a_ring_and_end_with_a_dot(drawn):
    paths = {name: POINTS[:24].reshape(4, 6, 2) + k for k, name in enumerate(("a", "b", "c"))}
    flow.walks(paths, ALT, POINTS)
    axes = drawn[0].axes
    assert [axis.get_title(loc="left") for axis in axes] == ["a", "b", "c", ""]
    assert not axes[3].axison
    first, last = axes[1].lines[-2:]
    assert np.stack(first.get_data(), 1) == pytest.approx(paths["b"][0])
    assert np.stack(last.get_data(), 1) == pytest.approx(paths["b"][-1])


def test_a_walk_is_in_the_plane():
    with pytest.raises(ValueError, match=r"shape \[steps, n, 2\]"):
        flow.walks({"a": np.zeros((3, 2, 4))}, ALT, POINTS)
