"""Section 4: a skeleton and an edge map at once, each by its own ControlNet, trained apart and added up.

Scenes are held out, prompts their plain captions, seeds 0, 1, 2, ... Every picture's value is kept.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from course_utils.critters import Scene, caption, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.diffusion.controlled import Controlled
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.maps import prepared
from course_utils.diffusion.samplers import denoise, stock_scheduler, with_guidance
from course_utils.measure import critic
from course_utils.measure.adherence import edge_f1, keypoint_error
from course_utils.measure.sweeps.control import maps
from course_utils.models import load

CONDITIONS = ("pose", "edge")
PULLS: dict[str, tuple[float, float]] = {
    "neither": (0, 0), "the skeleton alone": (1, 0), "the edges alone": (0, 1), "both": (1, 1),
    "both, at half strength": (0.5, 0.5)}
"""Conditioning scales of skeleton and edges."""

Steering = Sequence[tuple[Callable[..., Any], UInt8[np.ndarray, "n h w"], float]]
Facts = dict[str, Any]


def steered(
    draw: TextToImage, prompts: Sequence[str], seeds: Sequence[int], controls: Steering
) -> UInt8[np.ndarray, "n h w 3"]:
    """Pictures of prompts, one seed each, under any number of ControlNets: each with its maps and its scale."""
    network: Callable[..., Any] = draw.unet
    for control, shown, scale in controls:
        if scale:
            ready = prepared(shown, len(prompts), draw.side).to(draw.place, draw.unet.dtype)
            network = Controlled(network, control, ready, scale)
    states, noise = draw.text.read([*prompts, ""]), draw.noise(seeds).to(draw.place)
    words, nothing = states[:-1], states[-1:].expand_as(states[:-1])
    with torch.inference_mode():
        predict = with_guidance(network, words, nothing, draw.guidance)
        return draw.decode(denoise(predict, stock_scheduler(draw.sampler, draw.steps), noise))


def two_controls(
    n: int, cache: Any = None, pulls: Mapping[str, tuple[float, float]] = PULLS, draw: TextToImage | None = None
) -> Facts:
    """`rows`: for each pair of conditioning scales what `measured` says, both maps and the caption a scene's own.

    `quarrels`: the edges are the next scene's, both at full strength; once with the caption of the scene whose
    `skeleton` is shown, once with that of the scene whose `edges` are, since a caption takes sides. `apart`: how far
    the joints of the two scenes are from each other, mean over joints, as a fraction of the width."""
    draw, scenes = draw or TextToImage.load(scale="critters", device="cpu"), sample(n, HELD_OUT_SEED)
    others = [*scenes[1:], scenes[0]]
    nets = [load("controlnet", "critters", "cpu", condition) for condition in CONDITIONS]
    rows = [{"name": name, **measured(draw, nets, scenes, scenes, scenes, pull)} for name, pull in pulls.items()]
    quarrels = {side: measured(draw, nets, scenes, others, told, PULLS["both"])
                for side, told in (("skeleton", scenes), ("edges", others))}
    between = critic.true_keypoints(scenes) - critic.true_keypoints(others)
    return {"rows": rows, "quarrels": quarrels, "apart": np.linalg.norm(between, axis=-1).mean(axis=1).tolist()}


def measured(
    draw: TextToImage, nets: Sequence[Callable[..., Any]], scenes: Sequence[Scene], edges_of: Sequence[Scene],
    told: Sequence[Scene], pull: tuple[float, float],
) -> Facts:
    """One picture a scene, `[n]` each: mean error of the `joints`, as a fraction of the width, and `theirs`, the same
    against the joints of the scene whose edges were shown; F1 of the `edges`; `accuracy`, what the captions of `told`
    say and the critic reads."""
    shown = maps("pose", scenes), maps("edge", edges_of)
    prompts, seeds = [caption(scene) for scene in told], range(len(scenes))
    parts = [slice(k, k + draw.batch) for k in range(0, len(scenes), draw.batch)]
    made = np.concatenate([
        steered(draw, prompts[k], seeds[k], [(net, one[k], s) for net, one, s in zip(nets, shown, pull, strict=True)])
        for k in parts])
    right = critic.accuracy(critic.read(made), told)
    joints, theirs = (keypoint_error(made, critic.true_keypoints(one)).tolist() for one in (scenes, edges_of))
    return {"joints": joints, "theirs": theirs, "edges": edge_f1(made, shown[1]).tolist(),
            "accuracy": float(np.mean(list(right.values())))}
