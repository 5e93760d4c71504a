"""Two drawings of contours compared: thinned to lines, their pixels paired one to one within a tolerance."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Num
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching
from skimage.morphology import skeletonize

from course_utils.measure.dense import alike

TOLERANCE = 0.0075
"""How far an edge may lie from where it was asked for, as a share of the diagonal: 1.36 pixels of 128x128.

The value that the Berkeley benchmark's published code has for boundaries (`maxDist` of `boundaryBench`)."""

THRESHOLD = 0.25
"""Coverage from which a pixel belongs to a contour, before thinning. A line one pixel wide that runs between two rows
covers half of each, so a threshold of a half would tear it."""


class EdgeScores(NamedTuple):
    """Per picture, in [0, 1]: share of read contour that was asked for, share of the asked for that is there, and both.
    """

    precision: Float[np.ndarray, " n"]
    recall: Float[np.ndarray, " n"]
    f1: Float[np.ndarray, " n"]


def edge_scores(
    edges: Num[np.ndarray, "n h w"], wanted: Num[np.ndarray, "n h w"], tolerance: float = TOLERANCE
) -> EdgeScores:
    r"""Compare contours: both maps are thinned to lines, and their pixels paired one to one within the tolerance.

    With m pairs among |a| read and |b| wanted pixels, precision is \(m/|a|\), recall \(m/|b|\) and
    \(F_1 = 2m / (|a| + |b|)\), their harmonic mean (Martin, Fowlkes and Malik, Learning to Detect Natural Image
    Boundaries Using Local Brightness, Color, and Texture Cues, 2004; they seek the cheapest pairing, here the largest
    one counts). Nothing read has precision 1, nothing wanted recall 1. Maps are uint8, or floats in [0, 1].
    """
    edges, wanted = alike(edges, wanted)
    reach = tolerance * float(np.hypot(*edges.shape[1:]))
    lines = [(thinned(a), thinned(b)) for a, b in zip(edges, wanted, strict=True)]
    pairs = np.array([paired(a, b, reach) for a, b in lines])
    drawn, asked = (np.array([int(line[k].sum()) for line in lines]) for k in (0, 1))
    return EdgeScores(_share(pairs, drawn), _share(pairs, asked), _share(2 * pairs, drawn + asked))


def thinned(edges: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Lines one pixel wide: the skeleton (Zhang and Suen, 1984) of what a contour covers by `THRESHOLD` or more."""
    return skeletonize(edges >= THRESHOLD)


def paired(a: Bool[np.ndarray, "h w"], b: Bool[np.ndarray, "h w"], reach: float) -> int:
    """How many pixels of two lines can be paired one to one, no pair further apart than `reach` pixels: a maximum
    bipartite matching (Hopcroft and Karp, 1973)."""
    if not (a.any() and b.any()):
        return 0
    margin = int(reach)
    number = np.pad(np.where(b, np.cumsum(b).reshape(b.shape), 0), margin)  # pixels of b counted from 1, 0 elsewhere
    rows, columns = np.nonzero(a)
    span = np.arange(-margin, margin + 1)
    near = [(dy, dx) for dy in span for dx in span if dy * dy + dx * dx <= reach * reach]
    other = np.stack([number[rows + margin + dy, columns + margin + dx] for dy, dx in near], axis=1)
    mine, which = np.nonzero(other)
    links = (np.ones(len(mine), np.int8), (mine, other[mine, which] - 1))
    return int((maximum_bipartite_matching(csr_matrix(links, (len(rows), int(b.sum())))) >= 0).sum())


def _share(part: np.ndarray, whole: np.ndarray) -> Float[np.ndarray, " n"]:
    return np.where(whole > 0, part / np.maximum(whole, 1), 1.0)
