r"""Two animals at once: ghosts that shine through one another, and animals that stand side by side.

The critic finds a joint as the centre of mass of a heat map. Where there is one nose, the heat lies in one spot; where
there are two, it is shared, and its spread is half their distance. So the spread of the joints with sharp heat maps is
the **ghost score**: it needs no threshold to be drawn along a path, and with one it says "two animals at once".

It asks nothing about species or coat. A clean animal halfway between a fox and a cat is no ghost, and two animals in
one and the same pose are none either. It minds exaggerated colours: see `rates`.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from course_utils.critters import KEYPOINTS, Scene, mask, render, sample
from course_utils.measure.critic import SIZE, Critic, load_critic, read
from course_utils.measure.reader import read_by_colour

Pictures = UInt8[np.ndarray, "n h w 3"]

SHARP = ("nose", "front_paw_near", "front_paw_far", "rear_paw_near", "rear_paw_far", "tail_mid", "tail_tip")
"""Joints that are seen themselves. The others lie within the body, and their heat is wide on every picture."""

TWO_FROM = 0.045
"""Ghost score from which a picture counts as two animals: one render in a hundred is above (`threshold` finds it).

Of pictures that a model made of one animal many more are, for their joints are less sharp: the share among a model's
own single animals belongs beside every share above it.
"""


def heat_spread(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k"]:
    r"""\(\sqrt{\sum_p w_p\,|p-\bar p|^2}\) of \(w=\mathrm{softmax}(\text{heat})\), as a fraction of the width.

    0 for a single spot, half their distance for two equal ones.
    """
    height, width = heat.shape[-2:]
    weight = heat.float().flatten(2).softmax(-1).unflatten(2, (height, width))
    return (_variance(weight.sum(2), width) + _variance(weight.sum(3), width)).clamp(min=0).sqrt()


def _variance(weight: Float[Tensor, "b k m"], width: int) -> Float[Tensor, "b k"]:
    place = torch.arange(weight.shape[-1], device=weight.device) / width
    centre = (weight * place).sum(-1, keepdim=True)
    return (weight * (place - centre).square()).sum(-1)


def joint_spreads(pictures: Pictures, critic: Critic | None = None) -> Float[np.ndarray, "n k"]:
    """`heat_spread` of every joint, in the order of `critters.KEYPOINTS`."""
    critic = critic or load_critic()
    caught: list[Tensor] = []

    def catch(layer: nn.Module, inputs: tuple[Tensor, ...], heat: Tensor) -> None:
        caught.append(heat_spread(heat).cpu())

    hook = critic.heat.register_forward_hook(catch)
    try:
        read(pictures, critic)
    finally:
        hook.remove()
    return torch.cat(caught).numpy()


def ghost_score(pictures: Pictures, critic: Critic | None = None) -> Float[np.ndarray, " n"]:
    r"""Geometric mean over the `SHARP` joints of their spread, \(\exp\overline{\ln s}\), as a fraction of the width.

    About 0.034 on renders and 0.1 on even blends of two. The geometric mean lets one confused paw count for little.
    """
    spreads = joint_spreads(pictures, critic)[:, [KEYPOINTS.index(name) for name in SHARP]]
    return np.exp(np.log(spreads.clip(min=1e-6)).mean(1))


def two_animals(pictures: Pictures, critic: Critic | None = None) -> Bool[np.ndarray, " n"]:
    """Whether a picture shows two animals at once: a ghost score above `TWO_FROM`."""
    return ghost_score(pictures, critic) > TWO_FROM


def separate_animals(pictures: Pictures) -> Bool[np.ndarray, " n"]:
    """The independent reader's second opinion: two pieces that are neither wall nor floor. It sees no overlap."""
    return read_by_colour(pictures).animals >= 2


def report(pictures: Pictures) -> dict[str, float]:
    """`n`, the mean ghost score, the share of `two_animals`, and of `separate_animals` beside it."""
    scores = ghost_score(pictures)
    return {"n": len(pictures), "ghost_score": float(scores.mean()), "two_animals": float((scores > TWO_FROM).mean()),
            "separate_animals": float(separate_animals(pictures).mean())}


def threshold(renders: Pictures, false_positives: float = 0.01) -> float:
    """The ghost score that this share of renders exceeds; for `TWO_FROM` thousands of them, after any new critic."""
    return float(np.quantile(ghost_score(renders), 1 - false_positives))


def rates(n: int, seed: int) -> dict[str, float]:
    """How often `two_animals` is wrong on renders and right on two animals made of two renders.

    Args:
        n: renders; as many blends; and of as many pasted pairs those in which neither animal hides the other.
        seed: of the scenes.

    Returns:
        `n`, `false_positives` (renders), `blends` (even ones), `faint_blends` (35 to 65), `pasted`, `n_pasted`, and
        `false_positives_vivid`: renders with 1.4 times the contrast, clipped, as a large guidance scale makes them.
    """
    scenes = sample(2 * n, seed)
    first, second = (np.stack([render(s, SIZE) for s in part]) for part in (scenes[:n], scenes[n:]))
    pairs = [pasted(a, b) for a, b in zip(scenes[:n], scenes[n:], strict=True)]
    together = [picture for picture, seen in pairs if seen >= 0.4]
    kinds = {"false_positives": first, "blends": blended(first, second), "faint_blends": blended(first, second, 0.35),
             "pasted": np.stack(together), "false_positives_vivid": vivid(first)}
    shares = {name: float(two_animals(pictures).mean()) for name, pictures in kinds.items()}
    return {"n": n, "n_pasted": len(together), **shares}


def blended(pictures: Pictures, others: Pictures, share: float = 0.5) -> Pictures:
    """Pixel by pixel, `share` of the others stirred in: true ghosts."""
    return np.rint((1 - share) * pictures.astype(np.float32) + share * others).astype(np.uint8)


def vivid(pictures: Pictures, factor: float = 1.4) -> Pictures:
    """Every number driven away from middle gray by `factor`, and clipped."""
    return np.rint((pictures.astype(np.float32) - 127.5) * factor + 127.5).clip(0, 255).astype(np.uint8)


def pasted(behind: Scene, before: Scene) -> tuple[UInt8[np.ndarray, "h w 3"], float]:
    """One animal pasted before another, in the other's room; and the share of the one behind that is still seen."""
    before = before.but(background=behind.background)
    covers, covered = (mask(scene, SIZE).astype(np.float32)[..., None] / 255 for scene in (before, behind))
    picture = covers * render(before, SIZE) + (1 - covers) * render(behind, SIZE)
    return np.rint(picture).astype(np.uint8), float(((1 - covers) * covered).sum() / covered.sum())

