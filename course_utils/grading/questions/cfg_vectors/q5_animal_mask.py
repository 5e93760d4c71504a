"""An open one: from the attention maps of a prompt's words to the place of the animal."""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import zoom

from course_utils.critters import caption, mask, render, sample
from course_utils.grading import faults
from course_utils.grading.faults import Wrong
from course_utils.grading.question import Case, Mistake, Question, Verdict
from course_utils.grading.values import Hidden

Maps = Float[np.ndarray, "n 8 8"]
Mask = Bool[np.ndarray, "128 128"]
IOUS_TO_POINTS = ((0.56, 5), (0.53, 2))
"""Mean intersection over union with the true masks, and what that is worth."""
TIMESTEP, COUNT = 400, 8


@lru_cache(maxsize=2)
def word_maps_of(seed: int) -> list[tuple[list[str], Maps, Mask]]:
    """Of fresh scenes, noised: the caption's words, the map of each, and where the animal is."""
    import torch

    from course_utils.diffusion import schedule
    from course_utils.diffusion.attention import word_maps
    from course_utils.measure.attention import positions
    from course_utils.models import load, to_tensor
    from course_utils.models.text import load_text

    text = load_text("critters", "cpu")
    vae, unet = (load(role, "critters", "cpu") for role in ("vae", "text_to_image"))
    scenes = sample(COUNT, seed)
    told = [caption(scene) for scene in scenes]
    with torch.inference_mode():
        z0 = vae.encode(to_tensor(np.stack([render(scene) for scene in scenes]))).latent_dist.mode()
        noise = torch.randn(z0.shape, generator=torch.Generator().manual_seed(seed))
        z = schedule.noise(z0 * vae.config.scaling_factor, noise, TIMESTEP)
        maps = word_maps(unet, z, TIMESTEP, text.read(told)).numpy()
    found = []
    for scene, words, tokens in zip(scenes, told, maps, strict=True):
        placed = positions(text, words)
        found.append((list(placed), np.stack([tokens[place] for place in placed.values()]), mask(scene) > 127))
    return found


def cases(rng: np.random.Generator) -> list[Case]:
    """One picture each: its words, their maps; hidden, the truth."""
    return [{"words": words, "maps": maps.astype(np.float64), "truth": Hidden(truth)}
            for words, maps, truth in word_maps_of(int(rng.integers(1 << 30)))]


def animal_mask(words: list[str], maps: Maps) -> Mask:
    """Where the prompt is read at all: the mean of all its words' maps, of which the brightest 28 % count."""
    large = zoom(maps.mean(0), 16, order=1, mode="nearest", grid_mode=True)
    return large > np.quantile(large, 0.72)


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union: 1 for the same mask, 0 where nothing is shared."""
    return float((a & b).sum() / max(int((a | b).sum()), 1))


def _largest(of_words: Maps, share: float) -> Mask:
    """The strongest share of the mean of some maps, enlarged to the picture."""
    large = zoom(of_words.mean(0), 16, order=1, mode="nearest", grid_mode=True)
    return large > np.quantile(large, 1 - share)


def _chosen(words: list[str], maps: Maps, kept: Sequence[str], share: float = 0.28) -> Mask:
    """Of some words alone; of all, where none of them stands in the prompt."""
    rows = [k for k, word in enumerate(words) if word in kept] or list(range(len(words)))
    return _largest(maps[rows], share)


def _box(words: list[str], maps: Maps) -> Mask:
    found = np.zeros((128, 128), bool)
    found[30:97, 30:97] = True
    return found


def _all_but_wall(words: list[str], maps: Maps) -> Mask:
    wall = words.index("background") if "background" in words else 0
    others = [k for k in range(len(words)) if k not in (wall, wall - 1, wall - 2)]
    unit = (maps - maps.mean((1, 2), keepdims=True)) / maps.std((1, 2), keepdims=True)
    return _largest(unit[others], 0.28)


def _tensor(words: list[str], maps: Maps) -> Any:
    import torch

    return torch.tensor(animal_mask(words, maps))


def _whole_numbers(words: list[str], maps: Maps) -> np.ndarray:
    return animal_mask(words, maps).astype(np.uint8)


def judge(given: Sequence[Case], outputs: Sequence[Any]) -> Verdict:
    """By the mean intersection over union with where the animals are."""
    found = []
    for number, (case, output) in enumerate(zip(given, outputs, strict=True), 1):
        kind = getattr(output, "kind", "array")
        values = faults.array(output, f"the result of call {number}", (128, 128), kind=kind, whole=True)
        if not np.isin(values, (0, 1)).all():
            raise Wrong("A mask is True or False (1 or 0) at every pixel; yours has other numbers. Where is the"
                        " threshold?")
        found.append(iou(values > 0, case["truth"].value))
    mean = float(np.mean(found))
    measured = f"mean IoU {mean:.2f}"
    points = next((points for least, points in IOUS_TO_POINTS if mean >= least), 0)
    if points == QUESTION.points:
        return Verdict(points, "Right: the words know where the animal is.", measured)
    if points:
        raise Wrong("A little better than a box in the middle. Have you looked at every word's map, also of those"
                    " that do"
                    " not name the animal? And how large is an animal?", points, measured)
    raise Wrong("No better than a box in the middle of the picture, drawn without looking at the maps.", 0, measured)


QUESTION = Question(
    id="q5", title="Where is the animal?", answer="animal_mask", points=5, minutes=30, framework="numpy", stretch=True,
    target="a mean IoU of 0.56; a box in the middle has 0.5, the course's own answer about 0.6", seconds=30,
    hints=(
        "Draw the maps of one prompt side by side. In some the animal is bright, in some the wall, in some neither.",
        "One word's map is noisy. The mean over several is less so, and need not leave out words like *on* or"
        " *facing*.",
        "Enlarge to 128×128 smoothly (scipy.ndimage.zoom), then keep the brightest share of pixels: on average an"
        " animal"
        " covers a little more than a quarter of its picture.",
    ),
    reference=animal_mask, cases=cases, judge=judge, alternatives=(_all_but_wall, _tensor, _whole_numbers),
    mistakes=(
        Mistake("box", _box, "No better than a box in the middle"),
        Mistake("the wall", lambda words, maps: ~animal_mask(words, maps), "No better than a box in the middle"),
        Mistake("everything", lambda words, maps: np.ones((128, 128), bool), "No better than a box in the middle"),
        Mistake("nothing", lambda words, maps: np.zeros((128, 128), bool), "No better than a box in the middle"),
        Mistake("far too small", lambda words, maps: _largest(maps, 0.08), "No better than a box in the middle"),
        Mistake("far too large", lambda words, maps: _largest(maps, 0.7), "No better than a box in the middle"),
        Mistake("coat's colour alone", lambda words, maps: _chosen(words, maps, (
            "orange", "brown", "gray", "white", "blue")), "No better than a box in the middle"),
        Mistake("no threshold", lambda words, maps: zoom(maps.mean(0), 16, order=1), "Where is the threshold?"),
        Mistake("not enlarged", lambda words, maps: maps.mean(0) > np.median(maps.mean(0)), "but it should have"),
        Mistake("upside down", lambda words, maps: animal_mask(words, maps)[::-1], "than a box in the middle"),
        Mistake("a list", lambda words, maps: animal_mask(words, maps).tolist(), "is not a numpy array but a list"),
    ),
)
