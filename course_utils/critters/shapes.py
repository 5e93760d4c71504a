"""Outlines as arrays of points: ellipses, smooth curves, limbs, tufts. All closed unless they say otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Points = np.ndarray
"""``[n, 2]`` float: x to the right, y downwards."""


def points(*pairs: Sequence[float]) -> Points:
    """Pairs of numbers as an array ``[n, 2]``."""
    return np.asarray(pairs, dtype=float)


def ellipse(centre: Sequence[float], rx: float, ry: float, n: int = 24) -> Points:
    """``n`` points on an axis-parallel ellipse."""
    t = np.arange(n) * (2 * np.pi / n)
    return np.stack([centre[0] + rx * np.cos(t), centre[1] + ry * np.sin(t)], axis=1)


def rotate(shape: Points, centre: Sequence[float], degrees: float) -> Points:
    """Turn about ``centre``; positive is clockwise on the screen, since y points down."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (shape - centre) @ np.array([[c, s], [-s, c]]) + centre


_T = np.arange(4) / 4
_CATMULL_ROM = 0.5 * np.stack(
    [-_T + 2 * _T**2 - _T**3, 2 - 5 * _T**2 + 3 * _T**3, _T + 4 * _T**2 - 3 * _T**3, -(_T**2) + _T**3]
)


def smooth(shape: Points) -> Points:
    """A closed Catmull-Rom spline through the points, four samples a segment."""
    neighbours = np.stack([np.roll(shape, k, axis=0) for k in (1, 0, -1, -2)])
    return np.einsum("kt,knd->ntd", _CATMULL_ROM, neighbours).reshape(-1, 2)


def bezier(a: Sequence[float], b: Sequence[float], c: Sequence[float], d: Sequence[float], n: int = 10) -> Points:
    """An open cubic Bezier curve, ``n + 1`` points from ``a`` to ``d``."""
    t = np.linspace(0, 1, n + 1)[:, None]
    u = 1 - t
    return u**3 * points(a) + 3 * u * u * t * points(b) + 3 * u * t * t * points(c) + t**3 * points(d)


_CAP = np.linspace(1.25, -1.25, 7)


def limb(spine: Points, widths: Sequence[float] | np.ndarray) -> Points:
    """The outline of a stroke along an open ``spine`` with a half-width at each point and a round end."""
    along = np.gradient(spine, axis=0)
    along /= np.hypot(along[:, :1], along[:, 1:]) + 1e-9
    offset = np.stack([-along[:, 1], along[:, 0]], axis=1) * np.asarray(widths)[:, None]
    turn = np.arctan2(along[-1, 1], along[-1, 0]) + _CAP
    cap = spine[-1] + widths[-1] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return np.concatenate([spine + offset, cap, (spine - offset)[::-1]])


def resample(shape: Points, n: int) -> tuple[Points, Points]:
    """``n`` points evenly spaced along a closed outline, and the outward unit normals there."""
    closed = np.concatenate([shape, shape[:1]])
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    t = np.arange(n) * (length[-1] / n)
    even = np.stack([np.interp(t, length, closed[:, k]) for k in (0, 1)], axis=1)
    along = np.roll(even, -1, axis=0) - np.roll(even, 1, axis=0)
    along /= np.hypot(along[:, :1], along[:, 1:]) + 1e-9
    x, y = even.T
    turning = np.sign(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    return even, turning * np.stack([along[:, 1], -along[:, 0]], axis=1)


def perimeter(shape: Points) -> float:
    """Length of a closed outline."""
    return float(np.hypot(*(np.roll(shape, -1, axis=0) - shape).T).sum())


# One lock of hair, seen along the outline: it rises, bellies out, and its tip hangs over.
_LOCK_HEIGHT = np.array([-0.25, 0.55, 0.95, 0.80])
_LOCK_DROOP = np.array([0.0, 0.05, 0.30, 0.60])


def tufted(shape: Points, height: float, pitch: float = 0.15) -> Points:
    """The outline grown into soft locks of hair, ``height`` tall and about ``pitch`` wide, hanging downwards."""
    locks = max(5, round(perimeter(shape) / pitch))
    even, normal = resample(shape, 4 * locks)
    rising = np.roll(even, -1, axis=0)[:, 1] < np.roll(even, 1, axis=0)[:, 1]
    step = np.tile(np.arange(4), locks)
    step = np.where(np.repeat(rising[1::4], 4), (4 - step) % 4, step)  # mirrored on the way up, so tips always hang
    grown = even + normal * (height * _LOCK_HEIGHT[step])[:, None]
    grown[:, 1] += height * _LOCK_DROOP[step]
    return grown
