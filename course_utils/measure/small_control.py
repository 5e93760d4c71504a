r"""Control learnt on a problem so small that a reader can watch: which way does one fox look?

One caption for all and one place; left or right, head and tail are left open, and the skeleton tells. Only the highest
noise levels are trained, since that is where such things are decided. Ways to bring the map in: `map_routes`.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.critters import Scene, render, sample
from course_utils.critters.dataset import HELD_OUT_SEED, TRAINING_SEED
from course_utils.diffusion import schedule
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.maps import from_pictures
from course_utils.diffusion.samplers import ddim
from course_utils.measure import critic, lesson
from course_utils.measure.map_routes import Maps, Network, optimiser

CAPTION = "a fluffy orange fox standing on a green background"
SCENES, JUDGED = 64, 10
BATCH, LOWEST = 4, 800
SHORT = 6
"""Steps of DDIM, without guidance, for judged pictures: where things are shows by then."""

Latents = Float[Tensor, "n 4 16 16"]


def foxes(n: int, seed: int) -> list[Scene]:
    """n scenes that the caption fits, all at one place and of one size; direction and joints vary."""
    return [scene.but(species="fox", texture="fluffy", coat="orange", background="green", stance="standing", size=0.68,
                      x=0.5, y=0.5) for scene in sample(n, seed)]


def mirrored(scenes: Iterable[Scene]) -> list[Scene]:
    """The same scenes, the animals looking the other way."""
    other = {"left": "right", "right": "left"}
    return [scene.but(facing=other[scene.facing]) for scene in scenes]


@dataclass(frozen=True)
class Problem:
    """Latents and maps to learn from, held-out maps and joints to be judged by (as asked for, and `mirrored`, of the
    same fox looking the other way), and the one caption's hidden states."""

    latents: Latents
    maps: Maps
    judged: Maps
    joints: Float[np.ndarray, "m 12 2"]
    mirrored: Float[np.ndarray, "m 12 2"]
    words: Float[Tensor, "1 24 d"]


@torch.no_grad()
def problem(draw: TextToImage, scenes: int = SCENES, judged: int = JUDGED) -> Problem:
    """The reduced problem, drawn and encoded: a few seconds."""
    known, held_out = foxes(scenes, TRAINING_SEED), foxes(judged, HELD_OUT_SEED)
    z = draw.encode(np.stack([render(scene) for scene in known]))
    maps, shown = (from_pictures(lesson.maps(group, draw.side)) for group in (known, held_out))
    right, wrong = (critic.true_keypoints(group) for group in (held_out, mirrored(held_out)))
    return Problem(z, maps, shown, right, wrong, draw.text.read([CAPTION]))


def training(
    network: Network, trained: nn.Module, given: Problem, seed: int, steps: int
) -> Iterator[Float[Tensor, ""]]:
    """Train `trained`, one step whenever the next loss is asked for; scenes, times and noise are drawn with `seed`."""
    adam, rng = optimiser(trained), torch.Generator().manual_seed(seed)
    for _ in range(steps):
        loss = denoising_loss(network, given, rng)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        adam.step()
        yield loss.detach()


def denoising_loss(network: Network, given: Problem, rng: torch.Generator) -> Float[Tensor, ""]:
    r"""\(\lVert\hat\epsilon - \epsilon\rVert^2\), mean over a batch of scenes at timesteps of `LOWEST` and above."""
    chosen = torch.randint(len(given.latents), (BATCH,), generator=rng)
    t = torch.randint(LOWEST, schedule.STEPS, (BATCH,), generator=rng)
    epsilon = torch.randn(BATCH, *given.latents.shape[1:], generator=rng)
    noised = schedule.noise(given.latents[chosen], epsilon, t)
    predicted = network(given.maps[chosen])(noised, t, given.words.expand(BATCH, -1, -1), return_dict=False)[0]
    return (predicted - epsilon).square().mean()


@torch.no_grad()
def pictures(draw: TextToImage, network: Network, given: Problem) -> np.ndarray:
    """One picture for each held-out map, seeds 0, 1, 2, ..., uint8 `[m, 128, 128, 3]`."""
    words = given.words.expand(len(given.judged), -1, -1)
    denoiser = network(given.judged)
    z = ddim(lambda z, t: denoiser(z, t, words, return_dict=False)[0], draw.noise(range(len(given.judged))),
             schedule.trailing(SHORT))
    return draw.decode(z)
