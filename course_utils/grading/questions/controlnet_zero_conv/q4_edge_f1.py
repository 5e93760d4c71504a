"""Does a picture follow its edges? A measure that forgives a pixel."""
from __future__ import annotations

import numpy as np
from jaxtyping import Bool
from scipy.ndimage import binary_dilation, distance_transform_edt

from course_utils.critters import edge_map, sample
from course_utils.grading.question import Case, Mistake, Question

Edges = Bool[np.ndarray, "h w"]


def cases(rng: np.random.Generator) -> list[Case]:
    """Contours of critters against those of other, shifted or unfinished ones; none at all on one side."""
    found: list[Case] = []
    scenes = sample(3, int(rng.integers(1 << 40)))
    drawn = [edge_map(scene, 64) > 100 for scene in scenes]
    shifted = np.roll(drawn[0], (1, 2), axis=(0, 1))
    unfinished = drawn[1].copy()
    unfinished[:, : int(rng.integers(24, 36))] = False
    for edges, wanted, reach in ((shifted, drawn[0], 1.0), (unfinished, drawn[1], 1.5), (drawn[2], drawn[1], 3.0),
                                 (np.zeros_like(drawn[0]), drawn[0], 2.0)):
        found.append({"edges": edges, "wanted": wanted, "reach": reach + float(rng.uniform(0, 0.3))})
    return found


def _near(a: Edges, b: Edges, reach: float) -> float:
    """Share of a's pixels that have one of b's within reach; 0 where one of them is empty."""
    if not (a.any() and b.any()):
        return 0.0
    return float((distance_transform_edt(~b)[a] <= reach).mean())


def edge_f1(edges: Edges, wanted: Edges, reach: float) -> float:
    """Harmonic mean of the share of drawn pixels near a wanted one, and of wanted pixels near a drawn one."""
    precision, recall = _near(edges, wanted, reach), _near(wanted, edges, reach)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _loop(edges: Edges, wanted: Edges, reach: float) -> float:
    a, b = np.argwhere(edges), np.argwhere(wanted)
    if len(a) == 0 or len(b) == 0:
        return 0
    apart = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
    precision, recall = (apart.min(1) <= reach).mean(), (apart.min(0) <= reach).mean()
    return 2 / (1 / precision + 1 / recall) if min(precision, recall) > 0 else 0


def _dilated(edges: Edges, wanted: Edges, reach: float) -> float:
    r = int(reach)
    disc = np.hypot(*np.mgrid[-r : r + 1, -r : r + 1]) <= reach
    hit = edges & binary_dilation(wanted, disc), wanted & binary_dilation(edges, disc)
    shares = [h.sum() / max(int(whole.sum()), 1) for h, whole in zip(hit, (edges, wanted), strict=True)]
    return float(np.float32(2 * shares[0] * shares[1] / max(sum(shares), 1e-9)))


def _library(edges: Edges, wanted: Edges, reach: float) -> float:
    from scipy.spatial import cKDTree

    a, b = np.argwhere(edges), np.argwhere(wanted)
    if not len(a) or not len(b):
        return 0.0
    p, r = (np.mean(cKDTree(y).query(x)[0] <= reach) for x, y in ((a, b), (b, a)))
    return float(2 * p * r / (p + r)) if p + r else 0.0


def _over_all(edges: Edges, wanted: Edges, reach: float) -> float:
    if not edges.any():
        return 0.0
    p, r = ((distance_transform_edt(~b) <= reach).mean() for b in (wanted, edges))
    return float(2 * p * r / (p + r))


def _square(edges: Edges, wanted: Edges, reach: float) -> float:
    r = int(reach)
    square = np.ones((2 * r + 1, 2 * r + 1), bool)
    p = (edges & binary_dilation(wanted, square)).sum() / max(int(edges.sum()), 1)
    q = (wanted & binary_dilation(edges, square)).sum() / max(int(wanted.sum()), 1)
    return float(2 * p * q / max(p + q, 1e-9))


def _iou(edges: Edges, wanted: Edges, reach: float) -> float:
    return float((edges & wanted).sum() / max(int((edges | wanted).sum()), 1))


def _strict(edges: Edges, wanted: Edges, reach: float) -> float:
    return float(2 * (edges & wanted).sum() / max(int(edges.sum() + wanted.sum()), 1))


def _nan(edges: Edges, wanted: Edges, reach: float) -> float:
    with np.errstate(all="ignore"):
        near = [np.float64((distance_transform_edt(~b)[a] <= reach).sum()) / a.sum()
                for a, b in ((edges, wanted), (wanted, edges))]
        return float(2 * near[0] * near[1] / (near[0] + near[1]))


QUESTION = Question(
    id="q4", title="Does a picture follow its edges?", answer="edge_f1", points=3, minutes=20, framework="numpy",
    hints=(
        "Two shares: of the drawn pixels, how many were asked for? Of those asked for, how many are there? Either alone"
        " can be cheated: by drawing nearly nothing, or by drawing everywhere.",
        "scipy.ndimage.distance_transform_edt(~wanted) holds, for each pixel, how far the nearest wanted one is.",
        "F1 is the harmonic mean of both shares, 2pr / (p + r). Decide what it is where nothing was drawn.",
    ),
    reference=edge_f1, cases=cases, alternatives=(_loop, _dilated, _library),
    mistakes=(
        Mistake("precision alone", lambda edges, wanted, reach: _near(edges, wanted, reach),
                "That is the share of what was drawn which was asked for. Who draws one right pixel gets it in"
                " full.", 1),
        Mistake("recall alone", lambda edges, wanted, reach: _near(wanted, edges, reach),
                "That is the share of what was asked for which is there. Who fills the picture gets it in full.", 1),
        Mistake("plain mean", lambda edges, wanted, reach: (
            _near(edges, wanted, reach) + _near(wanted, edges, reach)) / 2,
                "That is the plain mean of the two shares; the harmonic one is closer to the smaller.", 1),
        Mistake("product", lambda edges, wanted, reach: _near(edges, wanted, reach) * _near(wanted, edges, reach),
                "That is the product of the two shares, not their harmonic mean.", 1),
        Mistake("half", lambda edges, wanted, reach: edge_f1(edges, wanted, reach) / 2,
                "A perfect drawing should get 1: a factor is missing in the harmonic mean.", 2),
        Mistake("no tolerance", _strict, "`reach` is not used: a line that is off by a pixel counts as missing."),
        Mistake("overlap", _iou, "That is an intersection over a union, pixel on pixel: nothing is forgiven."),
        Mistake("square reach", _square,
                "Your reach is a square: a pixel at its corner is further off than `reach`. Distances are"
                " Euclidean.", 2),
        Mistake("counted everywhere", _over_all,
                "You count all pixels near a line. The shares are out of the pixels of a line.", 1),
        Mistake("less than", lambda edges, wanted, reach: edge_f1(edges, wanted, reach**2 if reach > 2 else reach - 1),
                "Is `reach` compared with a distance? It looks like something else: a square, or one less."),
        Mistake("nothing drawn", _nan, "is NaN: is something divided by zero?"),
        Mistake("both shares", lambda edges, wanted, reach: np.array(
            [_near(edges, wanted, reach), _near(wanted, edges, reach)]), "should be one number"),
    ),
)
