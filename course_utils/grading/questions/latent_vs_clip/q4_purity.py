"""Neighbourhood purity: whether a space sorts by a word."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.grading.question import Case, Mistake, Question

Vectors = Float[Tensor, "n d"]
Words = Int[Tensor, " n"]


def cases(rng: np.random.Generator) -> list[Case]:
    """Vectors around three centres, of very different lengths, so that angle and distance disagree."""
    found: list[Case] = []
    for n, d, k in ((60, 6, 5), (40, 12, 10), (30, 4, 1)):
        words = rng.integers(0, 3, n)
        around = rng.normal(size=(3, d))[words] + 0.9 * rng.normal(size=(n, d))
        found.append({"vectors": around * rng.lognormal(0, 1, (n, 1)), "words": words, "k": k})
    return found


def purity(vectors: Vectors, words: Words, k: int) -> float:
    """Share of the k nearest others, by cosine, that have the same word."""
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    near = (unit @ unit.T).fill_diagonal_(-torch.inf).topk(k).indices
    return float((words[near] == words[:, None]).float().mean())


def _loop(vectors: Vectors, words: Words, k: int) -> float:
    same = 0
    for i, vector in enumerate(vectors):
        cosines = torch.nn.functional.cosine_similarity(vector[None], vectors)
        others = [j for j in cosines.argsort(descending=True).tolist() if j != i]
        same += sum(int(words[j] == words[i]) for j in others[:k])
    return same / (k * len(vectors))


def _sorted(vectors: Vectors, words: Words, k: int) -> Tensor:
    vectors = vectors.double() / vectors.double().norm(dim=1, keepdim=True)
    near = torch.cdist(vectors, vectors).argsort(dim=1)[:, 1 : k + 1]  # on the sphere, near is near by cosine
    return (words[near] == words[:, None]).double().mean()


def _library(vectors: Vectors, words: Words, k: int) -> float:
    from course_utils.measure.embeddings import neighbours

    return float((words.numpy()[neighbours(vectors.numpy(), k)] == words.numpy()[:, None]).mean())


def _by(similarity: Tensor, words: Words, k: int, skip: int = 0) -> float:
    near = similarity.argsort(dim=1, descending=True)[:, skip : k + skip]
    return float((words[near] == words[:, None]).float().mean())


def _cosines(vectors: Vectors) -> Tensor:
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    return unit @ unit.T


def _others(similarity: Tensor) -> Tensor:
    return similarity.clone().fill_diagonal_(-torch.inf)


def _majority(vectors: Vectors, words: Words, k: int) -> float:
    near = _others(_cosines(vectors)).topk(k).indices
    return float((words[near].mode(1).values == words).float().mean())


QUESTION = Question(
    id="q4", title="Does a space sort by a word?", answer="purity", points=3, minutes=15,
    hints=(
        "Bring every vector to length one. Then one matrix product holds the cosine of each vector with each.",
        "Who is the nearest of all to a vector? That one must not count. Put something on the diagonal.",
        "topk(k).indices names the k nearest of each row; words[...] of it are their words, to be compared with"
        " words[:, None].",
    ),
    reference=purity, cases=cases, alternatives=(_loop, _sorted, _library),
    mistakes=(
        Mistake("itself", lambda vectors, words, k: _by(_cosines(vectors), words, k),
                "Each vector is its own nearest neighbour in your list. Only others count.", 1),
        Mistake("one too many", lambda vectors, words, k: _by(_others(_cosines(vectors)), words, k + 1),
                "You take one neighbour too many: where does your slice begin, and where does it end?", 1),
        Mistake("skips the nearest", lambda vectors, words, k: _by(_others(_cosines(vectors)), words, k, 1),
                "You leave out the nearest other one: was the vector itself gone already?", 1),
        Mistake("distance", lambda vectors, words, k: _by(_others(-torch.cdist(vectors, vectors)), words, k),
                "Those are the nearest by distance, where long vectors lie far out. By cosine only directions count."),
        Mistake("dot product", lambda vectors, words, k: _by(_others(vectors @ vectors.T), words, k),
                "A dot product favours long vectors: for a cosine, divide by both lengths."),
        Mistake("wrong axis", lambda vectors, words, k: _by(_others(
            (vectors / vectors.norm(dim=0)) @ (vectors / vectors.norm(dim=0)).T), words, k),
                "Lengths are taken along the wrong axis: a vector is a row."),
        Mistake("farthest", lambda vectors, words, k: _by(_others(-_cosines(vectors)), words, k),
                "Those are the farthest: a large cosine means near."),
        Mistake("per cent", lambda vectors, words, k: 100 * purity(vectors, words, k),
                "A share lies between 0 and 1; this is in per cent.", 1),
        Mistake("count", lambda vectors, words, k: round(purity(vectors, words, k) * k * len(vectors)),
                "That is a count: out of how many?", 1),
        Mistake("other words", lambda vectors, words, k: 1 - purity(vectors, words, k),
                "That is the share of neighbours with another word."),
        Mistake("majority", _majority,
                "You let the neighbours vote. Purity is milder: it is the mean over all neighbours of all vectors."),
        Mistake("one a vector", lambda vectors, words, k: (words[_others(_cosines(vectors)).topk(k).indices] == words[
            :, None]).float().mean(1), "should be one number"),
    ),
)
