"""The critic: a small network that reads a picture's attributes, and so measures what other models keep or make.

It was trained on renders only (`course_utils.train.critic`) and **never enters a loss**. Its own error on fresh
renders, the floor below which no measurement means anything, stands in its card and is printed beside every number
that leans on it.
"""
from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from course_utils.critters import CHOICES, KEYPOINTS, LARGE_ABOVE, SMALL_BELOW, Scene
from course_utils.models.images import to_tensor

ATTRIBUTES: dict[str, tuple[str, ...]] = {name: tuple(values) for name, values in CHOICES.items()}
"""The words that the critic chooses among, attribute by attribute. Size is a number and comes beside them."""

SIZE = 128
"""Pixels a side of the pictures that the critic was trained on; others are resized to it."""


@dataclass(frozen=True)
class Reading:
    """What the critic sees in n pictures.

    Attributes:
        labels: attribute to n words; also `size`: `small`, `large` or, in the middle band, `""`.
        probabilities: attribute to `[n, choices]`, the softmax over `ATTRIBUTES[attribute]`.
        size: `[n]`, height of the animal as a fraction of the picture.
        keypoints: `[n, k, 2]`, (x, y) as fractions of the width, in the order of `critters.KEYPOINTS`.
        features: `[n, 64]`, the layer before the answers, for Fréchet distances.
    """

    labels: dict[str, np.ndarray]
    probabilities: dict[str, np.ndarray]
    size: np.ndarray
    keypoints: np.ndarray
    features: np.ndarray

    def __len__(self) -> int:
        """Number of pictures read."""
        return len(self.size)


class Block(nn.Module):
    """Two 3x3 convolutions and a short cut; halves the resolution first if `stride` is 2."""

    def __init__(self, inward: int, outward: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inward, outward, 3, stride, 1, bias=False), nn.BatchNorm2d(outward))
        self.second = nn.Sequential(nn.Conv2d(outward, outward, 3, 1, 1, bias=False), nn.BatchNorm2d(outward))
        same = inward == outward and stride == 1
        self.short = nn.Identity() if same else nn.Sequential(nn.Conv2d(inward, outward, 1, stride, bias=False),
                                                              nn.BatchNorm2d(outward))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        r"""\(\mathrm{relu}(f(x) + s(x))\) (He et al., Deep Residual Learning, 2016)."""
        return relu(self.second(relu(self.first(x))) + self.short(x))


class Critic(nn.Module):
    """Attributes from pooled features, keypoints as the centre of mass of heat maps of a quarter of the resolution."""

    def __init__(self, widths: Sequence[int] = (24, 48, 80, 112), features: int = 64) -> None:
        super().__init__()
        a, b, c, d = widths
        self.config: dict[str, Any] = {
            "widths": list(widths), "features": features, "attributes": {k: list(v) for k, v in ATTRIBUTES.items()},
            "keypoints": list(KEYPOINTS), "size": SIZE}
        self.stem = nn.Sequential(nn.Conv2d(3, a, 5, 2, 2, bias=False), nn.BatchNorm2d(a), nn.ReLU())
        self.quarter = Block(a, b, 2)
        self.eighth = Block(b, c, 2)
        self.sixteenth = nn.Sequential(Block(c, d, 2), Block(d, d))
        self.down_8 = nn.Conv2d(d, c, 1)
        self.down_4 = nn.Conv2d(c, b, 1)
        self.heat = nn.Sequential(nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
                                  nn.Conv2d(b, len(KEYPOINTS), 1))
        self.neck = nn.Linear(2 * d + c + 2 * len(KEYPOINTS), features)
        self.heads = nn.ModuleDict({name: nn.Linear(features, len(words)) for name, words in ATTRIBUTES.items()})
        self.size = nn.Linear(features, 1)

    def forward(self, x: Float[Tensor, "b 3 128 128"]) -> dict[str, Tensor]:
        """Logits by attribute, `size` `[b]`, `keypoints` `[b, k, 2]`, `features` `[b, 64]`."""
        quarter = self.quarter(self.stem(x))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        merged_8 = relu(eighth + interpolate(self.down_8(sixteenth), scale_factor=2.0))
        merged_4 = relu(quarter + interpolate(self.down_4(merged_8), scale_factor=2.0))
        keypoints = centre_of_mass(self.heat(merged_4))
        pooled = [sixteenth.float().mean((2, 3)), sixteenth.float().amax((2, 3)), eighth.float().mean((2, 3))]
        features = relu(self.neck(torch.cat([*pooled, keypoints.flatten(1)], dim=1))).float()
        answers = {name: head(features).float() for name, head in self.heads.items()}
        return {**answers, "size": self.size(features).float()[:, 0], "keypoints": keypoints, "features": features}


def centre_of_mass(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    r"""Soft-argmax: \(\sum_p p\,\mathrm{softmax}(h)_p\), (x, y) as fractions of the width and height
    (Levine et al., End-to-End Training of Deep Visuomotor Policies, 2016)."""
    height, width = heat.shape[-2:]
    weight = heat.float().flatten(2).softmax(dim=-1).unflatten(2, (height, width))
    x = (torch.arange(width, device=heat.device) + 0.5) / width
    y = (torch.arange(height, device=heat.device) + 0.5) / height
    return torch.stack([(weight.sum(2) * x).sum(-1), (weight.sum(3) * y).sum(-1)], dim=-1)


@functools.lru_cache(maxsize=2)
@torch.inference_mode(False)  # first asked for inside `read`, it must still be fit for gradients
def load_critic(device: str = "cpu") -> Critic:
    """The shipped critic, checked against its hash, in evaluation mode. Raises `WeightsError` if a file is damaged."""
    from course_utils.models.weights import verified

    config = json.loads(verified("critic/config.json").read_text())
    critic = Critic(config["widths"], config["features"])
    if config["attributes"] != critic.config["attributes"] or config["keypoints"] != critic.config["keypoints"]:
        raise ValueError("the shipped critic was trained on other attributes than this package's critters have:"
                         " train it again with python -m course_utils.train.critic")
    weights = load_file(verified("critic/model.safetensors"))
    critic.load_state_dict(weights)  # copies float16 from disk into float32 parameters
    return critic.eval().requires_grad_(False).to(device)


@torch.inference_mode()
def read(pictures: UInt8[np.ndarray, "n h w 3"], critic: Critic | None = None, batch: int = 64) -> Reading:
    """Read the attributes off n pictures (any size; resized to 128x128, on which the critic was trained)."""
    critic = critic or load_critic()
    device = next(critic.parameters()).device
    parts = [_answers(critic, pictures[k:k + batch], device) for k in range(0, len(pictures), batch)]
    if not parts:
        raise ValueError("no pictures to read")
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    labels = {name: np.array(words)[joined[name].argmax(1)] for name, words in ATTRIBUTES.items()}
    return Reading({**labels, "size": size_words(joined["size"])}, {name: joined[name] for name in ATTRIBUTES},
                   joined["size"], joined["keypoints"], joined["features"])


def _answers(critic: Critic, pictures: UInt8[np.ndarray, "n h w 3"], device: torch.device) -> dict[str, np.ndarray]:
    x = to_tensor(pictures).to(device)
    if x.shape[-2:] != (SIZE, SIZE):
        x = interpolate(x, (SIZE, SIZE), mode="bilinear", antialias=True)
    answers = critic(x)
    return {name: (value.softmax(1) if name in ATTRIBUTES else value).cpu().numpy() for name, value in answers.items()}


def size_words(sizes: Float[np.ndarray, " n"]) -> np.ndarray:
    """`small`, `large` or, in the middle band where captions stay silent, the empty string."""
    return np.where(sizes < SMALL_BELOW, "small", np.where(sizes > LARGE_ABOVE, "large", ""))


def accuracy(reading: Reading, scenes: Sequence[Scene]) -> dict[str, float]:
    """Share of pictures read right, attribute by attribute.

    Size counts on the scenes outside the middle band, and is right when the number read lies on the same side of the
    band's middle: a caption that says *large* was not contradicted. Raises `ValueError` for other scenes than
    pictures.
    """
    _paired(reading, scenes)
    right = {name: float(np.mean(reading.labels[name] == np.array([getattr(scene, name) for scene in scenes])))
             for name in ATTRIBUTES}
    said = np.array([s.size_word is not None for s in scenes])
    large = np.array([s.size_word == "large" for s in scenes])
    middle = (SMALL_BELOW + LARGE_ABOVE) / 2
    if said.any():
        right["size"] = float(np.mean(((reading.size > middle) == large)[said]))
    return right


def keypoint_errors(reading: Reading, scenes: Sequence[Scene]) -> Float[np.ndarray, "n k"]:
    """Distance of each keypoint from the truth, as a fraction of the picture's width.

    Raises `ValueError` for other scenes than pictures.
    """
    _paired(reading, scenes)
    return np.linalg.norm(reading.keypoints - true_keypoints(scenes), axis=-1)


def _paired(reading: Reading, scenes: Sequence[Scene]) -> None:
    """One picture for each scene: else numpy would quietly compare each with the same one."""
    if len(reading) != len(scenes):
        raise ValueError(f"the critic read {len(reading)} pictures, and there are {len(scenes)} scenes: give one each")


def true_keypoints(scenes: Sequence[Scene]) -> Float[np.ndarray, "n k 2"]:
    """Where the joints are, (x, y) as fractions of the width, in the order of `critters.KEYPOINTS`."""
    from course_utils.critters import keypoints

    return np.array([list(keypoints(scene, SIZE).values()) for scene in scenes], dtype=np.float32) / SIZE
