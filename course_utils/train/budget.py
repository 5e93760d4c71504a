"""What every model weighs and took to train: the budget, planned from the networks, then measured from what ships."""
from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_utils.measure.critic import Critic
from course_utils.measure.dense import DenseHead
from course_utils.models.configs import parameters
from course_utils.models.weights import FOLDER
from course_utils.train import clip, controlnet, pixel_text_to_image, preview, text_to_image, vae
from course_utils.train.card_text import table as markdown
from course_utils.train.stages import STAGES, Stage

LIMIT = 50
"""Megabytes that all weights together, the browser's included, may weigh."""


def _text_width() -> int:
    settings: Any = clip.network().config
    return int(settings.text_config.hidden_size)


def _denoiser() -> nn.Module:
    return text_to_image.network(_text_width())


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "critic": Critic, "dense": DenseHead, "vae": vae.network, "clip": clip.network, "preview": preview.network,
    "pixel_text_to_image": lambda: pixel_text_to_image.network(_text_width()),
    "controlnet": lambda: controlnet.network(text_to_image.network(_text_width())),
}
"""By recipe; all others train the denoiser of `text_to_image`."""


@functools.cache
def count(recipe: str) -> int:
    """Parameters of the network that a recipe trains."""
    with torch.device("meta"):
        return parameters(NETWORKS.get(recipe, _denoiser)())


def shipped_megabytes(one: Stage, weights: Path = FOLDER) -> float | None:
    """Megabytes of what ships, whole or as a low-rank difference; None if nothing does."""
    files = list((weights / one.name).glob("*.safetensors"))
    return sum(file.stat().st_size for file in files) / 1e6 if files else None


def training(one: Stage, weights: Path = FOLDER) -> tuple[str, str]:
    """Steps, and minutes with the device, as the shipped weights' `recipe.json` has them."""
    file = weights / one.name / "recipe.json"
    if not file.is_file():
        return "", ""
    told = json.loads(file.read_text())
    return f"{told['steps']:,}", f"{60 * told['hours']:.0f} on {told['device']}"


def row(one: Stage, weights: Path = FOLDER) -> tuple[str, ...]:
    """A line of the table."""
    n, ships = count(one.recipe), shipped_megabytes(one, weights)
    return one.name, f"{n:,}", f"{2 * n / 1e6:.2f}", "" if ships is None else f"{ships:.2f}", *training(one, weights)


def table(stages: Iterable[Stage] = STAGES, weights: Path = FOLDER) -> str:
    """The budget as a Markdown table, with the sums below."""
    stages = tuple(stages)
    whole = sum(2 * count(one.recipe) / 1e6 for one in stages)
    ships = sum(shipped_megabytes(one, weights) or 0.0 for one in stages)
    head = ("training", "parameters", "MB, float16", "MB, shipped", "steps", "minutes")
    rows = [row(one, weights) for one in stages] + [("together", "", f"{whole:.2f}", f"{ships:.2f}", "", "")]
    return f"{markdown(head, rows)}\n\nAll weights, those of the browser included, may weigh {LIMIT} MB.\n"
