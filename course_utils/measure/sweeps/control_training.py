"""Claims C14, C16 and C27 on section 4's small problem: ways to bring a map in, equal compute, several seeds."""
from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_utils.critters import render
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.diffusion.generate import TextToImage
from course_utils.measure import critic, small_control
from course_utils.measure.adherence import keypoint_error
from course_utils.measure.map_routes import GAUSSIAN, WAYS, Network, made, plain
from course_utils.measure.small_control import Problem

STEPS = 240
"""Training steps of the ControlNet; the others get as many as its FLOPs buy them."""

SHARES = tuple(k / 8 for k in range(9))
"""Shares of the training after which pictures are judged."""

SEEDS = (0, 1, 2)


def control_training(n: int, cache: Any = None, ways: Sequence[str] = WAYS) -> dict[str, Any]:
    """Every way trained with each of `SEEDS`, and what its pictures of the same n held-out maps are.

    Returns `shares` of the training; `ways[name]`: `errors` `[seeds][shares][n]` (keypoint error, share of the width),
    `mirrored`, the same against the joints of the fox that looks the other way (smaller where it was drawn so),
    `losses` `[seeds][shares - 1]` (means between), `steps`, `gigaflops` a step, `parameters` trained; `floor`: the
    critic's own error on the true pictures.
    """
    draw = TextToImage.load(scale="critters", device="cpu")
    base, facts = plain(draw.unet.requires_grad_(False)), {}
    given = small_control.problem(draw, judged=n)
    budget = STEPS * flops(base, WAYS[0], given)
    for way in ways:
        cost = flops(base, way, given)
        runs = [run(draw, way, base, given, seed, round(budget / cost)) for seed in SEEDS]
        errors, wrong, losses = (list(each) for each in zip(*runs, strict=True))
        facts[way] = {"errors": errors, "mirrored": wrong, "losses": losses, "steps": round(budget / cost),
                      "gigaflops": cost / 1e9, "parameters": count(made(way, base, 0)[1])}
    return {"shares": list(SHARES), "seeds": list(SEEDS), "ways": facts, "floor": floor(n)}


def gaussian_exits(n: int, cache: Any = None) -> dict[str, Any]:
    """Claim C14's other side: can training repair exits that did not begin at zero? `control_training` of these."""
    return control_training(n, cache, (GAUSSIAN,))


def flops(base: Any, way: str, given: Problem) -> int:
    """Floating point operations of one training step, forwards and backwards."""
    network, trained = made(way, base, 0)
    with FlopCounterMode(display=False) as counter:
        next(small_control.training(network, trained, given, seed=0, steps=1))
    return int(counter.get_total_flops())


def count(trained: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in trained.parameters() if p.requires_grad)


def run(
    draw: TextToImage, way: str, base: Any, given: Problem, seed: int, steps: int
) -> tuple[list[list[float]], list[list[float]], list[float]]:
    """One training: `judged` pictures at every share of it, and the mean loss between."""
    network, trained = made(way, base, seed)
    marks = [round(share * steps) for share in SHARES]
    losses = small_control.training(network, trained, given, seed, steps)
    looks, means = [judged(draw, network, given)], []
    for a, b in itertools.pairwise(marks):
        means.append(float(np.mean([float(loss) for loss in itertools.islice(losses, b - a)])))
        looks.append(judged(draw, network, given))
    errors, wrong = (list(each) for each in zip(*looks, strict=True))
    return errors, wrong, means


def judged(draw: TextToImage, network: Network, given: Problem) -> tuple[list[float], list[float]]:
    """Keypoint errors of the judged pictures, against the joints that were asked for and against their mirror image."""
    made = small_control.pictures(draw, network, given)
    right, wrong = (keypoint_error(made, joints).tolist() for joints in (given.joints, given.mirrored))
    return right, wrong


def floor(n: int) -> list[float]:
    """The critic's own error on renders of the judged scenes."""
    scenes = small_control.foxes(n, HELD_OUT_SEED)
    return [float(e) for e in keypoint_error(np.stack([render(s) for s in scenes]), critic.true_keypoints(scenes))]
