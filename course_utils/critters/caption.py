"""Captions in several wordings, and back from a caption to the attributes it states.

A caption names the species always; a varied one may leave other attributes out, reorder them and use synonyms.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from .scene import CHOICES, Scene

SYNONYMS: dict[str, dict[str, tuple[str, ...]]] = {
    "species": {"dog": ("dog", "puppy"), "fox": ("fox",), "cat": ("cat", "kitten")},
    "texture": {"fluffy": ("fluffy", "furry"), "scaly": ("scaly", "scaled")},
    "size": {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")},
    "coat": {name: (name, "grey") if name == "gray" else (name,) for name in CHOICES["coat"]},
    "background": {name: (name,) for name in CHOICES["background"]},
    "stance": {"sitting": ("sitting", "seated"), "standing": ("standing",), "walking": ("walking", "strolling")},
    "facing": {"left": ("left",), "right": ("right",)},
}  # fmt: skip
"""For each attribute and value the words for it; the first is the plain one."""

_ALWAYS = {"species"}
_KEPT = 0.8  # chance that a varied caption mentions an attribute


def caption(scene: Scene, variant: int | None = None) -> str:
    """Describe a scene.

    Args:
        scene: what to describe. Size is mentioned only outside the middle band.
        variant: ``None`` for the plain, full caption; a number for a varied one, the same for the same number.

    >>> caption(Scene())
    'a large fluffy orange fox sitting on a green background, facing right'
    """
    stated = {name: value for name, value in _attributes(scene).items() if value}
    if variant is None:
        return _plain({name: SYNONYMS[name][value][0] for name, value in stated.items()})
    rng = random.Random(f"caption {variant}")
    chosen = {
        name: rng.choice(SYNONYMS[name][value])
        for name, value in stated.items()
        if rng.random() < _KEPT or name in _ALWAYS
    }
    return rng.choice((_plain, _plain, _background_first, _stance_first, _telegram))(chosen)


def parse(text: str) -> dict[str, str]:
    """The attributes that a caption states, with synonyms resolved; attributes it leaves out are absent.

    A colour counts as the background's when it stands right before *background* or *backdrop*, else as
    the coat's. Words that are not of this world are passed over.

    >>> parse("on a pink backdrop, a tiny scaled grey kitten")
    {'species': 'cat', 'texture': 'scaly', 'size': 'small', 'coat': 'gray', 'background': 'pink'}
    """
    words = re.findall(r"[a-z]+", text.lower())
    found: dict[str, str] = {}
    for position, word in enumerate(words):
        behind = words[position + 1] if position + 1 < len(words) else ""
        for name, values in SYNONYMS.items():
            if (name == "background") is (behind in _SCENERY):
                found.update((name, value) for value, same in values.items() if word in same)
    return {name: found[name] for name in SYNONYMS if name in found}


_SCENERY = {"background", "backdrop"}


def _attributes(scene: Scene) -> dict[str, str | None]:
    return {name: scene.size_word if name == "size" else getattr(scene, name) for name in SYNONYMS}


def animal(words: Mapping[str, str]) -> str:
    """The animal alone, with its article: what there is of size, texture, coat and species, in this order."""
    described = [words[name] for name in ("size", "texture", "coat", "species") if words.get(name)]
    article = "an" if described[0][0] in "aeiou" else "a"
    return " ".join([article, *described])


def _plain(words: dict[str, str]) -> str:
    text = animal(words)
    if "stance" in words:
        text += f" {words['stance']}"
    if "background" in words:
        text += f" on a {words['background']} background"
    if "facing" in words:
        text += f", facing {words['facing']}"
    return text


def _background_first(words: dict[str, str]) -> str:
    rest = _plain({name: word for name, word in words.items() if name != "background"})
    return f"on a {words['background']} background, {rest}" if "background" in words else rest


def _stance_first(words: dict[str, str]) -> str:
    rest = _plain({name: word for name, word in words.items() if name != "stance"})
    return f"{words['stance']}: {rest}" if "stance" in words else rest


def _telegram(words: dict[str, str]) -> str:
    order = ("species", "coat", "texture", "size", "stance", "facing")
    parts = [f"facing {words[name]}" if name == "facing" else words[name] for name in order if name in words]
    return ", ".join(parts + ([f"{words['background']} backdrop"] if "background" in words else []))
