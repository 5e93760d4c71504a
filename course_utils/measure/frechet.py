r"""How far generated pictures are from real ones as a crowd: Fréchet distance and KID on the critic's features.

Both compare two sets of pictures, never picture with picture. Their values mean nothing alone: they depend on the
extractor, and the Fréchet distance falls with n even between two sets of the same world. So the distance between two
sets of *renders* of that n, the **floor**, stands beside every number: it is what drawing perfectly would give.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from course_utils.critters import Scene, render, sample
from course_utils.critters.dataset import renderer_version
from course_utils.measure.critic import SIZE, read

FOR_CARDS = 2_000
"""Pictures from which a distance may stand in a model's card."""

REFERENCE_SEED = 4
"""Scenes of the real set: no model was trained on them, validated on them, or asked to draw their captions."""

_BATCH = 64

Features = Float[np.ndarray, "n d"]
Covariance = Float[np.ndarray, "d d"]


def frechet(a: Features, b: Float[np.ndarray, "m d"]) -> float:
    r"""Fréchet distance between Gaussians fitted to two sets of features: 0 for alike, without upper limit.

    \(|\mu_a-\mu_b|^2 + \mathrm{tr}\left(\Sigma_a+\Sigma_b-2(\Sigma_a^{1/2}\Sigma_b\Sigma_a^{1/2})^{1/2}\right)\)
    (Dowson and Landau, The Fréchet Distance between Multivariate Normal Distributions, 1982; with a network's features
    Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017), in float64 with covariances over n - 1.

    Raises `ValueError` for fewer than 2 d rows in either set, features of different width, or numbers that are not
    finite.
    """
    a, b = _checked(a, b)
    least = 2 * a.shape[1]
    if min(len(a), len(b)) < least:
        raise ValueError(f"{len(a)} and {len(b)} pictures are too few for covariances of {a.shape[1]} features:"
                         f" take at least {least}, for a card {FOR_CARDS}")
    return gaussian_frechet(a.mean(0), _covariance(a), b.mean(0), _covariance(b))


def gaussian_frechet(
    mean_a: Float[np.ndarray, " d"], covariance_a: Covariance, mean_b: Float[np.ndarray, " d"], covariance_b: Covariance
) -> float:
    r"""`frechet` of given moments.

    The trace of \((\Sigma_a^{1/2}\Sigma_b\Sigma_a^{1/2})^{1/2}\) is the sum of the singular values of
    \(\Sigma_a^{1/2}\Sigma_b^{1/2}\): no root of an unsymmetric matrix is taken, so nothing turns complex, and features
    that never fire (rows of zeros) do no harm.
    """
    overlap = np.linalg.svd(square_root(covariance_a) @ square_root(covariance_b), compute_uv=False).sum()
    spread = np.trace(covariance_a) + np.trace(covariance_b) - 2 * overlap
    return max(0.0, float(np.sum((mean_a - mean_b) ** 2) + spread))


def square_root(covariance: Covariance) -> Covariance:
    r"""The symmetric root \(V\,\mathrm{diag}(\sqrt\lambda)\,V^\top\); eigenvalues a rounding below 0 count as 0."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T


def kid(
    a: Features, b: Float[np.ndarray, "m d"], subsets: int = 10, size: int | None = None, seed: int = 0
) -> tuple[float, float]:
    r"""Kernel distance of two sets of features and its standard error; 0 on average for sets of one world.

    The unbiased squared maximum mean discrepancy under \(k(x,y)=(x\cdot y/d+1)^3\): the mean kernel within a, plus that
    within b, less twice that between them (Bińkowski et al., Demystifying MMD GANs, 2018). It can come out negative.

    Both sets are dealt at random (by `seed`) into `subsets` parts of `size` (by default all there is); the mean over
    parts is returned with \(s/\sqrt{\text{subsets}}\). Parts do not overlap, as they often do elsewhere: only so is
    the standard error honest.

    Raises as `frechet` does, and `ValueError` where the sets do not hold that many parts.
    """
    a, b = _checked(a, b)
    fewest = min(len(a), len(b))
    size = size or fewest // max(subsets, 1)
    if subsets < 2 or size < 2 or subsets * size > fewest:
        raise ValueError(f"{subsets} parts of {size} cannot be dealt from {fewest} pictures: take 2 or more parts of 2"
                         f" or more pictures, and at most {fewest} in all")
    rng = np.random.default_rng(seed)
    parts_a, parts_b = (x[rng.permutation(len(x))[: subsets * size]].reshape(subsets, size, -1) for x in (a, b))
    values = [discrepancy(x, y) for x, y in zip(parts_a, parts_b, strict=True)]
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(subsets))


def discrepancy(a: Features, b: Features) -> float:
    r"""Unbiased \(\mathrm{MMD}^2\) of two sets (Gretton et al., A Kernel Two-Sample Test, 2012, equation 3)."""
    n, m = len(a), len(b)
    within_a = (_kernel(a, a).sum() - _kernel_with_itself(a).sum()) / (n * (n - 1))
    within_b = (_kernel(b, b).sum() - _kernel_with_itself(b).sum()) / (m * (m - 1))
    return float(within_a + within_b - 2 * _kernel(a, b).mean())


def extractor() -> str:
    """Name of the network behind the features, with the first eight digits of its weights' hash."""
    return f"critic {_critic_hash()}, 64 features"


def real_features(n: int, seed: int = REFERENCE_SEED, cache: str | Path | None = None) -> Float[np.ndarray, "n 64"]:
    """The critic's features of renders of `sample(n, seed)`; see `features_of`."""
    return features_of(sample(n, seed), cache)


def features_of(scenes: Sequence[Scene], cache: str | Path | None = None) -> Float[np.ndarray, "n 64"]:
    """The critic's features of renders of `scenes`, drawn a few at a time (about 20 ms each).

    Args:
        scenes: what to draw.
        cache: folder in which the features are kept, under a name that changes with the scenes, the renderer and the
            critic.
    """
    if cache is None:
        return np.concatenate([read(np.stack([render(scene, SIZE) for scene in scenes[k : k + _BATCH]])).features
                               for k in range(0, len(scenes), _BATCH)])
    digest = hashlib.sha256(f"{list(scenes)} {renderer_version()} {_critic_hash()}".encode()).hexdigest()[:16]
    path = Path(cache) / f"features-{len(scenes)}-{digest}.npy"
    if not path.exists():
        _save(path, features_of(scenes))
    return np.load(path)


def distances(
    features: Float[np.ndarray, "n 64"], scenes: Sequence[Scene], cache: str | Path | None = None,
    least: int = FOR_CARDS,
) -> dict[str, Any]:
    """Fréchet distance and KID of generated pictures' features, with the floor of the same captions beside them.

    The real set are n renders of `REFERENCE_SEED`. The floor is what renders of `scenes` themselves score against it:
    a generator that draws every caption as the world does reaches it, and no prompt is asked about twice.

    Args:
        features: the critic's, of one picture for each scene, in any order.
        scenes: those whose captions the pictures were made from.
        cache: as for `features_of`.
        least: refuse fewer pictures; a notebook that checks a stored number at smaller n lowers it, a card does not.

    Returns:
        `n`, `extractor`, `frechet`, `frechet_floor`, `kid`, `kid_standard_error`, `kid_floor`,
        `kid_floor_standard_error`.

    Raises:
        ValueError: too few pictures, not one for each scene, or scenes that belong to the real set.
    """
    n = len(features)
    if n < least:
        raise ValueError(f"{n} pictures are too few for a number to publish: draw {least}, or say least={n} for a"
                         " rough look")
    if n != len(scenes):
        raise ValueError(f"{n} pictures of {len(scenes)} scenes: give the scene of each picture's caption")
    if not set(scenes).isdisjoint(sample(n, REFERENCE_SEED)):
        raise ValueError("these scenes are the real set's own: take the captions of another seed than"
                         f" {REFERENCE_SEED}")
    real, same_captions = real_features(n, cache=cache), features_of(scenes, cache)
    (near, error), (floor, floor_error) = kid(features, real), kid(same_captions, real)
    return {"n": n, "extractor": extractor(), "frechet": frechet(features, real),
            "frechet_floor": frechet(same_captions, real), "kid": near, "kid_standard_error": error,
            "kid_floor": floor, "kid_floor_standard_error": floor_error}


def judged(
    pictures: UInt8[np.ndarray, "n h w 3"], scenes: Sequence[Scene], cache: str | Path | None = None,
    least: int = FOR_CARDS,
) -> dict[str, Any]:
    """`distances` of pictures that the critic has not read yet."""
    return distances(read(pictures).features, scenes, cache, least)


def _checked(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets in float64. Raises `ValueError` for what cannot be compared."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"expected features [n, d] and [m, d], got {list(a.shape)} and {list(b.shape)}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("features hold NaN or infinite numbers: find the picture or the network that made them")
    return a, b


def _covariance(x: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.cov(x, rowvar=False))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _kernel_with_itself(x: np.ndarray) -> np.ndarray:
    return (np.square(x).sum(1) / x.shape[1] + 1) ** 3


def _critic_hash() -> str:
    from course_utils.models.weights import sha256, verified

    return sha256(verified("critic/model.safetensors"))[:8]


def _save(path: Path, features: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with open(unfinished, "wb") as file:
        np.save(file, features)
    unfinished.replace(path)
