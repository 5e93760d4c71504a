"""Do two readers see the same? The critic, a network, against the reader by colour and counting, which learned nothing.

A generator can come to please one reader without drawing better. The other does not share its weaknesses: on what was
drawn to please, the two agree less than they do on renders. That difference is what is watched here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from course_utils.critters import LARGE_ABOVE, SMALL_BELOW
from course_utils.measure.critic import Reading, read
from course_utils.measure.reader import ColourReading, read_by_colour

Pictures = UInt8[np.ndarray, "n h w 3"]

BOTH = ("background", "coat", "texture", "size")
"""What both readers read. Size counts as small or large, by the side of the middle of its range."""

ERRORS = 3.0
"""Standard errors by which an agreement must fall short of that on renders to be noticed."""

REACH = 0.02
"""How far beside the silhouette a joint may lie and still be on the animal, as a fraction of the width."""


@dataclass(frozen=True)
class Agreement:
    """How far two readers agree on n pictures: the share of equal words, and Cohen's kappa."""

    share: float
    kappa: float
    n: int


def kappa(first: np.ndarray, second: np.ndarray) -> float:
    r"""Agreement beyond chance, \((p_o-p_e)/(1-p_e)\): 1 always, 0 as by chance, below that less than by chance.

    \(p_o\) is the share of equal words, \(p_e=\sum_w p_1(w)\,p_2(w)\) what readers with these habits would reach
    blindly (Cohen, A Coefficient of Agreement for Nominal Scales, 1960). NaN where both always say the same word.
    """
    observed = float(np.mean(first == second))
    chance = sum(float(np.mean(first == word) * np.mean(second == word)) for word in np.union1d(first, second))
    return (observed - chance) / (1 - chance) if chance < 1 else float("nan")


def agreement(pictures: Pictures) -> dict[str, Agreement]:
    """Agreement of the two readers on each attribute that `BOTH` read, and on where the animal is (`joints`)."""
    return compared(read(pictures), read_by_colour(pictures))


def compared(critic: Reading, reader: ColourReading) -> dict[str, Agreement]:
    """`agreement` of readings that are there already.

    `joints` is the mean share of the critic's keypoints that lie on the reader's silhouette; it has no kappa (NaN).
    """
    if len(critic) != len(reader.size):
        raise ValueError(f"the critic read {len(critic)} pictures, the reader {len(reader.size)}: show both the same")
    words = {name: (critic.labels[name], reader.labels[name]) for name in BOTH if name != "size"}
    words["size"] = (is_large(critic.size), is_large(reader.size))
    both = {name: Agreement(float(np.mean(a == b)), kappa(a, b), len(critic)) for name, (a, b) in words.items()}
    inside = joints_inside(critic.keypoints, reader.masks)
    return {**both, "joints": Agreement(float(inside.mean()), float("nan"), len(critic))}


def is_large(size: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Whether an animal's height lies above the middle of the range."""
    return size > (SMALL_BELOW + LARGE_ABOVE) / 2


def joints_inside(keypoints: Float[np.ndarray, "n k 2"], masks: Bool[np.ndarray, "n h w"]) -> Bool[np.ndarray, "n k"]:
    """Which keypoints (fractions of the width) lie on the silhouette or within `REACH` of it."""
    n, height, width = masks.shape
    grown = np.stack([ndimage.distance_transform_edt(~mask) <= REACH * width for mask in masks])
    x, y = ((keypoints[..., axis] * width).astype(int).clip(0, (width, height)[axis] - 1) for axis in (0, 1))
    return grown[np.arange(n)[:, None], y, x]


def noticed(ours: dict[str, Agreement], renders: dict[str, Agreement], errors: float = ERRORS) -> list[str]:
    r"""Attributes on which the readers agree less than on renders, by more than `errors` standard errors.

    Of two shares the standard error is \(\sqrt{p(1-p)(1/n+1/m)}\) with p of both together (the two-proportion z test).
    Renders of the same captions should stand beside, else a difference may come from what was asked for. Of `joints`,
    a share over twelve joints a picture, this is the most that the error can be: there less is noticed than could be.
    """
    return [name for name in ours if _shortfall(ours[name], renders[name]) > errors]


def _shortfall(ours: Agreement, renders: Agreement) -> float:
    """How many standard errors the first lies below the second."""
    p = (ours.share * ours.n + renders.share * renders.n) / (ours.n + renders.n)
    error = np.sqrt(p * (1 - p) * (1 / ours.n + 1 / renders.n))
    return float((renders.share - ours.share) / error) if error > 0 else 0.0


def report(pictures: Pictures, renders: Pictures) -> dict[str, Any]:
    """Agreement on generated pictures and on renders of the same captions, and what is noticed.

    Returns:
        `generated` and `renders`, each attribute to `share`, `kappa`, `n`; `noticed`, names of attributes.
    """
    ours, real = agreement(pictures), agreement(renders)
    return {"generated": {name: asdict(one) for name, one in ours.items()},
            "renders": {name: asdict(one) for name, one in real.items()}, "noticed": noticed(ours, real)}
