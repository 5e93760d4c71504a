"""From the shipped weights to the files that the page's models are made of: `python -m course_utils.demos export`.

Readers build the book without torch, so the files are committed; a test fails when the weights have moved on. What is
in step already is left alone. `models.json` says what there is, what it was made from and what it weighs.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from course_utils.critters import render, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.demos import graphs, packing
from course_utils.models import load, lowrank
from course_utils.models.registry import entry, weights_name
from course_utils.models.tokenizer import LENGTH, build
from course_utils.models.weights import FOLDER as SHIPPED
from course_utils.models.weights import expected, shipped, verified

FOLDER = Path(__file__).resolve().parents[2] / "book" / "web" / "models"
INDEX, TOKENIZER, SCENES = "models.json", "tokenizer.json", "scenes.png"
BASE = "text_to_image"


@dataclass(frozen=True)
class Part:
    """A model of the page: the role it comes from, and how its graph is traced.

    Attributes:
        role: whose weights these are.
        module: the graph's, around the model that `load` gives.
        network: the part of the model whose weights it needs.
        inputs, outputs: shapes of its inputs by name (tokens are whole numbers), names of its outputs.
        convolutions_from: numbers from which a convolution is kept in 8 bits. A sampler asks a denoiser many times, and
            its errors add up; the others are asked once.
    """

    role: str
    module: Callable[[Any], nn.Module]
    network: Callable[[Any], nn.Module]
    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]
    convolutions_from: int = packing.SMALL


def _same(model: Any) -> nn.Module:
    return model


def _text_side(model: Any) -> nn.Module:
    return getattr(model, "text_model", model)


LATENT, PICTURE, STATES = (1, 4, 16, 16), (1, 3, 128, 128), (1, LENGTH, 96)

PARTS = {
    "text": Part("clip", lambda clip: graphs.Words(_text_side(clip)), _text_side, {"ids": (1, LENGTH)}, ("states",)),
    BASE: Part(BASE, graphs.Denoiser, _same, {"z": LATENT, "t": (1,), "states": STATES}, ("predicted",),
               convolutions_from=140_000),
    "decoder": Part("vae", graphs.Decoder, _same, {"z": LATENT}, ("picture",)),
    "preview": Part("preview", graphs.Decoder, _same, {"z": LATENT}, ("picture",)),
    "encoder": Part("vae", graphs.Encoder, _same, {"picture": PICTURE}, ("z",)),
    "critic": Part("critic", graphs.Reader, _same, {"picture": PICTURE}, graphs.READ),
}
"""Models with a graph of their own."""


STUDENTS = ("lcm",)
"""Roles that the page uses where they are, and that share the base's graph."""


def students() -> list[str]:
    """Those whose weights are shipped, as a difference to the base's own."""
    return [name for name in STUDENTS if shipped(name) and weights_name(entry(name, "critters")) == lowrank.FILE]


def exportable() -> list[str]:
    """What can be exported from this copy of the course."""
    return [name for name, part in PARTS.items() if shipped(part.role)] + students()


def sources(name: str) -> dict[str, str]:
    """The hashes of the weights that a model of the page is made from."""
    roles = [PARTS[name].role] if name in PARTS else [BASE, name]
    return {path: value for path, value in expected().items()
            if path.split("/")[0] in roles and path.endswith(".safetensors")}  # fmt: skip


def model_of(role: str) -> Any:
    """The shipped model, on the CPU."""
    if role == "critic":
        from course_utils.measure.critic import load_critic

        return load_critic("cpu")
    return load(role, "critters", "cpu")


def example(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Inputs to trace a graph with, and to compare it by: tokens, a timestep, or normal numbers."""
    source = torch.Generator().manual_seed(0)
    return {name: torch.randint(653, shape, generator=source) if name == "ids"
            else torch.full(shape, 499.0) if name == "t" else torch.randn(shape, generator=source)
            for name, shape in shapes.items()}  # fmt: skip


def export_part(name: str, folder: Path) -> dict[str, Any]:
    """Write graph and weights of a model, and return its entry in the index."""
    part, graph, weights = PARTS[name], f"{name}.onnx.gz", f"{name}.safetensors.gz"
    model = model_of(part.role)
    traced = graphs.traced(part.module(model), example(part.inputs), part.outputs)
    slots, tensors = graphs.detached(traced, part.network(model).state_dict())
    packing.compress(folder / graph, traced.SerializeToString(deterministic=True))
    packing.write(folder / weights, packing.packed(tensors, part.convolutions_from), slots)
    return {"graph": graph, "weights": [weights], "parameters": sum(value.size for value in tensors.values()),
            "inputs": {key: list(shape) for key, shape in part.inputs.items()}, "outputs": list(part.outputs)}


def export_student(name: str, folder: Path) -> dict[str, Any]:
    """Write a student's difference to the base, whose graph and weights it shares."""
    kept, _ = lowrank.read(verified(f"{name}/{lowrank.FILE}"))
    weights = f"{name}.safetensors.gz"
    packing.write(folder / weights, packing.packed({key: value.float().numpy() for key, value in kept.items()}))
    shared = index(folder)[BASE]
    return {**shared, "weights": [*shared["weights"], weights]}


def index(folder: Path = FOLDER) -> dict[str, Any]:
    """What there is, by name; empty before the first export."""
    file = folder / INDEX
    return dict(json.loads(file.read_text())) if file.exists() else {}


def in_step(name: str, found: dict[str, Any]) -> bool:
    """Whether a model's files come from the weights that this copy of the course holds."""
    return found.get(name, {}).get("made_from") == sources(name)


def export(folder: Path = FOLDER, again: bool = False) -> Iterator[str]:
    """Write what is missing or out of step (with `again`, everything), and yield what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in exportable():
        found = index(folder)
        if in_step(name, found) and not again:
            continue
        facts = export_part(name, folder) if name in PARTS else export_student(name, folder)
        found[name] = {**facts, "use": usage(name), "made_from": sources(name)}
        found = {known: found[known] for known in exportable() if known in found}
        for file in [found[name]["graph"], *found[name]["weights"]]:
            found[name].setdefault("bytes", {})[file] = (folder / file).stat().st_size
        (folder / INDEX).write_text(json.dumps(found, indent=1) + "\n")
        yield name
    write_tokenizer(folder)
    write_scenes(folder)


def usage(name: str) -> dict[str, Any]:
    """With which sampler, steps and guidance scale a denoiser is used."""
    role = PARTS[name].role if name in PARTS else name
    if role == "critic" or not entry(role, "critters").objective:
        return {}
    chosen = entry(role, "critters")
    return {"sampler": chosen.sampler, "steps": chosen.steps, "guidance": chosen.guidance}


def write_tokenizer(folder: Path) -> None:
    """Vocabulary in the order of its indices, merges in the order of their ranks."""
    words = build()
    vocabulary = sorted(words.get_vocab(), key=words.get_vocab().__getitem__)
    merges = json.loads((SHIPPED / "clip" / "tokenizer.json").read_text())["model"]["merges"]
    content = {"length": LENGTH, "vocabulary": vocabulary, "merges": merges}
    (folder / TOKENIZER).write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_scenes(folder: Path) -> None:
    """Six held-out scenes side by side, which the zip file begins with."""
    pictures = [render(scene) for scene in sample(6, HELD_OUT_SEED)]
    Image.fromarray(np.hstack(pictures)).save(folder / SCENES, optimize=True)
