"""How different pictures of one prompt are from seed to seed, and what guidance does to their colours.

A prompt leaves things open (where the animal stands, how it holds its tail); a generator should fill them differently
each time. How much the world itself varies under a prompt is known, and stands beside: 1 means as diverse as that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from course_utils.critters import Scene, parse, sample
from course_utils.measure.frechet import features_of
from course_utils.measure.pictures import batch, mean_and_interval

Pictures = UInt8[np.ndarray, "n h w 3"]

_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # Rec. 601


def spread(features: Float[np.ndarray, "n d"]) -> float:
    r"""\(\sqrt{\mathrm{tr}\,\Sigma}\), root mean square distance from the mean (over n - 1): 0 for n times the same.

    Raises `ValueError` for fewer than two rows or numbers that are not finite.
    """
    return float(np.sqrt(_checked(features).var(axis=0, ddof=1).sum()))


def mean_pairwise_distance(features: Float[np.ndarray, "n d"]) -> float:
    r"""\(\frac{2}{n(n-1)}\sum_{i<j}|f_i-f_j|\): its expectation does not depend on n. Raises as `spread` does.

    The usual measure of diversity in image translation, there with LPIPS as the distance (Zhu et al., Toward
    Multimodal Image-to-Image Translation, 2017). Of squared distances the mean would be twice `spread` squared.
    """
    x = _checked(features)
    first, second = np.triu_indices(len(x), 1)
    return float(np.linalg.norm(x[first] - x[second], axis=1).mean())


def diversity(
    features: Float[np.ndarray, "p s d"], prompts: Sequence[str], seed: int = 0, cache: str | Path | None = None
) -> dict[str, float]:
    """Mean pairwise distance across the seeds of a prompt, mean over prompts, beside what the world does.

    Args:
        features: the critic's, of s pictures for each of p prompts.
        prompts: p captions.
        seed: of the renders beside, s for each prompt, drawn from all scenes that it allows.
        cache: folder in which the renders' features are kept.

    Returns:
        `prompts`, `seeds`, `distance` and `distance_interval` (half-width, 95 %, over prompts), `distance_of_renders`,
        and `of_world`, the first as a share of the last.
    """
    if features.ndim != 3 or len(features) != len(prompts):
        raise ValueError(f"expected features [prompts, seeds, d] of {len(prompts)} prompts, got {list(features.shape)}")
    p, s, d = features.shape
    scenes = [scene for k, prompt in enumerate(prompts) for scene in allowed(prompt, s, seed + k)]
    renders = features_of(scenes, cache).reshape(p, s, d)
    ours, world = (mean_and_interval([mean_pairwise_distance(x) for x in group]) for group in (features, renders))
    return {"prompts": p, "seeds": s, "distance": ours.mean, "distance_interval": ours.half_width,
            "distance_of_renders": world.mean, "of_world": ours.mean / world.mean}


def allowed(prompt: str, n: int, seed: int) -> list[Scene]:
    """`n` scenes that a prompt describes, what it leaves open drawn as `critters.sample` draws it.

    Words are read by `critters.parse`; an empty prompt allows every scene.
    """
    stated = parse(prompt)
    size, stance = stated.pop("size", None), stated.get("stance")
    draws = (scene for scene in sample(32 * n + 256, seed)  # a ninth fits; a stride belongs to its stance
             if size in (None, scene.size_word) and stance in (None, scene.stance))
    return [scene.but(**stated) for scene, _ in zip(draws, range(n), strict=False)]


def saturation(pictures: Pictures) -> Float[np.ndarray, " n"]:
    r"""Mean over pixels of HSV's saturation, \((\max-\min)/\max\) of red, green and blue: 0 gray, 1 pure; black is 0.

    (Smith, Color Gamut Transform Pairs, 1978.)
    """
    x = batch(pictures)
    high, low = x.max(-1).astype(np.float32), x.min(-1)
    return ((high - low) / high.clip(min=1)).mean((1, 2))


def contrast(pictures: Pictures) -> Float[np.ndarray, " n"]:
    """Root mean square contrast, the standard deviation of the luminance in [0, 1]: 0 flat, 0.5 half black half white.

    (Peli, Contrast in Complex Images, 1990; luminance of Rec. 601.)
    """
    return (batch(pictures) @ _LUMINANCE / 255).std((1, 2))


def clipped(pictures: Pictures) -> Float[np.ndarray, " n"]:
    """Share of the numbers of a picture that are 0 or 255: what a large guidance scale drives over the edge."""
    x = batch(pictures)
    return ((x == 0) | (x == 255)).mean((1, 2, 3))


def colours(pictures: Pictures) -> dict[str, float]:
    """Means over pictures: `n`, `saturation`, `contrast`, `clipped`."""
    measures = {"saturation": saturation, "contrast": contrast, "clipped": clipped}
    return {"n": len(batch(pictures)), **{name: float(measure(pictures).mean()) for name, measure in measures.items()}}


def _checked(features: np.ndarray) -> np.ndarray:
    x = np.asarray(features, dtype=np.float64)
    if x.ndim != 2 or len(x) < 2 or not np.isfinite(x).all():
        raise ValueError(f"diversity takes finite features [n, d] of two pictures or more, got {list(x.shape)}")
    return x
