"""Does a word's attention map lie where the thing is? Overlap of maps with true masks, and what guessing would give."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate

from course_utils.critters import SYNONYMS, Scene, caption, mask
from course_utils.models.text import TextEncoder

Masks = Bool[np.ndarray, "n h w"]


def positions(text: TextEncoder, prompt: str) -> dict[str, int]:
    """Each word of a prompt, and which token it is: the first one comes after the mark of the beginning.

    Of a word that comes twice or is cut into several tokens the last token counts: a causal text encoder knows the
    whole word only there.
    """
    tokens = text.words.tokenize(prompt)
    ends = [place for place, token in enumerate(tokens, start=1) if token.endswith("</w>")]
    return dict(zip(re.findall(r"[a-z]+|[^a-z\s]", prompt.lower()), ends, strict=True))


def attribute_positions(text: TextEncoder, scene: Scene) -> dict[str, int]:
    """Token of the word for each attribute that a scene's plain caption states, by the attribute's name."""
    placed = positions(text, caption(scene))
    found: dict[str, int] = {}
    for name, values in SYNONYMS.items():
        value = scene.size_word if name == "size" else getattr(scene, name)
        if value and (word := values[value][0]) in placed:
            found[name] = placed[word]
    return found


def true_masks(scenes: Sequence[Scene], side: int = 128) -> Masks:
    """Where the animals are."""
    return np.stack([mask(scene, side) > 127 for scene in scenes])


def enlarged(maps: Float[Tensor, "n s s"], side: int = 128) -> Float[np.ndarray, "n h w"]:
    """Maps brought to the size of the pictures, bilinear."""
    larger = interpolate(maps[:, None].float(), (side, side), mode="bilinear", align_corners=False)
    return larger[:, 0].cpu().numpy()


def strongest(maps: Float[np.ndarray, "n h w"], share: float) -> Masks:
    """The `share` of each map's pixels with the largest values: a threshold that needs no truth.

    Raises `ValueError` for a share that is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"the share of a map that counts is between 0 and 1, got {share}")
    flat = maps.reshape(len(maps), -1)
    kept = np.argsort(-flat, axis=1, kind="stable")[:, : round(share * flat.shape[1])]
    chosen = np.zeros(flat.shape, bool)
    np.put_along_axis(chosen, kept, True, axis=1)
    return chosen.reshape(maps.shape)


def iou(a: Masks, b: Masks) -> Float[np.ndarray, " n"]:
    """Intersection over union of each pair: 1 for the same mask, 0 for no common pixel (Jaccard, 1912)."""
    return (a & b).sum((1, 2)) / (a | b).sum((1, 2)).clip(min=1)


def centre_box(count: int, share: float, side: int = 128) -> Masks:
    """A square of `share` of the picture in its middle, `count` times: what one says without looking."""
    distance = np.abs(np.arange(side) + 0.5 - side / 2)
    inside = distance <= side * share**0.5 / 2
    return np.broadcast_to(inside[:, None] & inside, (count, side, side))


def usual_share(n: int = 200, seed: int = 3) -> float:
    """Share of a picture that an animal covers, mean over n scenes that are judged nowhere else."""
    from course_utils.critters import sample

    return float(true_masks(sample(n, seed), 64).mean())


def overlaps(
    maps: Float[Tensor, "n k s s"], placed: Sequence[Mapping[str, int]], masks: Masks, share: float
) -> dict[str, Float[np.ndarray, " m"]]:
    """IoU of each attribute's word with the animal, over the pictures whose caption states it.

    Args:
        maps: of all tokens, from `diffusion.attention.word_maps`.
        placed: for each picture, the token of each attribute's word; see `attribute_positions`.
        masks: where the animals are, at the pictures' size.
        share: of each map that counts; see `strongest`.
    """
    side, found = masks.shape[-1], {}
    for name in dict.fromkeys(name for one in placed for name in one):
        rows = [row for row, one in enumerate(placed) if name in one]
        chosen = torch.stack([maps[row, placed[row][name]] for row in rows])
        found[name] = iou(strongest(enlarged(chosen, side), share), masks[rows])
    return found


def guesses(masks: Masks, share: float, side: int) -> dict[str, Float[np.ndarray, " n"]]:
    """IoU of what needs no map (`centre`, a box; `other`, another picture's mask), and the best that maps could reach.

    `best` is the true mask itself, brought down to `side` cells and up again.
    """
    small = interpolate(torch.from_numpy(masks[:, None].astype(np.float32)), (side, side), mode="area")
    return {"centre": iou(centre_box(len(masks), share, masks.shape[-1]), masks),
            "other": iou(np.roll(masks, 1, axis=0), masks),
            "best": iou(strongest(enlarged(small[:, 0], masks.shape[-1]), share), masks)}
