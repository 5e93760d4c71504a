"""Section 4's sweeps over the shipped ControlNets: how closely pictures follow their maps, and who wins an argument.

Scenes are held out, prompts their plain captions, seeds 0, 1, 2, ..., all else the model's own settings. The value of
every picture is kept: what is asked is a distribution.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from course_utils.critters import CONDITIONS, Scene, caption, render, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.diffusion.generate import TextToImage
from course_utils.measure import critic, lesson
from course_utils.measure.adherence import MEASURES, keypoint_error, keypoint_errors
from course_utils.measure.autoencoder import reconstruct

SCALES = (0.0, 0.5, 1.0, 1.5)
"""Conditioning scales; at 0 it is the base alone."""

Facts = dict[str, Any]


def control_pose(n: int, cache: Any = None) -> Facts:
    """`follows` for skeletons: mean keypoint error of a picture, as a fraction of the width, and that of each joint:
    `joints` `[scales][n][12]`, `joints_reconstructed` `[n][12]`."""
    return follows("pose", n)


def control_edge(n: int, cache: Any = None) -> Facts:
    """`follows` for edges: F1 of contours."""
    return follows("edge", n)


def control_depth(n: int, cache: Any = None) -> Facts:
    """`follows` for depth: mean absolute error, animal and surroundings counted alike."""
    return follows("depth", n)


def follows(condition: str, n: int, scales: Sequence[float] = SCALES, draw: TextToImage | None = None) -> Facts:
    """`values` `[scales][n]` of the condition's measure; `renders` and `reconstructions` `[n]`: its floor on pictures
    that follow their map by construction, fresh and through the autoencoder; `accuracy` `[scales]`, the prompt's own.
    """
    draw = draw or TextToImage.load(scale="critters", device="cpu", condition=condition)
    scenes = sample(n, HELD_OUT_SEED)
    wanted, drawn = asked(condition, scenes), np.stack([render(scene) for scene in scenes])
    measure = MEASURES[condition]
    made = [pictures(draw, condition, scenes, scale) for scale in scales]
    right = [float(np.mean(list(critic.accuracy(critic.read(one), scenes).values()))) for one in made]
    decoded = reconstruct(draw.vae, drawn)
    facts = {"scales": list(scales), "values": [measure(one, wanted).tolist() for one in made], "accuracy": right,
             "renders": measure(drawn, wanted).tolist(), "reconstructions": measure(decoded, wanted).tolist()}
    if condition == "pose":
        facts["joints"] = [keypoint_errors(one, wanted).tolist() for one in made]
        facts["joints_reconstructed"] = keypoint_errors(decoded, wanted).tolist()
    return facts


def asked(condition: str, scenes: Sequence[Scene]) -> np.ndarray:
    """What adherence is measured against: joints `[n, 12, 2]` for poses, else the maps `[n, 128, 128]` themselves."""
    return critic.true_keypoints(scenes) if condition == "pose" else maps(condition, scenes)


def maps(condition: str, scenes: Sequence[Scene]) -> np.ndarray:
    """Control maps of scenes, uint8."""
    return np.stack([CONDITIONS[condition](scene) for scene in scenes])


def pictures(
    draw: TextToImage, condition: str, scenes: Sequence[Scene], scale: float, prompts: Sequence[str] = ()
) -> np.ndarray:
    """One picture for each scene's map, and its caption or another prompt; seeds 0, 1, 2, ..."""
    words = list(prompts) or [caption(scene) for scene in scenes]
    shown = maps(condition, scenes) if lesson.own() else lesson.maps(scenes, draw.side, condition)
    return draw(words, range(len(words)), control_map=shown, conditioning_scale=scale)


def walking(n: int) -> list[Scene]:
    """n held-out animals that walk."""
    return [scene for scene in sample(20 * n, HELD_OUT_SEED) if scene.stance == "walking"][:n]


def contradiction(n: int, cache: Any = None, draw: TextToImage | None = None) -> Facts:
    """The prompt says *sitting*, the skeleton walks: by conditioning scale, each picture's keypoint `error` against the
    skeleton `[scales][n]`, the `stance` that the critic reads, and its probability that it sits, `sits`.
    """
    draw = draw or TextToImage.load(scale="critters", device="cpu", condition="pose")
    scenes = walking(n)
    prompts, joints = [caption(scene.but(stance="sitting")) for scene in scenes], critic.true_keypoints(scenes)
    facts: Facts = {"scales": list(SCALES), "error": [], "stance": [], "sits": []}
    for scale in SCALES:
        made = pictures(draw, "pose", scenes, scale, prompts)
        seen = critic.read(made)
        facts["error"].append(keypoint_error(made, joints).tolist())
        facts["stance"].append(seen.labels["stance"].tolist())
        facts["sits"].append(seen.probabilities["stance"][:, critic.ATTRIBUTES["stance"].index("sitting")].tolist())
    return facts
