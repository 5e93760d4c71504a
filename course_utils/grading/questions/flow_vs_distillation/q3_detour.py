"""How straight is a path? What it walks, against what it would take."""
from __future__ import annotations

import numpy as np
from jaxtyping import Float
from torch import Tensor

from course_utils.grading.question import Case, Mistake, Question

Path = Float[Tensor, "points n d"]


def cases(rng: np.random.Generator) -> list[Case]:
    """Bent paths of unequal length; straight ones at unequal speed; one step only."""
    found: list[Case] = []
    for points, n, d, bend in ((9, 6, 2, 1.0), (17, 4, 5, 0.4), (6, 3, 3, 0.0), (2, 5, 2, 0.0)):
        start, end = rng.normal(size=(n, d)), rng.normal(size=(n, d)) * rng.uniform(1, 6, (n, 1))
        t = (np.linspace(0, 1, points) ** 2)[:, None, None]
        found.append({"path": (1 - t) * start + t * end + bend * np.sin(np.pi * t) * rng.normal(size=(n, d))})
    return found


def detour(path: Path) -> float:
    r"""Mean over n of \(\sum_k \lVert x_{k+1}-x_k\rVert / \lVert x_K-x_0\rVert - 1\): 0 where a path is straight."""
    walked = (path[1:] - path[:-1]).norm(dim=2).sum(0)
    direct = (path[-1] - path[0]).norm(dim=1)
    return float((walked / direct - 1).mean())


def _parts(path: Path) -> tuple[Tensor, Tensor]:
    return path.diff(dim=0).norm(dim=2).sum(0), (path[-1] - path[0]).norm(dim=1)


def _loop(path: Path) -> float:
    total = 0.0
    for k in range(path.shape[1]):
        walked = sum(float((path[i + 1, k] - path[i, k]).norm()) for i in range(len(path) - 1))
        total += walked / float((path[-1, k] - path[0, k]).norm())
    return total / path.shape[1] - 1


def _numpy(path: Path) -> float:
    x = path.numpy().astype(np.float64)
    return np.mean(np.linalg.norm(np.diff(x, axis=0), axis=-1).sum(0) / np.linalg.norm(x[-1] - x[0], axis=-1)) - 1


def _in_place(path: Path) -> Tensor:
    direct = (path[-1] - path[0]).square().sum(-1).sqrt()
    path[:-1] -= path[1:].clone()
    walked = path[:-1].square().sum(-1).sqrt().sum(0)
    return walked.div_(direct).mean() - 1


QUESTION = Question(
    id="q3", title="How straight is a path?", answer="detour", points=2, minutes=10, atol=1e-5,
    hints=(
        "A path that is twice as long as the way between its ends has a detour of 1, a straight one of 0.",
        "Lengths are norms over the last axis; steps are added up over the first; each of the n paths has a ratio.",
        "The mean comes last: of the ratios, not of the lengths.",
    ),
    reference=detour, cases=cases, alternatives=(_loop, _numpy, _in_place),
    mistakes=(
        Mistake("ratio", lambda path: detour(path) + 1,
                "A straight path should have a detour of 0, and gets 1: that is the ratio.", 1),
        Mistake("ratio of means", lambda path: float(_parts(path)[0].sum() / _parts(path)[1].sum() - 1),
                "You divide sums by sums: long paths count more. Every path counts alike, so divide first.", 1),
        Mistake("upside down", lambda path: float((_parts(path)[1] / _parts(path)[0]).mean() - 1),
                "Upside down: what is walked is never shorter than the direct way."),
        Mistake("share", lambda path: float((1 - _parts(path)[1] / _parts(path)[0]).mean()),
                "That is the excess as a share of the walk; compare it with the direct way.", 1),
        Mistake("squares", lambda path: float((path.diff(dim=0).square().sum(2).sum(0) / (path[-1] - path[0]).square(
            ).sum(1) - 1).mean()), "You compare squares: a sum of squared steps depends on how many steps there are."),
        Mistake("mean step", lambda path: float((path.diff(dim=0).norm(dim=2).mean(0) / _parts(path)[1] - 1).mean()),
                "You take the mean of the steps; the way is their sum."),
        Mistake("from the origin", lambda path: float((_parts(path)[0] / path[-1].norm(dim=1) - 1).mean()),
                "The direct way goes from a path's first point to its last, not from the origin."),
        Mistake("wrong axis", lambda path: float((path.diff(dim=1).norm(dim=2).sum(1) / (path[:, -1] - path[:, 0]).norm(
            dim=1) - 1).mean()), "You walk from one sample to the next. Steps follow each other along the first axis."),
        Mistake("city blocks", lambda path: float((path.diff(dim=0).abs().sum(2).sum(0) / (path[-1] - path[0]).abs(
            ).sum(1) - 1).mean()), "You measure in city blocks; the length of a step is its Euclidean norm."),
        Mistake("last step missing", lambda path: float((_parts(path[:-1])[0] / _parts(path)[1] - 1).mean()),
                "A step is missing: from n + 1 points there are n.", 1),
        Mistake("summed over paths", lambda path: detour(path) * path.shape[1],
                "You add up the paths' detours; the answer is their mean.", 1),
        Mistake("each path", lambda path: _parts(path)[0] / _parts(path)[1] - 1, "should be one number"),
    ),
)
