"""What the text side of the recipes learns from: several captions of each scene, now and then with a foreign word."""
from __future__ import annotations

import random
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import CLIPModel

from course_utils.critters import Scene, caption
from course_utils.models import load, text
from course_utils.models.tokenizer import encode, tokenizer

WORDINGS = 6
"""Captions of each scene: the plain one, and varied ones."""

STRAY = 0.05
"""Share of varied captions that get a made-up word, so that a reader's own words do not throw the model off."""


def wordings(scenes: Sequence[Scene], count: int = WORDINGS) -> list[list[str]]:
    """`count` captions of each scene, the plain one first; the same every time."""
    return [[caption(scene), *(varied(scene, place * count + k) for k in range(1, count))]
            for place, scene in enumerate(scenes)]


def varied(scene: Scene, variant: int) -> str:
    """A varied caption, one in twenty with a word of random letters thrown in."""
    plain, rng = caption(scene, variant), random.Random(f"stray word {variant}")
    return with_word(plain, made_up(rng), rng) if rng.random() < STRAY else plain


def made_up(rng: random.Random) -> str:
    """Three to five random letters."""
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 5)))


def with_word(text: str, word: str, rng: random.Random) -> str:
    """The text with a word put between any two of its own, or at an end."""
    words = text.split()
    words.insert(rng.randint(0, len(words)), word)
    return " ".join(words)


def tokens(texts: Sequence[Sequence[str]]) -> Int[Tensor, "n k 24"]:
    """Token indices of the captions of each scene (int16: they are many)."""
    flat = encode([text for several in texts for text in several])
    return flat.view(len(texts), -1, flat.shape[-1]).short()


class TextEncoder(text.TextEncoder):
    """The frozen text side of the CLIP in `folder`, a run's `model`; `None`: of the shipped one.

    Raises `FileNotFoundError` if the folder holds no model.
    """

    def __init__(self, folder: Path | None, device: torch.device | str = "cpu") -> None:
        super().__init__(clip_of(folder, device), tokenizer())


def clip_of(folder: Path | None, device: torch.device | str) -> Any:
    """The CLIP of a folder, or the shipped one; frozen, float32."""
    if folder is None:
        return load("clip", "critters", device)
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} holds no CLIP: train it with python -m course_utils.train.clip, or give"
                                " --clip the folder `model` of such a run")
    clip: Any = CLIPModel.from_pretrained(folder, dtype=torch.float32)
    return clip.eval().requires_grad_(False).to(device)
