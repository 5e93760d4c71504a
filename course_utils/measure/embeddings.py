"""What a space of vectors knows: linear probes, nearest neighbours, neighbourhood purity, and retrieval across two."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import interpolate, normalize
from transformers import CLIPTokenizer
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from course_utils.critters import SYNONYMS, Scene, caption
from course_utils.models import to_tensor
from course_utils.models.hub import fetch
from course_utils.models.registry import entry
from course_utils.models.text import published_tokenizer
from course_utils.models.tokenizer import encode

Vectors = Float[np.ndarray, "n d"]
CHOICES = 200
"""Captions among which the right one must be found."""


def labels(scenes: Sequence[Scene], attribute: str) -> np.ndarray:
    """The attribute's word for each scene; for `size` the empty string in the middle band."""
    if attribute == "size":
        return np.array([scene.size_word or "" for scene in scenes])
    return np.array([getattr(scene, attribute) for scene in scenes])


def stated(vectors: Vectors, words: np.ndarray) -> tuple[Vectors, np.ndarray]:
    """Without the scenes of which nothing is said."""
    return vectors[words != ""], words[words != ""]


def probe(
    train: Vectors, train_words: np.ndarray, test: Vectors, test_words: np.ndarray, strength: float = 1.0
) -> float:
    """Accuracy on `test` of a logistic regression fitted on standardised `train`: what can be read off linearly.

    `strength` is scikit-learn's C (Alain and Bengio, Understanding Intermediate Layers Using Linear Classifier Probes,
    2017). Empty words are left out on both sides.
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
    model.fit(*stated(train, train_words))
    return float(model.score(*stated(test, test_words)))


def neighbours(vectors: Vectors, k: int, metric: str = "cosine") -> np.ndarray:
    """Places of the k nearest others of each vector, `[n, k]`, nearest first; `ValueError` unless n is above k."""
    if len(vectors) <= k:
        raise ValueError(f"{k} neighbours need more than {k} vectors, got {len(vectors)}")
    found = NearestNeighbors(n_neighbors=k, metric=metric).fit(vectors)
    return found.kneighbors(return_distance=False)


def purity(vectors: Vectors, words: np.ndarray, k: int = 10, metric: str = "cosine") -> float:
    """Share of the k nearest neighbours that have the same word, mean over vectors; empty words are left out.

    By chance it is the sum of the squared shares of the words: see `chance`.
    """
    vectors, words = stated(vectors, words)
    return float((words[neighbours(vectors, k, metric)] == words[:, None]).mean())


def chance(words: np.ndarray) -> float:
    """Purity of neighbours that know nothing."""
    _, counts = np.unique(words[words != ""], return_counts=True)
    return float(((counts / counts.sum()) ** 2).sum())


@torch.inference_mode()
def picture_embeddings(clip: Any, shown: UInt8[np.ndarray, "n 128 128 3"], batch: int = 64) -> Float[np.ndarray, "n d"]:
    """CLIP's joint embedding of pictures, of length 1."""
    parts = [clip.visual_projection(clip.vision_model(pixel_values=x.to(clip.device, clip.dtype)).pooler_output)
             for x in as_seen(clip, to_tensor(shown)).split(batch)]
    return normalize(torch.cat(parts).float(), dim=1).cpu().numpy()


def as_seen(clip: Any, x: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 s s"]:
    """Pictures in [-1, 1] as a CLIP was trained to see them: the course's as they are, published ones resized
    (bicubic) and standardised by the means and deviations of the photographs behind them."""
    if published(clip):
        side = clip.config.vision_config.image_size
        x = interpolate((x + 1) / 2, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
        mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD))
        x = (x - mean) / deviation
    return x


def published(clip: Any) -> bool:
    """Whether a CLIP came from the hub, by `models.load`."""
    return getattr(clip, "course_scale", "critters") != "critters"


def words_of(clip: Any) -> CLIPTokenizer | None:
    """The tokenizer of a published CLIP, the same as that of Stable Diffusion's text encoder; `None`: the course's."""
    return published_tokenizer(fetch(entry("text_encoder", clip.course_scale))) if published(clip) else None


@torch.inference_mode()
def text_embeddings(clip: Any, texts: Sequence[str], batch: int = 256) -> Float[np.ndarray, "n d"]:
    """CLIP's joint embedding of texts, of length 1."""
    parts = [clip.text_projection(clip.text_model(input_ids=ids.to(clip.device)).pooler_output)
             for ids in encode(texts, words_of(clip)).split(batch)]
    return normalize(torch.cat(parts).float(), dim=1).cpu().numpy()


def top_1(pictures: Vectors, texts: Vectors) -> float:
    """Share of pictures whose own text (the one at the same place) is the nearest of all, by cosine."""
    return float(((pictures @ texts.T).argmax(1) == np.arange(len(texts))).mean())


def unlike(scenes: Sequence[Scene], count: int = CHOICES) -> list[int]:
    """Places of the first `count` scenes that state all seven attributes and differ in at least one of them."""
    places: dict[str, int] = {}
    for place, scene in enumerate(scenes):
        if scene.size_word:
            places.setdefault(caption(scene), place)
    return list(places.values())[:count]


def clip_report(
    clip: Any, shown: UInt8[np.ndarray, "n 128 128 3"], scenes: Sequence[Scene],
    train_shown: UInt8[np.ndarray, "m 128 128 3"], train_scenes: Sequence[Scene],
) -> dict[str, Any]:
    """The numbers of CLIP's card: retrieval among 200 captions, probes of each attribute, purity with chance beside."""
    vectors, train = picture_embeddings(clip, shown), picture_embeddings(clip, train_shown)
    places = unlike(scenes)
    texts = text_embeddings(clip, [caption(scenes[k]) for k in places])
    words = {name: labels(scenes, name) for name in SYNONYMS}
    probes = {name: probe(train, labels(train_scenes, name), vectors, words[name]) for name in SYNONYMS}
    return {"n": len(scenes), "choices": len(places), "retrieval_top_1": top_1(vectors[places], texts),
            "caption_retrieval_top_1": top_1(texts, vectors[places]), "probed_on": len(train_scenes), "probes": probes,
            "purity": {name: purity(vectors, words[name]) for name in SYNONYMS},
            "chance": {name: chance(words[name]) for name in SYNONYMS}}
