"""Measures of paths, on paths whose answers are known."""

import numpy as np
import pytest

from course_utils.measure import interpolation as path


def test_an_even_path_takes_even_steps_whatever_a_point_is():
    for points in (np.arange(5.0), np.arange(5.0)[:, None, None] * np.ones((5, 2, 3))):
        assert path.step_shares(points) == pytest.approx([0.25] * 4)
        assert path.largest_step(points) == pytest.approx(0.25)


def test_a_jump_is_the_whole_way():
    assert path.largest_step(np.array([0.0, 0, 0, 7, 7])) == 1
    assert path.step_shares(np.array([0.0, 1, -2])) == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("still", [np.ones(4), np.ones((1, 3))])
def test_a_path_that_goes_nowhere_is_refused(still):
    with pytest.raises(ValueError, match=r"path"):
        path.step_shares(still)


def test_steady_counts_steps_in_the_right_direction():
    assert path.steady(np.array([0.0, 1, 1, 2])) == 1
    assert path.steady(np.array([3.0, 2, 1])) == 0
    assert path.steady(np.array([0.0, 1, 0.9, 2])) == pytest.approx(2 / 3)
    assert path.steady(np.array([0.0, 1, 0.9, 2]), slack=0.2) == 1


def test_a_straight_rise_takes_four_fifths_and_a_jump_takes_a_moment():
    times = np.linspace(0, 1, 101)
    assert path.crossing(times, times) == pytest.approx(0.8)
    assert path.crossing([0, 1, 2, 3], np.array([0.0, 0, 1, 1])) == pytest.approx(0.8)
    logistic = 1 / (1 + np.exp(-40 * (times - 0.3)))
    assert path.crossing(times, logistic) == pytest.approx(2 * np.log(9) / 40, abs=1e-3)


def test_it_counts_from_the_last_time_below():
    assert path.crossing([0, 1, 2, 3, 4], np.array([0.0, 0.6, 0.0, 0.0, 1.0])) == pytest.approx(0.8)


@pytest.mark.parametrize("curve", [[0.0, 0.5, 0.8], [0.2, 0.5, 1.0], [1.0, 0.5, 0.0]])
def test_a_curve_that_never_crosses_is_refused(curve):
    with pytest.raises(ValueError, match="does not rise"):
        path.crossing([0, 1, 2], np.array(curve))


def test_rank_correlation_minds_the_order_only():
    assert path.rank_correlation(np.arange(4), np.arange(4) ** 3) == pytest.approx(1)
    assert path.rank_correlation(np.arange(3), -np.arange(3)) == pytest.approx(-1)
    assert path.rank_correlation(np.arange(3), np.full(3, 5.0)) == 0
    with pytest.raises(ValueError, match="the same was asked"):
        path.rank_correlation(np.full(3, 5.0), np.arange(3))


def test_the_nearest_is_found_and_a_real_one_is_at_no_distance():
    real = np.array([[0.0, 0.0], [3.0, 4.0], [10.0, 0.0]])
    assert path.to_nearest(real, real) == pytest.approx([0, 0, 0], abs=1e-6)
    assert path.to_nearest(np.array([[0.0, -2.0], [9.0, 0.0]]), real) == pytest.approx([2, 1])
