r"""Paths between two pictures: how even they are, how far from anything real, how steadily they do what was asked.

A path is a list of points, one picture each. What a path is judged by stands elsewhere: the ghost score in `doubles`,
classes in `critic`. Here is what only a path has: steps, jumps and directions.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr


def step_shares(path: Float[np.ndarray, "points ..."]) -> Float[np.ndarray, " steps"]:
    r"""\(|x_{k+1}-x_k| / \sum_j |x_{j+1}-x_j|\): the share of the way that each step makes; sums to 1.

    A point is a number, or an array taken as one vector. Raises `ValueError` for a path that stands still or has fewer
    than two points.
    """
    x = np.asarray(path, dtype=np.float64)
    if len(x) < 2:
        raise ValueError(f"a path needs two points or more, got {len(x)}")
    steps = np.linalg.norm(np.diff(x.reshape(len(x), -1), axis=0), axis=1)
    if steps.sum() == 0:
        raise ValueError("all points of this path are the same: there is no way to share out")
    return steps / steps.sum()


def largest_step(path: Float[np.ndarray, "points ..."]) -> float:
    """The largest of `step_shares`: 1 / (points - 1) for an even path, 1 where everything happens at once."""
    return float(step_shares(path).max())


def steady(values: Float[np.ndarray, " points"], slack: float = 0.0) -> float:
    """Share of the steps that do not fall by more than `slack`: 1 for a rising row, 0 for a falling one."""
    return float(np.mean(np.diff(np.asarray(values, dtype=np.float64)) >= -slack))


def crossing(
    times: Sequence[float], shares: Float[np.ndarray, " points"], low: float = 0.1, high: float = 0.9
) -> float:
    """How much of the time a rising curve takes from `low` to `high`, read off straight lines between the points.

    0.8 for a straight line from 0 to 1; one spacing of the times or less for a jump. From the last time below `low` to
    the first time at `high` after it. Raises `ValueError` for a curve that does not get from one to the other.
    """
    t, p = np.asarray(times, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    below = np.flatnonzero(p < low)
    if not len(below) or not (p[below[-1]:] >= high).any():
        raise ValueError(f"the curve does not rise from below {low} to {high}: {np.round(p, 2).tolist()}")
    start = below[-1]
    end = start + int(np.argmax(p[start:] >= high))
    return float(_when(t, p, end, high) - _when(t, p, start + 1, low))


def _when(t: np.ndarray, p: np.ndarray, k: int, level: float) -> float:
    """When the straight line from point k - 1 to point k crosses the level."""
    return t[k - 1] + (t[k] - t[k - 1]) * (level - p[k - 1]) / (p[k] - p[k - 1])


def rank_correlation(asked: Float[np.ndarray, " n"], found: Float[np.ndarray, " n"]) -> float:
    """Spearman's: 1 where the one always grows with the other, whatever the curve; 0 where all that was found is one.

    Raises `ValueError` where the same was asked every time: then nothing can grow with it.
    """
    if np.ptp(np.asarray(asked, dtype=np.float64)) == 0:
        raise ValueError("the same was asked every time, so no order can be followed: vary it")
    if np.ptp(np.asarray(found, dtype=np.float64)) == 0:
        return 0.0
    return float(spearmanr(asked, found).statistic)


def to_nearest(vectors: Float[np.ndarray, "n d"], real: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " n"]:
    r"""\(\min_j |v - r_j|\): Euclidean distance of each vector to the nearest real one.

    It depends on how many real ones there are and on the space, so it means something only beside the same for fresh
    real ones. In pixels an average of two pictures is near everything; in the critic's features, which were trained to
    tell attributes, it is not.
    """
    a, b = np.asarray(vectors, dtype=np.float64), np.asarray(real, dtype=np.float64)
    squared = np.square(a).sum(1)[:, None] + np.square(b).sum(1) - 2 * a @ b.T
    return np.sqrt(squared.min(1).clip(min=0))
