r"""What CLIP says of pictures of a world that nobody drew: the published stand-ins for the critic.

The critic knows renders only. What Stable Diffusion paints is judged as papers judge it: by CLIP's cosine between a
picture and a text. One picture and its prompt give the **CLIP score**; a picture and one text for each word of an
attribute give a **zero-shot** reading. CLIP was trained on captions, not on these questions: it knows species well,
textures less, and left from right hardly at all.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from course_utils.critters import KEYPOINTS, LARGE_ABOVE, SMALL_BELOW, SYNONYMS
from course_utils.measure.critic import ATTRIBUTES, Reading, size_words
from course_utils.measure.embeddings import picture_embeddings, text_embeddings
from course_utils.models import load

Pictures = UInt8[np.ndarray, "n h w 3"]

ASKED = {
    "species": "a picture of a {}", "texture": "a picture of a {} animal", "coat": "a picture of a {} animal",
    "background": "a picture of an animal on a {} background", "stance": "a picture of a {} animal",
    "facing": "a picture of an animal facing {}", "size": "a picture of a {} animal",
}
"""The text for each attribute, with a place for the word."""

WEIGHT = 2.5
"""Of the CLIP score, so that usual ones lie between 0 and 1."""


def clip_score(
    pictures: Pictures, prompts: Sequence[str], clip: Any = None
) -> Float[np.ndarray, " n"]:
    r"""\(2.5\,\max(\cos(E_I, E_C), 0)\) of each picture and its prompt (Hessel et al., CLIPScore: A Reference-free
    Evaluation Metric for Image Captioning, 2021, equation 1).

    By the CLIP of the scale, or another. Raises `ValueError` unless there is a prompt for each picture.
    """
    if len(pictures) != len(prompts):
        raise ValueError(f"{len(pictures)} pictures and {len(prompts)} prompts: give each picture its own")
    clip = clip or load("clip")
    cosines = (picture_embeddings(clip, pictures) * text_embeddings(clip, prompts)).sum(1)
    return scored(cosines)


def scored(cosines: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The CLIP score of cosines."""
    return WEIGHT * np.maximum(cosines, 0)


def probabilities(
    pictures: Float[np.ndarray, "n d"], texts: Float[np.ndarray, "k d"], temperature: float = 100.0
) -> Float[np.ndarray, "n k"]:
    r"""\(\mathrm{softmax}_k(\tau\,p \cdot t_k)\) of embeddings of length 1 (Radford et al., Learning Transferable
    Visual Models from Natural Language Supervision, 2021, section 3.1.2); \(\tau\) is CLIP's learnt scale."""
    logits = temperature * pictures @ texts.T
    logits -= logits.max(axis=1, keepdims=True)
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def questions(attribute: str) -> tuple[tuple[str, ...], list[str]]:
    """The words of an attribute, and the text for each: the captions' own words."""
    words = ("small", "large") if attribute == "size" else ATTRIBUTES[attribute]
    return words, [ASKED[attribute].format(SYNONYMS[attribute][word][0]) for word in words]


def read_zero_shot(pictures: Pictures, clip: Any = None) -> Reading:
    """A `Reading` as the critic gives one, by CLIP.

    `features` are CLIP's embeddings. `size` is no height: the probability of *large* rather than *small*, laid over
    the band between the two words. Joints cannot be asked for: `keypoints` are NaN.
    """
    clip = clip or load("clip")
    seen, temperature = picture_embeddings(clip, pictures), float(clip.logit_scale.exp())
    found = {name: probabilities(seen, text_embeddings(clip, questions(name)[1]), temperature) for name in ASKED}
    margin = LARGE_ABOVE - SMALL_BELOW
    size = SMALL_BELOW - margin / 2 + 2 * margin * found.pop("size")[:, 1]
    labels = {name: np.array(questions(name)[0])[p.argmax(1)] for name, p in found.items()}
    nowhere = np.full((len(pictures), len(KEYPOINTS), 2), np.nan, dtype=np.float32)
    return Reading({**labels, "size": size_words(size)}, found, size, nowhere, seen)
