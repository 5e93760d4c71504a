"""Which models the page computes with: the role, the graph, the inputs and the outputs of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.demos import graphs
from course_utils.models import load
from course_utils.models.tokenizer import LENGTH

BASE = "text_to_image"
"""Whose graph and weights all students share."""


@dataclass(frozen=True)
class Part:
    """A model of the page: the role it comes from, and how its graph is traced.

    Attributes:
        role: whose weights these are.
        module: the graph's, around the model that `load` gives.
        network: the part of the model whose weights it needs.
        inputs, outputs: shapes of its inputs by name (tokens are whole numbers), names of its outputs.
    """

    role: str
    module: Callable[[Any], nn.Module]
    network: Callable[[Any], nn.Module]
    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]


def _same(model: Any) -> nn.Module:
    return model


def _text_side(model: Any) -> nn.Module:
    return getattr(model, "text_model", model)


LATENT, PICTURE, STATES = (1, 4, 16, 16), (1, 3, 128, 128), (1, LENGTH, 96)

PARTS = {
    "text": Part("clip", lambda clip: graphs.Words(_text_side(clip)), _text_side, {"ids": (1, LENGTH)}, ("states",)),
    BASE: Part(BASE, graphs.Denoiser, _same, {"z": LATENT, "t": (1,), "states": STATES}, ("predicted",)),
    "decoder": Part("vae", graphs.Decoder, _same, {"z": LATENT}, ("picture",)),
    "preview": Part("preview", graphs.Decoder, _same, {"z": LATENT}, ("picture",)),
    "encoder": Part("vae", graphs.Encoder, _same, {"picture": PICTURE}, ("z",)),
    "critic": Part("critic", graphs.Reader, _same, {"picture": PICTURE}, graphs.READ),
}
"""Models with a graph and weights of their own."""


def model_of(role: str, condition: str | None = None) -> Any:
    """The shipped model, on the CPU."""
    if role == "critic":
        from course_utils.measure.critic import load_critic

        return load_critic("cpu")
    return load(role, "critters", "cpu", condition)


def example(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Inputs to trace a graph with, and to compare it by: tokens, a timestep, a scale, or normal numbers."""
    source = torch.Generator().manual_seed(0)
    fixed = {"t": 499.0, "scale": 0.8}
    return {name: torch.randint(653, shape, generator=source) if name == "ids"
            else torch.full(shape, fixed[name]) if name in fixed else torch.randn(shape, generator=source)
            for name, shape in shapes.items()}  # fmt: skip
