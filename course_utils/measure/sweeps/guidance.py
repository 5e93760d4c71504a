"""What guidance buys and costs, negative prompts, prompt arithmetic, prompt-to-prompt: behind section 3.

Prompts are plain captions of held-out scenes; seeds are 0, 1, 2, ... Every mean has the half-width of its 95 % interval
over prompts beside it, a Fréchet distance one standard error by the jackknife. Seeds of a prompt are alike, so that
distance is one of n prompts and not of n times `SEEDS` pictures: not to be held against that of pictures of no prompt,
which are independent.
"""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils.critters import CHOICES, LARGE_ABOVE, SMALL_BELOW, Scene, caption, render, sample
from course_utils.critters.dataset import HELD_OUT_SEED, TRAINING_SEED
from course_utils.diffusion.attention import prompt_to_prompt
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.samplers import denoise, stock_scheduler
from course_utils.measure import critic, diversity, frechet
from course_utils.measure.attention import iou
from course_utils.measure.lesson import own, read
from course_utils.measure.pictures import mean_and_interval
from course_utils.measure.reader import read_by_colour

Cache = str | Path | None
Row = dict[str, Any]

SCALES = (0.0, 1.0, 3.0, 7.5, 15.0)
SEEDS = 4
"""Pictures of each prompt."""

STEPS = 10
"""Of DDIM, the model's own sampler, which otherwise takes 25: there are thousands of pictures to draw."""

REAL = 1000
"""Renders behind a Fréchet distance."""

INTERVAL = (200.0, 700.0)
"""Timesteps within which the repaired guidance acts."""

RESCALE = 0.7
REPAIRS: dict[str, Row] = {"rescale": {"rescale": RESCALE}, "interval": {"interval": INTERVAL}}
REPAIRED = 7.5
"""The scale at which they are compared."""


def generator(role: str = "text_to_image") -> TextToImage:
    """What all of them measure: the embedded model, `STEPS` steps."""
    draw = TextToImage.load(role=role, scale="critters", device="cpu")
    draw.steps = STEPS
    return draw


def guidance_scales(n: int, cache: Cache, scales: Sequence[float] = SCALES, draw: TextToImage | None = None) -> Row:
    """`SEEDS` pictures of each of n prompts at every scale: accuracy, diversity, colours, Fréchet distance."""
    draw = draw or generator()
    rows = [{"scale": scale, **drawn(draw, n, cache, guidance_scale=scale)} for scale in scales]
    return {"seeds": SEEDS, "rows": rows, "renders": of_renders(n, cache)}


def guidance_nodropout(
    n: int, cache: Cache, scales: Sequence[float] = SCALES[:-1], draw: TextToImage | None = None
) -> Row:
    """The same of the twin for which no caption was ever dropped; at 0 it is shown the empty prompt alone."""
    return guidance_scales(n, cache, scales, draw or generator("text_to_image_nodropout"))


def guidance_fine(n: int, cache: Cache, scales: Sequence[float] = (1.0, 15.0)) -> Row:
    """The same for fewer prompts with all 25 steps: what of the above is the scale's, and what that of coarse steps."""
    return guidance_scales(n, cache, scales, TextToImage.load(scale="critters", device="cpu"))


def guidance_repairs(n: int, cache: Cache, names: Sequence[str] = tuple(REPAIRS)) -> Row:
    """The same at one large scale, with rescaling and with a guidance interval."""
    draw = generator()
    rows = [{"name": name, **drawn(draw, n, cache, guidance_scale=REPAIRED, **REPAIRS[name])} for name in names]
    return {"seeds": SEEDS, "scale": REPAIRED, "rescale": RESCALE, "interval": INTERVAL, "rows": rows}


def drawn(draw: TextToImage, n: int, cache: Cache, **options: Any) -> Row:
    """`facts` of `SEEDS` pictures for each of n prompts."""
    scenes = [scene for scene in sample(n, HELD_OUT_SEED) for _ in range(SEEDS)]
    made = draw([caption(scene) for scene in scenes], range(len(scenes)), **options)
    return {**facts(made, scenes, cache), "evaluations": draw.evaluations}


def of_renders(n: int, cache: Cache) -> Row:
    """What the world itself scores: `SEEDS` renders of each of the n prompts, whatever these leave open varied."""
    asked = [caption(scene) for scene in sample(n, HELD_OUT_SEED)]
    scenes = [scene for k, prompt in enumerate(asked) for scene in diversity.allowed(prompt, SEEDS, 1000 + k)]
    return facts(np.stack([render(scene) for scene in scenes]), scenes, cache, asked)


def facts(made: np.ndarray, scenes: Sequence[Scene], cache: Cache = None, asked: Sequence[str] | None = None) -> Row:
    """What pictures of `SEEDS` seeds a prompt are worth; `frechet` is None where they are too few for one.

    `asked` are the prompts, where those are not the scenes' captions: a scene may have a size that its prompt leaves
    open.
    """
    reading, asked = read(made), asked or [caption(scene) for scene in scenes[::SEEDS]]
    features = reading.features
    by_prompt = features.reshape(len(asked), SEEDS, -1)
    world = diversity.diversity(by_prompt, asked, cache=cache)["of_world"] if own() else None
    return {"pictures": len(made), "accuracy": over_prompts(right(reading, scenes)),
            "diversity": interval(np.array([diversity.mean_pairwise_distance(one) for one in by_prompt])),
            "diversity_of_world": world,
            **{name: over_prompts(getattr(diversity, name)(made)) for name in ("saturation", "contrast", "clipped")},
            "frechet": distance(features, cache)}


def right(reading: critic.Reading, scenes: Sequence[Scene]) -> Float[np.ndarray, " n"]:
    """Share of what each picture's caption states that the critic reads off it; size as in `critic.accuracy`."""
    words = [reading.labels[name] == np.array([getattr(scene, name) for scene in scenes]) for name in CHOICES]
    large = np.array([scene.size_word == "large" for scene in scenes])
    said = np.array([scene.size_word is not None for scene in scenes])
    size = (reading.size > (SMALL_BELOW + LARGE_ABOVE) / 2) == large
    return (np.sum(words, axis=0) + (size & said)) / (len(words) + said)


def over_prompts(values: Float[np.ndarray, " n"]) -> list[float]:
    """Mean and half-width of the 95 % interval over prompts, whose seeds are no independent witnesses."""
    return list(mean_and_interval(values.reshape(-1, SEEDS).mean(1))[:2])


def distance(features: Float[np.ndarray, "n 64"], cache: Cache) -> list[float] | None:
    """Fréchet distance to `REAL` renders and one standard error by the jackknife over eight parts.

    A part is every eighth prompt with all its seeds: these are alike, and without one of them little is missing.
    """
    prompt = np.arange(len(features)) // SEEDS
    kept = [features[prompt % 8 != k] for k in range(8)]
    if min(map(len, kept)) < 2 * features.shape[1]:
        return None
    real = frechet.real_features(REAL, cache=cache)
    without = np.array([frechet.frechet(part, real) for part in kept])
    return [frechet.frechet(features, real), float(np.sqrt(7 * without.var()))]


# ------------------------------------------------------------------------------------------ prompt arithmetic


def texture_direction(draw: TextToImage, count: int = 64) -> Float[Tensor, "1 tokens width"]:
    """(scaly - fluffy) in the text encoder's output, mean over captions of dogs and foxes; no cat is among them."""
    scenes = [s for s in sample(8 * count, TRAINING_SEED) if s.species != "cat" and s.size_word][:count]
    scaly, fluffy = (draw.text.read([caption(s.but(texture=word)) for s in scenes]) for word in ("scaly", "fluffy"))
    return (scaly - fluffy).mean(0, keepdim=True)


def cats(n: int) -> list[Scene]:
    """n held-out fluffy cats whose captions state the size, so that all words stand in the same places."""
    return [s.but(species="cat", texture="fluffy") for s in sample(4 * n + 32, HELD_OUT_SEED) if s.size_word][:n]


def edits(draw: TextToImage, scenes: Sequence[Scene]) -> dict[str, Float[Tensor, "n tokens width"]]:
    """Hidden states of the prompts of fluffy cats, left as they are or made scaly in several ways.

    A random direction is another one for each cat: one and the same might by chance mean something.
    """
    direction = texture_direction(draw)
    length = direction.norm(dim=-1, keepdim=True)
    lots = torch.Generator().manual_seed(0)
    noise = torch.randn((len(scenes), *direction.shape[1:]), generator=lots)
    fluffy = draw.text.read([caption(scene) for scene in scenes])
    scaly = draw.text.read([caption(scene.but(texture="scaly")) for scene in scenes])
    moved = draw.text.read([behind(caption(scene)) for scene in scenes])
    word = torch.zeros_like(direction)
    word[:, 3] = direction[:, 3]  # a, large, fluffy: the third after the mark of the beginning
    return {"as written": fluffy, "word replaced": scaly, "direction": fluffy + direction,
            "at the word only": fluffy + word, "one vector for all": fluffy + direction.mean(1, keepdim=True),
            "random direction": fluffy + noise / noise.norm(dim=-1, keepdim=True) * length,
            "other word order": moved + direction, "back again": scaly - direction}


def behind(prompt: str) -> str:
    """The same prompt with its background in front: every word of the animal moves five places back."""
    animal, _, rest = prompt.partition(" on a ")
    background, _, facing = rest.partition(",")
    return f"on a {background}, {animal},{facing}"


def prompt_arithmetic(n: int, cache: Cache, names: Sequence[str] = (), draw: TextToImage | None = None) -> Row:
    """Share of scaly pictures, and accuracy of all else, for n prompts of cats that no direction was derived from."""
    draw, scenes = draw or generator(), cats(n)
    every = edits(draw, scenes)
    return {"rows": [{"name": name, **textures(draw(every[name], range(n)), scenes)} for name in names or every]}


NEGATIVE = ("", "fluffy", "a fluffy cat", "a scaly cat")
"""What guidance leads away from, while the prompt leaves the texture open."""


def untold(scene: Scene) -> str:
    """A scene's caption without the texture; of a scene whose size is stated, so that the article still fits."""
    return caption(scene).replace(f" {scene.texture} ", " ")


def negative_prompts(n: int, cache: Cache, names: Sequence[str] = NEGATIVE, draw: TextToImage | None = None) -> Row:
    """Share of scaly pictures, and accuracy of all else, for n prompts of cats that say nothing of fur or scales."""
    draw, scenes = draw or generator(), cats(n)
    prompts = [untold(scene) for scene in scenes]
    rows = [{"name": name, **textures(draw(prompts, range(n), negative_prompt=name), scenes)} for name in names]
    return {"rows": rows}


def textures(made: np.ndarray, scenes: Sequence[Scene]) -> Row:
    """`scaly`: the share read so; `others`: the share of all other words that are read as the scenes have them."""
    reading = read(made)
    others = [reading.labels[key] == np.array([getattr(s, key) for s in scenes]) for key in CHOICES if key != "texture"]
    return {"scaly": interval(reading.labels["texture"] == "scaly"), "others": interval(np.mean(others, axis=0))}


def interval(values: np.ndarray) -> list[float]:
    """Mean and half-width of its 95 % interval."""
    return list(mean_and_interval(np.asarray(values, float))[:2])


# ------------------------------------------------------------------------------------------ prompt-to-prompt

SWAPPED = {"species": ("fox", "cat"), "texture": ("fluffy", "scaly"), "background": ("green", "pink")}
UNTIL = (1000.0, 500.0, 0.0)
"""Timesteps down to which the maps are swapped: in no step, in the first half, in all."""


def attention_swap(
    n: int, cache: Cache, changes: Sequence[str] = tuple(SWAPPED), until: Sequence[float] = UNTIL,
    draw: TextToImage | None = None,
) -> Row:
    """n pairs of pictures for each change of one word: is the new word obeyed, and does all else stay in place?"""
    draw, rows = draw or generator(), []
    for change in changes:
        elsewhere = strangers(draw, change, n)
        rows += [{"change": change, "until": t, **swap_facts(draw, change, n, t, elsewhere)} for t in until]
    return {"rows": rows}


def swap_pairs(change: str, n: int) -> tuple[list[Scene], list[Scene]]:
    """Held-out scenes before and after one word was changed."""
    old, new = SWAPPED[change]
    scenes = sample(n, HELD_OUT_SEED)
    return [s.but(**{change: old}) for s in scenes], [s.but(**{change: new}) for s in scenes]


def swap(draw: TextToImage, before: Sequence[Scene], after: Sequence[Scene], until: float, seed: int = 0
         ) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of both prompts from the same noise, the second with the first one's maps above timestep `until`."""
    parts = []
    with torch.inference_mode():
        for k in range(0, len(before), 8):
            source, target = before[k:k + 8], after[k:k + 8]
            predict = draw.predictor([caption(scene) for scene in (*source, *target)])
            noise = draw.noise(range(seed + k, seed + k + len(source))).repeat(2, 1, 1, 1)
            z = denoise(prompt_to_prompt(predict, draw.unet, until), stock_scheduler("ddim", draw.steps), noise)
            parts.append(np.stack(np.split(draw.decode(z), 2)))
    first, second = np.concatenate(parts, axis=1)
    return first, second


def strangers(draw: TextToImage, change: str, n: int) -> Bool[np.ndarray, "n h w"]:
    """Silhouettes for the same new prompts, drawn from other noises: all that they share with a pair is the words."""
    _, after = swap_pairs(change, n)
    return read_by_colour(draw([caption(scene) for scene in after], range(1000, 1000 + n))).masks


def swap_facts(draw: TextToImage, change: str, n: int, until: float, elsewhere: Bool[np.ndarray, "n h w"]) -> Row:
    """`obeyed`: the new word is read; `kept`: share of the other words read right; `moved`: mean distance of joints
    between the two pictures, as a fraction of the width; `overlap`: IoU of the two silhouettes, and pair by pair in
    `overlaps`, for what swapping gains; `others`, the IoU of the first one with that of the new prompt from another
    noise (`strangers`)."""
    before, after = swap_pairs(change, n)
    first, second = swap(draw, before, after, until)
    old, new = read(first), read(second)
    masks = [read_by_colour(pictures).masks for pictures in (first, second)]
    overlaps = iou(*masks)
    rest = [new.labels[key] == np.array([getattr(s, key) for s in after]) for key in CHOICES if key != change]
    return {"obeyed": interval(new.labels[change] == SWAPPED[change][1]), "kept": interval(np.mean(rest, axis=0)),
            "moved": interval(np.linalg.norm(old.keypoints - new.keypoints, axis=-1).mean(1)),
            "overlap": interval(overlaps), "overlaps": overlaps.tolist(),
            "others": interval(iou(masks[0], elsewhere))}
