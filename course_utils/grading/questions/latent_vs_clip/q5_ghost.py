"""An open one: a ghost score of one's own, which tells double exposures from single animals."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from course_utils.critters import render, sample
from course_utils.grading import faults
from course_utils.grading.faults import Wrong
from course_utils.grading.question import Case, Mistake, Question, Verdict
from course_utils.grading.values import Hidden

Pictures = UInt8[np.ndarray, "n h w 3"]
Scores = Float[np.ndarray, " n"]
SHARES_TO_POINTS = ((0.9, 5), (0.8, 3), (0.7, 1))
"""How often a double exposure scores above a single animal, and what that is worth."""
SINGLE, DOUBLE = 20, 20


def cases(rng: np.random.Generator) -> list[Case]:
    """Renders, and double exposures of two of them, from faint to even; in any order."""
    shown = np.stack([render(scene) for scene in sample(SINGLE + DOUBLE, int(rng.integers(1 << 30)))])
    share = np.linspace(0.25, 0.5, DOUBLE)[:, None, None, None]
    blend = (1 - share) * shown[SINGLE:] + share * np.roll(shown[SINGLE:], 1, axis=0)
    order = rng.permutation(SINGLE + DOUBLE)
    pictures = np.concatenate([shown[:SINGLE], np.rint(blend).astype(np.uint8)])
    return [{"pictures": pictures[order], "double": Hidden((np.arange(SINGLE + DOUBLE) >= SINGLE)[order])}]


def ghost(pictures: Pictures) -> Scores:
    """Two joints in one place, or one joint in two: the spread of the critic's heat maps of paws, nose and tail."""
    from course_utils.critters import KEYPOINTS
    from course_utils.measure.doubles import SHARP, joint_spreads

    spreads = joint_spreads(pictures)[:, [KEYPOINTS.index(name) for name in SHARP]]
    return np.log(spreads).mean(axis=1)


def separation(scores: Scores, double: np.ndarray) -> float:
    """How often a double exposure scores above a single one: 0.5 by guessing, 1 at best (Mann and Whitney, 1947)."""
    gap = scores[double][:, None] - scores[~double][None]
    return float(np.mean(gap > 0) + np.mean(gap == 0) / 2)


def _library(pictures: Pictures) -> Scores:
    from course_utils.measure.doubles import ghost_score

    return ghost_score(pictures)


def _one_by_one(pictures: Pictures) -> list[float]:
    return [float(ghost(picture[None])[0]) for picture in pictures]


def _ranks(pictures: Pictures) -> Any:
    import torch

    return torch.tensor(ghost(pictures).argsort().argsort())


def judge(given: Sequence[Case], outputs: Sequence[Any]) -> Verdict:
    """By how well the scores part the two kinds; only their order counts."""
    double, output = given[0]["double"].value, outputs[0]
    scores = faults.scores(output, len(double))
    share = separation(scores, double)
    measured = f"a double exposure scores higher in {100 * share:.0f} % of pairs"
    if len(np.unique(scores)) <= 2 and share < 1:
        raise Wrong("Your score has two values only. Leave out the threshold: a number that grows with the ghost parts"
                    " them better.", min(1, _points(share)), measured)
    if share < 0.3:
        raise Wrong("Your score is high where there is one animal alone: turn it round.", 0, measured)
    points = _points(share)
    if points < QUESTION.points:
        said = ("Better than guessing, and a sharper reader will do better: what is there twice in a double exposure?"
                if points else "Not much better than tossing a coin. What is there twice in a double exposure, whatever"
                " its colours are?")
        raise Wrong(said, points, measured)
    return Verdict(points, "Right: it sees ghosts.", measured)


def _points(share: float) -> int:
    return next((points for least, points in SHARES_TO_POINTS if share >= least), 0)


QUESTION = Question(
    id="q5", title="A ghost score of your own", answer="ghost", points=5, minutes=30, framework="numpy", stretch=True,
    seconds=30,
    target="90 % of pairs in the right order; the course's own score reaches about 98 %",
    hints=(
        "Make yourself examples first: render two critters, blend them 65 to 35, and look at both kinds side by side.",
        "The critic (course_utils.measure.critic) finds each joint as a spot of heat. What do two noses do to the spot"
        " of the nose?",
        "course_utils.measure.doubles.joint_spreads measures how wide each joint's heat is. Not every joint is sharp"
        " on a"
        " single animal; average over those that are.",
    ),
    reference=ghost, cases=cases, judge=judge, alternatives=(_library, _one_by_one, _ranks),
    mistakes=(
        Mistake("turned round", lambda pictures: -ghost(pictures),
                "Your score is high where there is one animal alone"),
        Mistake("brightness", lambda pictures: pictures[:, :8, :8].mean((1, 2, 3)),
                "Not much better than tossing a coin."),
        Mistake("one number for all", lambda pictures: np.full(len(pictures), 0.5), "All pictures get the same score."),
        Mistake("no numbers", lambda pictures: np.full(len(pictures), np.nan), "holds NaN: a division"),
        Mistake("one number", lambda pictures: float(ghost(pictures).mean()), "is not a numpy array but a number"),
        Mistake("each joint", lambda pictures: np.stack([ghost(pictures)] * 7, axis=1), "but it should have"),
        Mistake("last one forgotten", lambda pictures: list(ghost(pictures)[:-1]),
                "40 pictures need 40 scores, not 39."),
        Mistake("words", lambda pictures: ["ghost" if score > -3 else "animal" for score in ghost(pictures)],
                "should be a number, but it is a text"),
        Mistake("yes or no, at random", lambda pictures: (np.arange(len(pictures)) % 2).astype(float),
                "Your score has two values only."),
        Mistake("which picture it is", lambda pictures: np.arange(len(pictures)),
                "Not much better than tossing a coin."),
    ),
)
