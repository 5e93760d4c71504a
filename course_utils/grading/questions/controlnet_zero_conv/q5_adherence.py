"""An open one: how well does a picture follow an edge map? Judged by how well the scores rank what is known."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import distance_transform_edt, gaussian_gradient_magnitude
from scipy.stats import spearmanr

from course_utils.critters import Scene, edge_map, keypoints, render, sample
from course_utils.grading import faults
from course_utils.grading.faults import Wrong
from course_utils.grading.question import Case, Mistake, Question, Verdict
from course_utils.grading.values import Hidden

Pictures = UInt8[np.ndarray, "n h w 3"]
Edges = UInt8[np.ndarray, "n h w"]
Scores = Float[np.ndarray, " n"]
RANKS_TO_POINTS = ((0.8, 5), (0.65, 3), (0.5, 2))
"""Rank correlation with how far the joints are from where they were wanted, and what that is worth."""
COUNT = 30


def cases(rng: np.random.Generator) -> list[Case]:
    """Pictures of scenes, and edge maps of the same animals moved and bent: not at all, a little, a lot."""
    drawn = sample(COUNT, int(rng.integers(1 << 30)))
    wanted = [_bent(scene, share, rng) for scene, share in zip(drawn, np.linspace(0, 1, COUNT), strict=True)]
    order = rng.permutation(COUNT)
    apart = np.array([_apart(a, b) for a, b in zip(drawn, wanted, strict=True)])
    return [{"pictures": np.stack([render(drawn[k]) for k in order]),
             "edges": np.stack([edge_map(wanted[k]) for k in order]), "apart": Hidden(apart[order])}]


def _bent(scene: Scene, share: float, rng: np.random.Generator) -> Scene:
    low = {"head_tilt": -20, "tail": -25, "x": 0, "y": 0}
    high = {"head_tilt": 20, "tail": 25, "x": 1, "y": 1}
    drawn = {name: rng.uniform(low[name], high[name]) for name in low}
    moved = {name: (1 - share) * getattr(scene, name) + share * value for name, value in drawn.items()}
    return scene.but(**{name: float(value) for name, value in moved.items()})


def _apart(a: Scene, b: Scene) -> float:
    """Mean distance of the joints of two scenes, in pixels of 128."""
    p, q = (np.array(list(keypoints(scene).values())) for scene in (a, b))
    return float(np.linalg.norm(p - q, axis=1).mean())


def adherence(pictures: Pictures, edges: Edges) -> Scores:
    """Minus the distance from a wanted contour to the nearest strong change of colour, on average."""
    scores = []
    for picture, wanted in zip(pictures, edges, strict=True):
        change = sum(gaussian_gradient_magnitude(picture[..., c].astype(float), 0.8) for c in range(3))
        away = distance_transform_edt(change < np.quantile(change, 0.85))
        scores.append(-float(np.minimum(away[wanted > 100], 12).mean()))
    return np.array(scores)


def _one_by_one(pictures: Pictures, edges: Edges) -> list[float]:
    return [float(adherence(picture[None], wanted[None])[0]) for picture, wanted in zip(pictures, edges, strict=True)]


def _tensor(pictures: Pictures, edges: Edges) -> Any:
    import torch

    return torch.tensor(adherence(pictures, edges)).float()


def _shares(pictures: Pictures, edges: Edges) -> Scores:
    return np.exp(adherence(pictures, edges) / 4)


def _whole_picture(pictures: Pictures, edges: Edges) -> Scores:
    grey = pictures.mean(-1)
    return -np.abs(grey - edges).mean((1, 2))


def judge(given: Sequence[Case], outputs: Sequence[Any]) -> Verdict:
    """Only the order of the scores counts."""
    apart, output = given[0]["apart"].value, outputs[0]
    scores = faults.scores(output, len(apart))
    rank = float(spearmanr(scores, -apart).statistic)
    measured = f"rank correlation {rank:.2f}"
    points = next((points for least, points in RANKS_TO_POINTS if rank >= least), 0)
    if points == QUESTION.points:
        return Verdict(points, "Right: the scores rank the pictures as the truth does.", measured)
    if rank < -0.4:
        raise Wrong("Your score is a distance: high where a picture does *not* follow. Turn it round.", 0, measured)
    if points:
        raise Wrong("The scores rank in part as the truth does. Does a contour that is off by five pixels score"
                    " better than"
                    " one that is off by fifteen?", points, measured)
    raise Wrong("The scores have little to do with how far the animal is from where it was wanted. Look at the contours"
                " alone.", 0, measured)


QUESTION = Question(
    id="q5", title="An adherence measure of your own", answer="adherence", points=5, minutes=30, framework="numpy",
    stretch=True, target="a rank correlation of 0.8 with the truth; the course's own measure reaches about 0.92",
    hints=(
        "Where does a picture have contours? Where its colours change quickly: gaussian_gradient_magnitude of"
        " scipy.ndimage, channel by channel.",
        "Counting hits within a pixel is harsh: all who miss are alike. How *far* is each wanted pixel from the nearest"
        " contour that is there?",
        "distance_transform_edt gives that distance at once. Cap it, so that one lost tail does not outvote the rest.",
    ),
    reference=adherence, cases=cases, judge=judge, alternatives=(_one_by_one, _tensor, _shares),
    mistakes=(
        Mistake("a distance", lambda pictures, edges: -adherence(pictures, edges), "Your score is a distance"),
        Mistake("pixels against edges", _whole_picture, "The scores have little to do with"),
        Mistake("brightness", lambda pictures, edges: pictures.mean((1, 2, 3)), "The scores have little to do with"),
        Mistake("one number for all", lambda pictures, edges: np.ones(len(pictures)),
                "All pictures get the same score."),
        Mistake("no numbers", lambda pictures, edges: np.full(len(pictures), np.nan), "holds NaN: a division"),
        Mistake("mean", lambda pictures, edges: float(adherence(pictures, edges).mean()),
                "is not a numpy array but a number"),
        Mistake("first one forgotten", lambda pictures, edges: list(adherence(pictures, edges)[1:]),
                "30 pictures need 30 scores, not 29."),
        Mistake("a map each", lambda pictures, edges: edges.astype(float), "but it should have"),
        Mistake("wrong pairs", lambda pictures, edges: adherence(pictures, np.roll(edges, 1, axis=0)),
                "The scores have little to do with"),
        Mistake("words", lambda pictures, edges: ["good"] * len(pictures), "should be a number, but it is a text"),
    ),
)
