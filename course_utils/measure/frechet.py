r"""How far generated pictures are from real ones as a crowd: Fréchet distance and KID on the critic's features.

Both compare two sets of pictures, never picture with picture. Their values mean nothing alone: they depend on the
extractor, and the Fréchet distance falls with n even between two sets of the same world. So the distance between two
sets of *renders* of that n, the **floor**, stands beside every number: it is what drawing perfectly would give.

They see what the critic sees: wrong or missing kinds of animals, odd proportions, ghosts. They hardly see blur, which
the critic was taught to look through; for that there is `spectrum`.
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
from course_utils.critters.dataset import REFERENCE_SEED, renderer_version
from course_utils.measure.critic import SIZE, read

FOR_CARDS = 2_000
"""Pictures from which a distance may stand in a model's card."""

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


def kid(a: Features, b: Float[np.ndarray, "m d"], groups: int = 20, seed: int = 0) -> tuple[float, float]:
    r"""Kernel distance of two independent sets of features and its standard error; 0 on average for one world.

    The unbiased squared maximum mean discrepancy under \(k(x,y)=(x\cdot y/d+1)^3\): the mean kernel within a, plus that
    within b, less twice that between them (Bińkowski et al., Demystifying MMD GANs, 2018; Gretton et al., A Kernel
    Two-Sample Test, 2012, equation 3). It can come out negative.

    All pictures enter at once: the usual mean over random subsets has the same expectation and several times the error.
    The standard error is the jackknife's over `groups` dealt by `seed`, \(\sqrt{\frac{g-1}{g}\sum_j(u_j-\bar u)^2}\)
    with \(u_j\) the distance without group j (Efron and Stein, The Jackknife Estimate of Variance, 1981). Near a
    distance of 0 it is too large, by a factor of 1.4.

    Raises `ValueError` for other widths, for numbers that are not finite, and where the sets do not hold two groups or
    more of two pictures or more.
    """
    a, b = _checked(a, b)
    if groups < 2 or min(len(a), len(b)) < 2 * groups:
        raise ValueError(f"{groups} groups cannot be dealt from {len(a)} and {len(b)} pictures: take 2 or more groups"
                         " of 2 or more pictures")
    rng = np.random.default_rng(seed)
    dealt_a, dealt_b = ([x[chosen] for chosen in np.array_split(rng.permutation(len(x)), groups)] for x in (a, b))
    sums = _pair_sums(dealt_a, dealt_a), _pair_sums(dealt_b, dealt_b), _pair_sums(dealt_a, dealt_b, others=True)
    sizes = np.array([[len(x) for x in dealt] for dealt in (dealt_a, dealt_b)])
    without = np.array([_discrepancy(sums, sizes, np.arange(groups) != left) for left in range(groups)])
    error = np.sqrt((groups - 1) * without.var())
    return _discrepancy(sums, sizes, np.ones(groups, bool)), float(error)


def _pair_sums(a: list[np.ndarray], b: list[np.ndarray], others: bool = False) -> Float[np.ndarray, "g g"]:
    """The kernel summed over all pairs of each two groups; a row is paired with itself only among `others`."""
    sums = np.array([[((x @ y.T / x.shape[1] + 1) ** 3).sum() for y in b] for x in a])
    itself = np.array([((np.square(x).sum(1) / x.shape[1] + 1) ** 3).sum() for x in a])
    return sums if others else sums - np.diag(itself)


def _discrepancy(sums: tuple[np.ndarray, ...], sizes: np.ndarray, kept: np.ndarray) -> float:
    """The distance of the groups that are kept."""
    within_a, within_b, between = (table[np.ix_(kept, kept)].sum() for table in sums)
    n, m = sizes[:, kept].sum(1)
    return float(within_a / (n * (n - 1)) + within_b / (m * (m - 1)) - 2 * between / (n * m))


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

    The real set is n renders of `REFERENCE_SEED`'s scenes. The floor is what renders of `scenes` score
    against it: a generator that draws every caption as the world does reaches it.

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


def _critic_hash() -> str:
    from course_utils.models.weights import sha256, verified

    return sha256(verified("critic/model.safetensors"))[:8]


def _save(path: Path, features: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with open(unfinished, "wb") as file:
        np.save(file, features)
    unfinished.replace(path)
