r"""Edges as ControlNet's authors take them from any picture: Canny's filter. No network, no training, any scale.

Canny, A Computational Approach to Edge Detection (1986): smooth, take gradients, keep their ridges, and follow each
ridge from where it is strong to where it is weak. The thresholds are those of ControlNet's published examples.
"""
from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Num, UInt8
from scipy.ndimage import distance_transform_edt
from skimage.feature import canny as ridges

from course_utils.measure.contours import TOLERANCE, edge_scores
from course_utils.measure.pictures import batch

LOW, HIGH = 100 / 255, 200 / 255
"""100 and 200 of pictures from 0 to 255; Sobel's gradient of a full step is four times its height, here as there."""

POINTS = 12
"""Edge pixels of a map whose distances are told: as many as a critter has joints."""

_LUMINANCE = np.array([0.299, 0.587, 0.114])  # Rec. 601


def canny(pictures: UInt8[np.ndarray, "n h w 3"], sigma: float = 1.0) -> UInt8[np.ndarray, "n h w"]:
    """Edge maps of pictures, 255 on edges and 0 elsewhere, as a canny ControlNet reads them."""
    grey = batch(pictures).astype(np.float64) @ _LUMINANCE / 255
    lines = [ridges(one, sigma, LOW, HIGH) for one in grey]
    return np.stack(lines).astype(np.uint8) * np.uint8(255)


def canny_f1(
    pictures: UInt8[np.ndarray, "n h w 3"], wanted: Num[np.ndarray, "n h w"], tolerance: float = TOLERANCE
) -> Float[np.ndarray, " n"]:
    """`contours.edge_scores(...).f1` of the pictures' Canny edges against the maps they were to follow: 1 where every
    edge pixel has a partner within the tolerance. Raises `ValueError` for maps of another size than the pictures."""
    return edge_scores(canny(pictures), wanted, tolerance).f1


def edge_distances(
    pictures: UInt8[np.ndarray, "n h w 3"], wanted: Num[np.ndarray, "n h w"], points: int = POINTS
) -> Float[np.ndarray, "n points"]:
    r"""From edge pixels of each map to the nearest Canny edge of its picture, as fractions of the width.

    \(\min_{q\in E} |p-q|\), the one-sided distances of chamfer matching (Barrow et al., Parametric Correspondence and
    Chamfer Matching, 1977), at `points` pixels spread evenly over the map's edges in reading order. A picture without
    any edge is a whole width away. Raises `ValueError` for a map without an edge or of another size.
    """
    found, wanted = canny(pictures) > 0, np.asarray(wanted) > 0
    if wanted.shape != found.shape:
        raise ValueError(f"expected edge maps {list(found.shape)}, got {list(wanted.shape)}: draw them at that size")
    if not wanted.any((1, 2)).all():
        raise ValueError("a map without an edge: there is nothing to follow")
    return np.stack([_distances(a, b, points) for a, b in zip(found, wanted, strict=True)]) / found.shape[2]


def _distances(
    edges: Bool[np.ndarray, "h w"], wanted: Bool[np.ndarray, "h w"], points: int
) -> Float[np.ndarray, " points"]:
    if not edges.any():
        return np.full(points, float(edges.shape[1]))
    rows, columns = np.nonzero(wanted)
    chosen = np.linspace(0, len(rows) - 1, points).round().astype(int)
    return distance_transform_edt(~edges)[rows[chosen], columns[chosen]]
