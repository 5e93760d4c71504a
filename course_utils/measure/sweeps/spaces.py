"""What VAE latents and CLIP's embeddings know of the same scenes: probes, neighbours, and UMAP's drawing of both."""
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from course_utils.critters import Scene, sample
from course_utils.critters.dataset import HELD_OUT_SEED, REFERENCE_SEED, pictures
from course_utils.measure.embeddings import chance, labels, picture_embeddings, probe, purity
from course_utils.models import load, to_tensor

Pictures = UInt8[np.ndarray, "n 128 128 3"]
Vectors = Float[np.ndarray, "n d"]

TOLD = ("species", "texture", "background", "facing")
"""Attributes asked for: two that say what the animal is, two that say which colour or direction stands where."""

STRENGTHS = (0.0003, 0.01, 1.0)
"""Of a probe's regularisation, scikit-learn's C: a probe of many numbers overfits, so each may have its own of these,
the best on a quarter of the scenes it learns from."""

METRICS = {"CLIP": "cosine", "VAE latents": "euclidean", "pixels": "euclidean"}
"""Each space's own measure of what is near."""

DRAWN = 400
"""Scenes in the UMAP, and in the purity that a notebook measures again."""


@torch.inference_mode()
def latents(vae: Any, shown: Pictures, batch: int = 20) -> Vectors:
    """The means of the posterior, scaled, each as one vector of 1,024 numbers."""
    parts = [vae.encode(x.to(vae.device)).latent_dist.mode().flatten(1).cpu() for x in to_tensor(shown).split(batch)]
    return torch.cat(parts).numpy() * vae.config.scaling_factor


def coarse(shown: Pictures) -> Vectors:
    """Pixels, averaged to 16x16: as many places as a latent has, and 768 numbers."""
    return shown.reshape(len(shown), 16, 8, 16, 8, 3).mean((2, 4)).reshape(len(shown), -1).astype(np.float32) / 255


def spaces(shown: Pictures) -> dict[str, Vectors]:
    """The same pictures in all three."""
    return {"CLIP": picture_embeddings(load("clip"), shown), "VAE latents": latents(load("vae"), shown),
            "pixels": coarse(shown)}


def purities(vectors: dict[str, Vectors], scenes: list[Scene], k: int = 10) -> dict[str, dict[str, float]]:
    """Neighbourhood purity by space and attribute."""
    return {space: {name: purity(v, labels(scenes, name), k, METRICS[space]) for name in TOLD}
            for space, v in vectors.items()}


def two_spaces(n: int, cache: Any = None) -> dict[str, Any]:
    """Probes fitted on n scenes and tested on n / 2 others, purity, chance, and UMAP coordinates of the first 400.

    `probes`, `purity` (among n) and `purity_drawn` (among 400) by space and attribute; `nearest`, the purity of the
    single nearest neighbour; `umap` by space, `[400][2]`, one thread and a fixed seed (McInnes, Healy and Melville,
    UMAP: Uniform Manifold Approximation and Projection, 2018).
    """
    scenes, others = sample(n, REFERENCE_SEED), sample(n // 2, HELD_OUT_SEED)
    train = spaces(pictures(n, REFERENCE_SEED, cache=cache))
    test = spaces(pictures(n // 2, HELD_OUT_SEED, cache=cache))
    drawn = {space: v[:DRAWN] for space, v in train.items()}
    return {"n_test": n // 2, "probes": {space: probes(train[space], scenes, test[space], others) for space in train},
            "purity": purities(train, scenes), "purity_drawn": purities(drawn, scenes[:DRAWN]),
            "nearest": purities(train, scenes, k=1), "chance": {name: chance(labels(scenes, name)) for name in TOLD},
            "umap": {space: drawing(v, METRICS[space]) for space, v in drawn.items() if space != "pixels"}}


def probes(train: Vectors, scenes: list[Scene], test: Vectors, others: list[Scene]) -> dict[str, float]:
    """Accuracy on `test` by attribute, with the strength that did best on scenes kept aside from `train`."""
    found = {}
    for name in TOLD:
        words = labels(scenes, name)
        found[name] = probe(train, words, test, labels(others, name), strength(train, words))
    return found


def strength(train: Vectors, words: np.ndarray) -> float:
    """The one of `STRENGTHS` with which a probe fitted on three quarters does best on the last; the first of equals."""
    some = 3 * len(train) // 4
    return max(STRENGTHS, key=lambda c: probe(train[:some], words[:some], train[some:], words[some:], c))


def drawing(vectors: Vectors, metric: str) -> list[list[float]]:
    """UMAP's two coordinates."""
    from umap import UMAP

    plan = UMAP(n_neighbors=15, min_dist=0.1, metric=metric, random_state=0, n_jobs=1)
    return [[float(x), float(y)] for x, y in plan.fit_transform(vectors)]
