r"""Does a picture follow its control map? Keypoints by the critic, edges and depth by the dense head.

Every measure returns one number a picture: "pixel-perfect" and "soft" are statements about the distribution, not about
its mean. `spread` sums one up. The readers' own errors on renders of the very scenes whose maps are asked for
(`dense_report`, the critic's card) are the floor: no generator can be seen to do better.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Num, UInt8

from course_utils.critters import depth_map, edge_map, sample
from course_utils.critters.dataset import pictures as rendered
from course_utils.measure.contours import THRESHOLD, TOLERANCE, edge_scores
from course_utils.measure.critic import Critic, read
from course_utils.measure.dense import DenseHead, Maps, alike, as_unit, load_dense, read_maps
from course_utils.measure.pictures import mean_and_interval

Pictures = UInt8[np.ndarray, "n h w 3"]

NEARER = 0.06
"""How much nearer than the farthest pixel of its row a pixel of a depth map must be to belong to the animal."""


class Spread(NamedTuple):
    """A distribution in six numbers: `mean` with the half-width of its 95 % interval, median, 10th and 90th percentile.
    """

    n: int
    mean: float
    half_width: float
    tenth: float
    median: float
    ninetieth: float


def spread(values: Float[np.ndarray, " n"]) -> Spread:
    """Sum up a measure of n pictures. Raises `ValueError` for fewer than two values or one that is not finite."""
    interval = mean_and_interval(values)
    tenth, median, ninetieth = (float(v) for v in np.percentile(values, (10, 50, 90)))
    return Spread(interval.n, interval.mean, interval.half_width, tenth, median, ninetieth)


def keypoint_errors(
    pictures: Pictures, wanted: Float[np.ndarray, "n k 2"], critic: Critic | None = None
) -> Float[np.ndarray, "n k"]:
    """Distance of each joint that the critic finds from where it was asked for, as a fraction of the width.

    `wanted` holds (x, y) as fractions of the width, in the order of `critters.KEYPOINTS`: `critic.true_keypoints` of
    scenes, or joints moved by hand. Raises `ValueError` for another shape.
    """
    found, wanted = read(pictures, critic).keypoints, np.asarray(wanted)
    if wanted.shape != found.shape:
        raise ValueError(f"expected joints {list(found.shape)} as fractions of the width, got {list(wanted.shape)}")
    return np.linalg.norm(found - wanted, axis=-1)


def keypoint_error(
    pictures: Pictures, wanted: Float[np.ndarray, "n k 2"], critic: Critic | None = None
) -> Float[np.ndarray, " n"]:
    r"""Mean per-joint position error of each picture, \(\frac1K \sum_k \lVert \hat p_k - p_k \rVert\), as a fraction of
    the width (Ionescu et al., Human3.6M, 2014, where it is in millimetres)."""
    return keypoint_errors(pictures, wanted, critic).mean(axis=1)


def edge_f1(pictures: Pictures, wanted: Num[np.ndarray, "n 128 128"], head: DenseHead | None = None,
            tolerance: float = TOLERANCE) -> Float[np.ndarray, " n"]:
    """`edge_scores(...).f1` of the edges that the dense head reads off each picture against the map it was given."""
    return edge_scores(read_maps(pictures, head).edges, wanted, tolerance).f1


class DepthErrors(NamedTuple):
    """Per picture, in [0, 1]: mean absolute error where the map shows the animal, elsewhere, and the mean of the two.
    """

    inside: Float[np.ndarray, " n"]
    outside: Float[np.ndarray, " n"]
    balanced: Float[np.ndarray, " n"]


def depth_errors(
    depth: Num[np.ndarray, "n h w"], wanted: Num[np.ndarray, "n h w"], animal: Bool[np.ndarray, "n h w"] | None = None
) -> DepthErrors:
    r"""Mean absolute error of nearness, \(\frac1{|\Omega|}\sum_{p\in\Omega} |\hat d_p - d_p|\), inside and outside.

    The wall fills three quarters of a picture and is easy, so a mean over all pixels would flatter; too small an animal
    shows inside, too large a one outside, and `balanced` counts both alike. `animal` is `on_animal(wanted)` by default.
    Maps are uint8, or floats in [0, 1]. Raises `ValueError` where a map shows no animal.
    """
    depth, wanted = alike(depth, wanted)
    inside = on_animal(wanted) if animal is None else np.asarray(animal, bool)
    empty = np.flatnonzero(~inside.any((1, 2)) | inside.all((1, 2)))
    if len(empty):
        raise ValueError(f"depth maps {empty[:5].tolist()} show no animal before a background: nothing to follow")
    error = np.abs(depth - wanted)
    within, without = (_mean_where(error, where) for where in (inside, ~inside))
    return DepthErrors(within, without, (within + without) / 2)


def depth_error(pictures: Pictures, wanted: Num[np.ndarray, "n 128 128"],
                head: DenseHead | None = None) -> Float[np.ndarray, " n"]:
    """`depth_errors(...).balanced` of the depth that the head reads off each picture against the map it was given."""
    return depth_errors(read_maps(pictures, head).depth, wanted).balanced


def on_animal(depth: Num[np.ndarray, "n h w"]) -> Bool[np.ndarray, "n h w"]:
    """Where a depth map shows the animal: pixels nearer by `NEARER` than the farthest of their row, for wall and floor
    are alike along a row and the animal never fills one."""
    nearness = as_unit(depth)
    return nearness - nearness.min(axis=2, keepdims=True) >= NEARER


def _mean_where(values: np.ndarray, where: np.ndarray) -> Float[np.ndarray, " n"]:
    return (values * where).sum((1, 2)) / where.sum((1, 2))


MEASURES: dict[str, Callable[..., Float[np.ndarray, " n"]]] = {
    "pose": keypoint_error, "edge": edge_f1, "depth": depth_error}
"""The measure for each condition: called with pictures and what was asked for (joints, edge maps, depth maps)."""

HELD_OUT = 2
"""Seed of the scenes that nothing was trained on (`train.data.HELD_OUT_SEED`; imports only go down)."""


def floors(maps: Maps, edges: UInt8[np.ndarray, "n 128 128"], depth: UInt8[np.ndarray, "n 128 128"]) -> dict[str, Any]:
    """What was read against what is true: each measure's spread, the mean precision, recall and errors behind it."""
    scores, errors = edge_scores(maps.edges, edges), depth_errors(maps.depth, depth)
    return {"edge_f1": spread(scores.f1)._asdict(), "edge_precision": float(scores.precision.mean()),
            "edge_recall": float(scores.recall.mean()), "depth_error": spread(errors.balanced)._asdict(),
            "depth_inside": float(errors.inside.mean()), "depth_outside": float(errors.outside.mean())}


def dense_report(n: int = 2_000, cache: Path | None = None, seed: int = HELD_OUT) -> dict[str, Any]:
    """The dense head's floor on n held-out renders: clean, through the autoencoder and back, and, so that the
    numbers have a scale, clean ones against the maps of another scene each."""
    from course_utils.measure.autoencoder import parameters, reconstruct
    from course_utils.models import load

    scenes, renders = sample(n, seed), np.asarray(rendered(n, seed, cache=cache))
    edges, depth = (np.stack([draw(scene) for scene in scenes]) for draw in (edge_map, depth_map))
    maps = read_maps(renders)
    decoded = read_maps(reconstruct(load("vae", "critters", "cpu"), renders))
    return {"n": n, "parameters": parameters(load_dense()), "tolerance": TOLERANCE,
            "tolerance_pixels": TOLERANCE * float(np.hypot(*edges.shape[1:])), "threshold": THRESHOLD,
            "on_renders": floors(maps, edges, depth), "on_reconstructions": floors(decoded, edges, depth),
            "against_another_scene": floors(maps, np.roll(edges, 1, axis=0), np.roll(depth, 1, axis=0))}
