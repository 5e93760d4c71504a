"""Canny's edges of shapes whose edges are known."""

import numpy as np
import pytest

from course_utils.critters import render, sample
from course_utils.measure.canny import POINTS, canny, canny_f1, edge_distances


def square(left, side=64, size=24):
    picture = np.full((side, side, 3), 255, np.uint8)
    picture[20 : 20 + size, left : left + size] = 0
    return picture


def test_a_square_has_its_outline_and_nothing_else():
    (edges,) = canny(square(16)[None])
    assert set(np.unique(edges)) == {0, 255}
    rows, columns = np.nonzero(edges)
    near = np.minimum.reduce([np.abs(rows - 19.5), np.abs(rows - 43.5), np.abs(columns - 15.5), np.abs(columns - 39.5)])
    assert near.max() <= 1.5
    assert 4 * 22 < len(rows) < 4 * 32


def test_a_faint_step_is_none_and_a_grey_picture_has_none():
    faint = np.full((1, 32, 32, 3), 100, np.uint8)
    faint[:, :, 16:] = 110  # a gradient of 40 of 255: below both thresholds
    assert not canny(faint).any()
    strong = faint.copy()
    strong[:, :, 16:] = 255
    assert canny(strong).any()


def test_a_picture_follows_its_own_edges_and_not_those_of_another_place():
    here, there = square(10)[None], square(34)[None]
    assert canny_f1(here, canny(here)) == pytest.approx([1.0])
    assert canny_f1(there, canny(here))[0] < 0.4
    renders = np.stack([render(scene) for scene in sample(2, 2)])
    assert canny_f1(renders, canny(renders)) == pytest.approx([1.0, 1.0])
    assert canny_f1(renders[::-1], canny(renders)).max() < 0.6


def test_distances_are_the_shift_where_the_shift_is_across():
    wanted, moved = canny(square(16)[None]), square(16 + 6)[None]
    exact = edge_distances(square(16)[None], wanted)
    assert exact.shape == (1, POINTS)
    assert not exact.any()
    assert edge_distances(moved, wanted).max() == pytest.approx(6 / 64, abs=1e-6)


def test_an_empty_picture_is_a_width_away_and_an_empty_map_is_refused():
    nothing, wanted = np.zeros((1, 64, 64, 3), np.uint8), canny(square(16)[None])
    assert edge_distances(nothing, wanted).tolist() == [[1.0] * POINTS]
    with pytest.raises(ValueError, match="without an edge"):
        edge_distances(square(16)[None], np.zeros_like(wanted))
    with pytest.raises(ValueError, match="draw them at that size"):
        edge_distances(square(16)[None], wanted[:, :32, :32])
