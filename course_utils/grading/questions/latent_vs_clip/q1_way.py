"""A way between two prompts: points on the line between their hidden states."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.grading.question import Case, Mistake, Question

Words = Float[Tensor, "1 n d"]
Way = Float[Tensor, "points n d"]


def cases(rng: np.random.Generator) -> list[Case]:
    """Hidden states of two prompts, and how many points."""
    return [{"words_a": rng.normal(size=(1, n, d)), "words_b": rng.normal(size=(1, n, d)), "points": points}
            for n, d, points in ((24, 8, 5), (3, 6, 2), (7, 4, 9))]


def way(words_a: Words, words_b: Words, points: int) -> Way:
    """`points` equal steps from A to B, both included."""
    return torch.cat([torch.lerp(words_a, words_b, t) for t in torch.linspace(0, 1, points)])


def _at(words_a: Words, words_b: Words, times: Tensor) -> Way:
    t = times.view(-1, 1, 1)
    return (1 - t) * words_a + t * words_b


def _loop(words_a: Words, words_b: Words, points: int) -> Way:
    found = []
    for k in range(points):
        found.append(words_a[0] + k / (points - 1) * (words_b[0] - words_a[0]))
    return torch.stack(found)


def _double(words_a: Words, words_b: Words, points: int) -> Way:
    return _at(words_a.double(), words_b.double(), torch.linspace(0, 1, points).double())


def _in_place(words_a: Words, words_b: Words, points: int) -> Way:
    words_b -= words_a
    steps = words_b.repeat(points, 1, 1)
    steps *= torch.arange(points)[:, None, None] / (points - 1)
    return steps.add_(words_a)


def _mixed(words_a: Words, words_b: Words, points: int) -> Way:
    return way(words_a, words_b, points).mean(1, keepdim=True).expand(-1, words_a.shape[1], -1)


QUESTION = Question(
    id="q1", title="A way between two prompts", answer="way", points=1, minutes=5,
    hints=(
        "How large is t at the first point, and how large at the last? And how many steps lie between five points?",
        "torch.linspace(0, 1, points) gives just these; torch.lerp(a, b, t) is one point.",
        "Each point has the shape [1, n, d]; torch.cat puts them one after the other along the first axis.",
    ),
    reference=way, cases=cases, alternatives=(_loop, _double, _in_place),
    mistakes=(
        Mistake("from B to A", lambda words_a, words_b, points: way(words_b, words_a, points),
                "Your way goes from B to A."),
        Mistake("never arrives", lambda words_a, words_b, points: _at(words_a, words_b, torch.arange(points) / points),
                "Your way never arrives: the last point should be B itself."),
        Mistake("without its ends",
                lambda words_a, words_b, points: _at(words_a, words_b, torch.arange(1, points + 1) / (points + 1)),
                "Your way leaves out its ends: the first point should be A itself, and the last B."),
        Mistake("begins late",
                lambda words_a, words_b, points: _at(words_a, words_b, torch.arange(1, points + 1) / points),
                "Your way begins one step after A: the first point should be A itself."),
        Mistake("stands still", lambda words_a, words_b, points: _at(words_a, words_b, torch.zeros(points)),
                "All points are A: does t change from point to point?"),
        Mistake("only the middle", lambda words_a, words_b, points: _at(words_a, words_b, torch.full((points,), 0.5)),
                "All points are the middle: does t change from point to point?"),
        Mistake("A stays", lambda words_a, words_b, points: words_a + words_b * torch.linspace(
            0, 1, points)[:, None, None],
                "At the last point nothing of A should be left: what does A weigh there?"),
        Mistake("one token", _mixed,
                "All tokens are mixed into one: each token of A goes to the token of B at the same place."),
        Mistake("a point too many", lambda words_a, words_b, points: way(words_a, words_b, points + 1),
                "One step too few or too many?"),
        Mistake("a list", lambda words_a, words_b, points: list(way(words_a, words_b, points)),
                "not a tensor but a list"),
        Mistake("stacked", lambda words_a, words_b, points: way(words_a, words_b, points)[:, None],
                "but it should have"),
    ),
)
