r"""A ControlNet trained on a problem so small that a reader can watch: which way does one fox look?

One caption for all and one place; left or right, head and tail are left open, and the skeleton tells. Only the highest
noise levels are trained, since that is where such things are decided. The base is frozen. Beside the ControlNet stands
channel concatenation: the map's features join the latent in front of the U-Net's first convolution, and all of the
U-Net is trained.
"""
from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.models import ControlNetModel
from diffusers.models.attention_processor import AttnProcessor
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.critters import Scene, caption, pose_map, render, sample
from course_utils.critters.dataset import HELD_OUT_SEED, TRAINING_SEED
from course_utils.diffusion import schedule
from course_utils.diffusion.controlled import Controlled
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.maps import from_pictures
from course_utils.diffusion.samplers import ddim, initial_noise
from course_utils.measure import critic
from course_utils.measure.adherence import keypoint_error
from course_utils.models.images import to_tensor

CAPTION = "a fluffy orange fox standing on a green background"
WIDTHS = (16, 24, 32, 64)
"""Channels of the hint encoder, as in the shipped ControlNets."""

SCENES, JUDGED = 64, 10
STEPS, BATCH, LOWEST = 45, 4, 800
NEW_RATE, COPY_RATE, BASE_RATE = 4e-3, 1e-3, 2e-4
"""Learning rates of what begins at zero or anew, of a copy, and of the base itself where it is trained: whatever is
changed there is heard at once. One choice each, none of them tuned."""

SHORT = 6
"""Steps of DDIM, without guidance, for judged pictures: where things are shows by then."""

Latents = Float[Tensor, "n 4 16 16"]
Maps = Float[Tensor, "n 3 128 128"]
Network = Callable[[Maps], Callable[..., Any]]
"""Maps to a denoiser that is called like a U-Net."""


def foxes(n: int, seed: int) -> list[Scene]:
    """n scenes that the caption fits, all at one place and of one size; direction and joints vary."""
    return [scene.but(species="fox", texture="fluffy", coat="orange", background="green", stance="standing", size=0.68,
                      x=0.5, y=0.5) for scene in sample(n, seed)]


@dataclass(frozen=True)
class Problem:
    """Latents and maps to learn from, held-out maps and joints to be judged by, and the one caption's hidden states."""

    latents: Latents
    maps: Maps
    judged: Maps
    joints: Float[np.ndarray, "m 12 2"]
    words: Float[Tensor, "1 24 d"]


@torch.no_grad()
def problem(draw: TextToImage, scenes: int = SCENES, judged: int = JUDGED) -> Problem:
    """The reduced problem, drawn and encoded: a few seconds."""
    known, held_out = foxes(scenes, TRAINING_SEED), foxes(judged, HELD_OUT_SEED)
    x = to_tensor(np.stack([render(scene) for scene in known]))
    z = torch.cat([draw.vae.encode(part).latent_dist.mode() for part in x.split(32)]) * draw.vae.config.scaling_factor
    maps, shown = (from_pictures([pose_map(s) for s in group]) for group in (known, held_out))
    return Problem(z, maps, shown, critic.true_keypoints(held_out), draw.text.read([CAPTION]))


def controlnet(base: Any, seed: int) -> ControlNetModel:
    """A ControlNet that copies the base; its own first layers are drawn with `seed`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        control = ControlNetModel.from_unet(base, conditioning_embedding_out_channels=WIDTHS).requires_grad_(True)
    return plain(control)


def plain(network: Any) -> Any:
    """Attention as two matrix products: faster to train on a CPU, and counted by torch's counter of FLOPs."""
    network.set_attn_processor(AttnProcessor())
    return network


class Beside(nn.Module):
    r"""The first convolution over \([z, h]\), as the sum of two: \(W_z * z + W_h * h\), where \(W_h\) begins at 0.

    `hint` is a hint encoder whose last convolution is \(W_h\); `shown` are the maps it reads.
    """

    def __init__(self, conv_in: nn.Module, hint: nn.Module) -> None:
        super().__init__()
        self.conv_in, self.hint, self.shown = conv_in, hint, torch.empty(0)

    def forward(self, z: Latents) -> Float[Tensor, "n c 16 16"]:
        """Features of latent and map; maps serve again where there are more latents than maps."""
        return self.conv_in(z) + self.hint(self.shown.repeat(len(z) // len(self.shown), 1, 1, 1))


def concatenated(base: Any, seed: int) -> Any:
    """A copy of the base that takes the map as further channels, its hint encoder drawn with `seed`."""
    unet = copy.deepcopy(base).requires_grad_(True)
    unet.conv_in = Beside(unet.conv_in, controlnet(base, seed).controlnet_cond_embedding)
    return plain(unet)


def shown_to(unet: Any) -> Network:
    """`unet` of `concatenated`, as a function of maps."""
    def network(maps: Maps) -> Any:
        unet.conv_in.shown = maps
        return unet
    return network


def optimiser(network: nn.Module) -> torch.optim.Optimizer:
    """Adam with a faster pace for what is new than for what was copied."""
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, parameter in network.named_parameters():
        groups["controlnet_" in name or ".hint." in name].append(parameter)
    old = COPY_RATE if isinstance(network, ControlNetModel) else BASE_RATE
    return torch.optim.Adam([{"params": groups[True], "lr": NEW_RATE}, {"params": groups[False], "lr": old}],
                            betas=(0.9, 0.99))


def training(
    network: Network, trained: nn.Module, given: Problem, seed: int, steps: int = STEPS
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
    z = ddim(lambda z, t: denoiser(z, t, words, return_dict=False)[0], initial_noise(range(len(given.judged))),
             schedule.trailing(SHORT))
    return draw.decode(z)


MARKS = tuple(range(0, STEPS + 1, 15))
"""Steps after which pictures are judged."""

RUNS: dict[str, tuple[int, ...]] = {"ControlNet": (0, 1, 2), "channel concatenation": (0,)}
"""Seeds for each way; few, since a run takes a minute or more on one core."""

def made(way: str, base: Any, seed: int) -> tuple[Network, nn.Module]:
    """A way to bring the map in, and what of it is trained."""
    if way == "channel concatenation":
        unet = concatenated(base, seed)
        return shown_to(unet), unet
    control = controlnet(base, seed)
    return (lambda maps: Controlled(base, control, maps)), control


def control_training(n: int, cache: Any = None, runs: dict[str, tuple[int, ...]] | None = None) -> dict[str, Any]:
    """Every way trained with its seeds: `ways[name]` `[seeds][marks][n]`, keypoint errors of the same n held-out maps.

    `losses` are means between marks, `parameters` how many are trained, `floor` the critic's own error. `without` is
    the critic's accuracy on n other captions with a black map: of the base, and of the first network that was trained
    by concatenation (a ControlNet at conditioning scale 0 *is* the base).
    """
    draw = TextToImage.load(scale="critters", device="cpu")
    base = plain(draw.unet.requires_grad_(False))
    given = problem(draw, judged=n)
    facts: dict[str, Any] = {"marks": list(MARKS), "floor": _floor(n), "ways": {}, "losses": {}, "parameters": {}}
    for way, seeds in (runs or RUNS).items():
        for seed in seeds:
            network, trained = made(way, base, seed)
            errors, losses = followed(draw, network, trained, given, seed)
            facts["ways"].setdefault(way, []).append(errors)
            facts["losses"].setdefault(way, []).append(losses)
            facts["parameters"][way] = sum(p.numel() for p in trained.parameters())
            if way == "channel concatenation" and seed == 0:
                blind = network(torch.zeros_like(given.judged[:1]))
                facts["without"] = {"base": accuracy_without(draw, base, n), way: accuracy_without(draw, blind, n)}
    return facts


def followed(
    draw: TextToImage, network: Network, trained: nn.Module, given: Problem, seed: int
) -> tuple[list[list[float]], list[float]]:
    """Keypoint errors of the judged pictures at every mark, and the mean loss between marks."""
    def judge() -> list[float]:
        return [float(e) for e in keypoint_error(pictures(draw, network, given), given.joints)]

    errors, losses, recent = [judge()], [], []
    for step, loss in enumerate(training(network, trained, given, seed), start=1):
        recent.append(float(loss))
        if step in MARKS:
            errors.append(judge())
            losses.append(float(np.mean(recent)))
            recent = []
    return errors, losses


def accuracy_without(draw: TextToImage, denoiser: Any, n: int) -> float:
    """Mean accuracy over attributes for n held-out captions, drawn by this denoiser at the model's own settings."""
    from dataclasses import replace

    scenes = sample(n, HELD_OUT_SEED)
    drawn = replace(draw, unet=denoiser)([caption(scene) for scene in scenes], range(n))
    return float(np.mean(list(critic.accuracy(critic.read(drawn), scenes).values())))


def _floor(n: int) -> list[float]:
    """The critic's own error on renders of the judged scenes."""
    scenes = foxes(n, HELD_OUT_SEED)
    drawn = np.stack([render(scene) for scene in scenes])
    return [float(e) for e in keypoint_error(drawn, critic.true_keypoints(scenes))]
