r"""Section 2's sweeps: ways between two animals, from dog to fox to cat, and the plane fluffy-scaly by small-large.

A picture's address is its initial noise and the conditioning, the text encoder's hidden states. A way moves the latent
itself (blending) or what the latent is made from. Every value is kept for each pair, so that a notebook can measure
the first few again and compare them with the very same.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from course_utils.critters import SPECIES, Scene, caption, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.interpolation import slerp
from course_utils.diffusion.inversion import invert
from course_utils.diffusion.samplers import ddim
from course_utils.diffusion.schedule import trailing
from course_utils.measure.doubles import ghost_score
from course_utils.measure.frechet import real_features
from course_utils.measure.interpolation import crossing, largest_step, rank_correlation, steady, step_shares, to_nearest
from course_utils.measure.lesson import read
from course_utils.measure.reader import read_by_colour
from course_utils.models import load

TIMES = tuple(k / 8 for k in range(9))
STEPS, CORRECTIONS = 25, 2
"""Of inversion and of the way back; each step of the inversion is corrected twice."""

REAL = 400
"""Renders of `REFERENCE_SEED` among which the nearest real scene is looked for."""

Latents = Float[Tensor, "n 4 16 16"]
States = Float[Tensor, "n 24 d"]
Pictures = UInt8[np.ndarray, "n h w 3"]
Corners = Float[Tensor, "2 2 k d"]
"""`[small or large, fluffy or scaly, tokens, width]`."""
Way = Callable[[Any, Any, float], Any]


@dataclass(frozen=True)
class End:
    """A generated animal with its address: noise and conditioning, each `[1, ...]`, and the latent they lead to."""

    noise: Latents
    states: States
    latent: Latents


def with_size(seed: int = HELD_OUT_SEED) -> list[Scene]:
    """Scenes of 400 whose caption states all seven attributes: one template, so tokens are aligned."""
    return [scene for scene in sample(400, seed) if scene.size_word]


def pairs(n: int) -> list[tuple[Scene, Scene]]:
    """The first n neighbours among `with_size` that differ in species and background."""
    neighbours = [(a, b) for a, b in list(pairwise(with_size()))[::2]
                  if a.species != b.species and a.background != b.background]
    if n > len(neighbours):
        raise ValueError(f"there are {len(neighbours)} pairs, {n} were asked for")
    return neighbours[:n]


def ends(draw: TextToImage, pair: tuple[Scene, Scene], seed: int) -> tuple[End, End]:
    """Both animals of a pair, from the noises of seeds 2 seed and 2 seed + 1."""
    noise, states = draw.noise([2 * seed, 2 * seed + 1]), draw.text.read([caption(scene) for scene in pair])
    z = draw.latents(states, noise)
    first, second = (End(noise[k:k + 1], states[k:k + 1], z[k:k + 1]) for k in (0, 1))
    return first, second


def along(a: Tensor, b: Tensor, way: Way = torch.lerp, times: tuple[float, ...] = TIMES) -> Tensor:
    """The way from a to b, one point for each time."""
    return torch.cat([way(a, b, t) for t in times])


def switched(a: Tensor, b: Tensor, t: float) -> Tensor:
    """a before the middle, b from there on."""
    return a if t < 0.5 else b


def inverted(draw: TextToImage, end: End) -> Latents:
    """The noise that leads to this animal at a guidance scale of 1, found from its latent and its prompt."""
    with torch.inference_mode():
        return invert(draw.predictor(end.states, 1.0), end.latent, trailing(STEPS), corrections=CORRECTIONS)


def from_noise(draw: TextToImage, noise: Latents, states: States) -> Latents:
    """Back again at a guidance scale of 1."""
    with torch.inference_mode():
        return torch.cat([ddim(draw.predictor(c, 1.0), z, trailing(STEPS))
                          for z, c in zip(noise.split(16), states.split(16), strict=True)])


def ways(draw: TextToImage, a: End, b: End, times: tuple[float, ...] = TIMES) -> dict[str, Latents]:
    """Latents along every way from a to b, by name."""
    noise, states = along(a.noise, b.noise, slerp, times), along(a.states, b.states, times=times)
    found = along(inverted(draw, a), inverted(draw, b), slerp, times)
    return {
        "codes, straight": along(a.latent, b.latent, times=times),
        "codes, on the arc": along(a.latent, b.latent, slerp, times),
        "noise": draw.latents(along(a.states, b.states, switched, times), noise),
        "words": draw.latents(states, along(a.noise, b.noise, switched, times)),
        "noise and words": draw.latents(states, noise),
        "inversion": from_noise(draw, found, states),
    }


def unguided(draw: TextToImage, a: End, b: End) -> Pictures:
    """Both prompts, from the noises of both animals, at a guidance scale of 1: what the inversion's way is made of."""
    return draw.decode(from_noise(draw, torch.cat([a.noise, b.noise]), torch.cat([a.states, b.states])))


def judged(pictures: Pictures, real: Float[np.ndarray, "m 64"], species: tuple[str, str]) -> dict[str, list[float]]:
    """Picture by picture: ghost score, distance to the nearest real scene, probability of the second's species."""
    seen, first, second = read(pictures), *(SPECIES.index(name) for name in species)
    p = seen.probabilities["species"]
    return {"ghost": ghost_score(pictures).tolist(), "nearest": to_nearest(seen.features, real).tolist(),
            "first": p[:, first].tolist(), "second": p[:, second].tolist()}


def four_paths(n: int, cache: Any = None) -> dict[str, Any]:
    """Every way between n pairs: `ghost`, `nearest`, `first`, `second` by way, each `[n][9]`, and `jump` `[n]`, the
    largest of the eight steps in latents, as a share of the way; floors of fresh renders.

    Also how far the middle of the straight blend is from the average of the two pictures (`blend_psnr`, in dB), how
    well inversion comes back to where it began (`round_trip`, relative error of the latent), and ghost scores of what
    is drawn of the same prompts and noises without guidance, as inversion's way is (`plain_ghost`, `[n][2]`).
    """
    from course_utils.measure.pictures import psnr

    draw, real = TextToImage.load(), real_features(REAL, cache=cache)
    facts: dict[str, Any] = {"times": list(TIMES), "blend_psnr": [], "round_trip": [], "plain_ghost": [], "ways": {}}
    for seed, pair in enumerate(pairs(n)):
        a, b = ends(draw, pair, seed)
        facts["plain_ghost"].append(ghost_score(unguided(draw, a, b)).tolist())
        for name, z in ways(draw, a, b).items():
            pictures = draw.decode(z)
            for measure, values in judged(pictures, real, (pair[0].species, pair[1].species)).items():
                facts["ways"].setdefault(name, {}).setdefault(measure, []).append(values)
            facts["ways"][name].setdefault("jump", []).append(largest_step(z.numpy()))
            if name == "codes, straight":
                average = np.rint((pictures[0].astype(np.float32) + pictures[-1]) / 2).astype(np.uint8)
                facts["blend_psnr"].append(float(psnr(pictures[len(TIMES) // 2], average)[0]))
            if name == "inversion":
                facts["round_trip"].append(float((z[0] - a.latent[0]).norm() / a.latent.norm()))
    return {**facts, **floors(real)}


def floors(real: Float[np.ndarray, "m 64"]) -> dict[str, Any]:
    """Ghost score of and distance to the nearest of 100 fresh renders, and ghost score of their even blends."""
    from course_utils.critters import render
    from course_utils.measure.doubles import blended

    fresh = np.stack([render(scene) for scene in sample(100, HELD_OUT_SEED)])
    return {"render_ghost": ghost_score(fresh).tolist(),
            "render_nearest": to_nearest(read(fresh).features, real).tolist(),
            "blend_ghost": ghost_score(blended(fresh[:50], fresh[50:])).tolist()}


THREE_TIMES = tuple(k / 8 for k in range(17))
"""From dog (0) over fox (1) to cat (2)."""


def three_states(draw: TextToImage, scene: Scene) -> States:
    """One template, three species; between them the hidden states are interpolated straight, token by token."""
    dog, fox, cat = draw.text.read([caption(scene.but(species=name)) for name in ("dog", "fox", "cat")]).split(1)
    return torch.cat([along(dog, fox), along(fox, cat)[1:]])


def dog_fox_cat(n: int, cache: Any = None) -> dict[str, Any]:
    """The way through three species for n scenes and noises: the critic's and CLIP's opinion, ghosts, jumps.

    `species` and `cosines` `[n][17][3]` (CLIP's with "a dog", "a fox", "a cat"), `ghost` and `nearest` `[n][17]`;
    `jump` `[n][2]`, the largest step's share of each leg in latents, and `crossing` `[n][2]`, the share of a leg in
    which the old species falls from nine tenths to one tenth (first leg) or the new one rises as far (second), by the
    critic and on straight lines between the nine places: of a jump it says no more than a step of an eighth. So the
    largest step is walked again in eight: `closer` `[n][2]` is the largest share of that stretch which one of the
    eight makes, and `closer_species` `[n][2][9]` the critic's probability of the new species at their ends.
    """
    from course_utils.measure.embeddings import picture_embeddings, text_embeddings

    draw, real, clip = TextToImage.load(), real_features(REAL, cache=cache), load("clip")
    texts = text_embeddings(clip, ["a dog", "a fox", "a cat"])
    facts: dict[str, Any] = {"times": list(THREE_TIMES), "species": [], "cosines": [], "ghost": [], "nearest": [],
                             "jump": [], "crossing": [], "closer": [], "closer_species": []}
    for seed, scene in enumerate(with_size()[:n]):
        states, noise = three_states(draw, scene), draw.noise([seed])
        z = draw.latents(states, noise.expand(len(states), -1, -1, -1))
        pictures = draw.decode(z)
        p = read(pictures).probabilities["species"]
        facts["species"].append(p.tolist())
        facts["cosines"].append((picture_embeddings(clip, pictures) @ texts.T).tolist())
        facts["ghost"].append(ghost_score(pictures).tolist())
        facts["nearest"].append(to_nearest(read(pictures).features, real).tolist())
        facts["jump"].append([largest_step(z[:9].numpy()), largest_step(z[8:].numpy())])
        facts["crossing"].append([_crossing(1 - p[:9, 0]), _crossing(p[8:, 2])])
        near = [closer(draw, states[leg], z[leg], noise) for leg in (slice(0, 9), slice(8, 17))]
        facts["closer"].append([largest_step(path.numpy()) for path in near])
        facts["closer_species"].append([read(draw.decode(path)).probabilities["species"][:, new].tolist()
                                        for path, new in zip(near, (1, 2), strict=True)])
    return facts


def closer(draw: TextToImage, states: States, z: Latents, noise: Latents) -> Latents:
    """The largest step of a leg, walked again in eight: nine latents, the first and the last of which are known."""
    k = int(np.argmax(step_shares(z.numpy())))
    between = along(states[k:k + 1], states[k + 1:k + 2])[1:-1]
    return torch.cat([z[k:k + 1], draw.latents(between, noise.expand(len(between), -1, -1, -1)), z[k + 1:k + 2]])


def _crossing(rising: Float[np.ndarray, " 9"]) -> float | None:
    """Share of a leg; nothing where the animal never became the other."""
    try:
        return crossing(TIMES, rising)
    except ValueError:
        return None


PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the cursor, along either side of the plane."""


def corners(draw: TextToImage, scene: Scene) -> Corners:
    """Conditioning of small-fluffy, small-scaly, large-fluffy, large-scaly, the rest as in the scene."""
    states = draw.text.read([caption(scene.but(size=size, texture=texture))
                             for size in (0.55, 0.75) for texture in ("fluffy", "scaly")])
    return states.view(2, 2, *states.shape[1:])


def on_plane(four: Corners, scaly: float, large: float) -> Float[Tensor, "1 k d"]:
    """The conditioning at a place: straight between the corners both ways; `ValueError` outside of the plane."""
    if not (0 <= scaly <= 1 and 0 <= large <= 1):
        raise ValueError(f"the plane reaches from 0 to 1 in both directions, got ({scaly}, {large})")
    small, big = torch.lerp(four[:, 0], four[:, 1], scaly)
    return torch.lerp(small, big, large)[None]


def plane(n: int, cache: Any = None) -> dict[str, Any]:
    """Cursor against reading on n planes: `scaly` (probability), `size` and `area`, each `[n][large][scaly]`.

    `texture_rank` and `size_rank` (Spearman's with the cursor), `texture_steady` and `size_steady` (share of steps in
    the right direction, with a slack of 0.01), `texture_jump` and `size_jump` (largest step's share), mean over rows.
    """
    draw = TextToImage.load()
    facts: dict[str, Any] = {"places": list(PLACES)}
    for seed, scene in enumerate(with_size()[:n]):
        four = corners(draw, scene)
        states = torch.cat([on_plane(four, x, y) for y in PLACES for x in PLACES])
        pictures = draw(states, draw.noise([seed]).expand(len(states), -1, -1, -1))
        for name, value in on_cursor(pictures).items():
            facts.setdefault(name, []).append(value)
    return facts


def on_cursor(pictures: Pictures) -> dict[str, Any]:
    """What `plane` keeps of one plane's 25 pictures, row by row from small to large, each from fluffy to scaly."""
    seen, count = read(pictures), len(PLACES)
    scaly = seen.probabilities["texture"][:, 1].reshape(count, count)
    size, area = seen.size.reshape(count, count), read_by_colour(pictures).area.reshape(count, count)
    x, y = np.tile(PLACES, count), np.repeat(PLACES, count)
    return {"scaly": scaly.tolist(), "size": size.tolist(), "area": area.tolist(),
            "texture_rank": rank_correlation(x, scaly.ravel()), "size_rank": rank_correlation(y, area.ravel()),
            "texture_steady": float(np.mean([steady(row, 0.01) for row in scaly])),
            "size_steady": float(np.mean([steady(column, 0.01) for column in area.T])),
            "texture_jump": float(np.mean([_jump(row) for row in scaly])),
            "size_jump": float(np.mean([_jump(column) for column in area.T]))}


def _jump(path: Float[np.ndarray, " n"]) -> float:
    """The largest step's share; NaN where nothing changes at all, as where a reader sees no animal."""
    return largest_step(path) if np.ptp(path) else float("nan")
