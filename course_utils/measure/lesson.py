"""What a lesson's cells take from the scale, so that the same lines run at every one.

In the course's own world every truth is known: the critic reads attributes and joints, skeletons are followed, and a
cell measures again what a sweep has kept. What Stable Diffusion paints nobody has drawn: there CLIP reads the
attributes (`zero_shot`), the control is an edge map by Canny and so is the measure (`canny`), and nothing is compared
with stored measurements, for they are the course's own models'.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from course_utils.critters import CONDITIONS, Scene, render
from course_utils.measure import critic
from course_utils.measure.adherence import keypoint_errors
from course_utils.measure.canny import canny, edge_distances
from course_utils.models.registry import scale_or_default

Pictures = UInt8[np.ndarray, "n h w 3"]
Maps = UInt8[np.ndarray, "n h w"] | UInt8[np.ndarray, "n h w 3"]

OWN = "critters"
NOTE = (
    "**At the scale {scale}** prompts, seeds and steps are the same, and sizes are the model's. What only a drawn world"
    " knows is read by published means: attributes by CLIP, zero-shot; control by edge maps and Canny's filter. Joints"
    " and silhouettes of painted pictures cannot be read, so numbers about them mean nothing here. Whatever was stored"
    " was measured on the course's own models, and verdicts that lean on it are verdicts on those."
)


def own(scale: str | None = None) -> bool:
    """Whether a scale (by default `COURSE_SCALE`) is the course's own world, where all is known."""
    return scale_or_default(scale) == OWN


def note() -> Any:
    """What is different at this scale, as Markdown; nothing at the course's own."""
    from IPython.display import Markdown

    return None if own() else Markdown(NOTE.format(scale=scale_or_default(None)))


def read(pictures: Pictures) -> critic.Reading:
    """Attributes of generated pictures: by the critic, or, at another scale, by its CLIP."""
    if own():
        return critic.read(pictures)
    from course_utils.measure.zero_shot import read_zero_shot

    return read_zero_shot(pictures)


def condition() -> str:
    """The control that section 4 follows: skeletons, or, where no published ControlNet knows a critter's, edges."""
    return "pose" if own() else "edge"


def twin() -> str:
    """The role of the model whose cross-attention never read an empty caption. Nobody published one: elsewhere the
    model itself."""
    return "text_to_image_nodropout" if own() else "text_to_image"


def maps(scenes: Sequence[Scene], side: int = 128, kind: str = "") -> Maps:
    """The maps of a control (by default of `condition()`), `side` pixels: drawn by the world, edges of another scale,
    as for any picture, from renders by Canny."""
    kind = kind or condition()
    if kind == "edge" and not own():
        return canny(np.stack([render(scene, side) for scene in scenes]))
    return np.stack([CONDITIONS[kind](scene, side) for scene in scenes])


def distances(pictures: Pictures, scenes: Sequence[Scene]) -> Float[np.ndarray, "n 12"]:
    """How far twelve points of each picture lie from where the map has them, as fractions of the width: its joints by
    the critic (`adherence.keypoint_errors`), or edge pixels by Canny (`canny.edge_distances`)."""
    if own():
        return keypoint_errors(pictures, critic.true_keypoints(scenes))
    wanted = canny(np.stack([render(scene, pictures.shape[1]) for scene in scenes]))
    return edge_distances(pictures, wanted)


def agree(again: Any, kept: Any, within: float, what: str = "") -> None:
    """Raise `AssertionError` if what was measured again is further than `within` from what a sweep kept, on average.

    At another scale than the sweep's own there is nothing to compare, and nothing is.
    """
    if own():
        apart = float(np.abs(np.asarray(again, float) - np.asarray(kept, float)).mean())
        assert apart <= within, f"{what or 'measured again'}: {apart:.3g} apart, {within:.3g} allowed"


def close(ours: Tensor, theirs: Tensor, rtol: float = 1e-4, atol: float = 1e-4) -> None:
    """Raise `AssertionError` unless two answers of networks agree: to rounding in float32, a hundred times as far apart
    where a network computes in half precision, as published ones do on a GPU."""
    slack = 1 if own() or not torch.cuda.is_available() else 100
    torch.testing.assert_close(ours.cpu().float(), theirs.cpu().float(), rtol=slack * rtol, atol=slack * atol)
