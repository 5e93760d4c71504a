"""One `load` for every role and scale: embedded weights are checked, others are fetched with a word of warning."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from course_utils.models import lora, lowrank
from course_utils.models.answering import answering
from course_utils.models.devices import keep_memory, mind_the_time, pick_device
from course_utils.models.hub import Source, cached, fetch
from course_utils.models.registry import Entry, entry, weights_name
from course_utils.models.weights import WeightsError, checked, expected, shipped


def load(
    role: str, scale: str | None = None, device: str | torch.device | None = None, condition: str | None = None
) -> Any:
    """The model that plays `role`, ready to use: evaluation mode, frozen, float32 on a CPU.

    An object of the stock class, at every scale: `AutoencoderKL` for `"vae"` (with `config.scaling_factor`),
    `CLIPModel` for `"clip"`, `UNet2DConditionModel` for `"text_to_image"`, `"flow"` and their students,
    `ControlNetModel` for `"controlnet"`. One that is kept as a low-rank difference comes back whole, too.

    Args:
        role: see `registry.roles()`.
        scale: `"critters"` (embedded, the default), or another of `registry.SCALES`; else the environment's
            `COURSE_SCALE`.
        device: `"cpu"`, `"cuda"`, ...; by default a GPU where there is one. The choice is printed.
        condition: of a ControlNet, the map that it reads: `"pose"`, `"edge"` or `"depth"`.

    Raises:
        ValueError: unknown role, scale or condition, with the known ones; a device that is not there.
        WeightsError: embedded weights are damaged, or not in this copy of the course, with the recipe that trains them.
        NoNetworkError: the scale must be fetched, and the hub cannot be reached or has the model no more.
        DownloadError: the disk is full, or what was fetched is damaged.
        StoppedError: a large model on a CPU, and the answer to the question whether to go on was no.
    """
    return ready(entry(role, scale, condition), device)


def ready(chosen: Entry, device: str | torch.device | None = None) -> Any:
    """The model of an entry, as `load` gives it."""
    place = pick_device(device)
    mind_the_time(chosen, place)
    if place.type == "cpu":
        keep_memory()
    dtype = torch.float32 if place.type == "cpu" else getattr(torch, chosen.gpu_dtype)
    model = embedded(chosen, dtype) if chosen.embedded else fetched(chosen, dtype)
    print(f"{chosen.name}: scale {chosen.scale}, on {place}")
    model = model.to(place).eval().requires_grad_(False)
    model.course_scale = chosen.scale  # type: ignore[assignment]
    return model if place.type == "cpu" else answering(model)


def embedded(chosen: Entry, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A model from `weights/<folder>`, each file checked against its hash; float16 on disk, `dtype` in memory."""
    folder = present(chosen)
    if weights_name(chosen) == lowrank.FILE:
        return merged(chosen, folder, dtype)
    with quiet():
        return from_pretrained(chosen, folder, dtype, local_files_only=True)  # else it retries the hub for 25 s


def present(chosen: Entry) -> Path:
    """The folder of an embedded model, checked; if this copy of the course has none, what makes it."""
    if shipped(chosen.folder):
        return checked(chosen.folder)
    module = f"course_utils.train.{chosen.recipe.split()[0]}"
    remedy = f"{chosen.command} trains them" if find_spec(module) else "nor is the recipe that trains them"
    raise WeightsError(f"the weights of {chosen.name} are not in this copy of the course; {remedy}")


def merged(chosen: Entry, folder: Path, dtype: torch.dtype) -> nn.Module:
    """A whole network from its low-rank difference to another one."""
    kind = class_of(chosen)
    with torch.device("meta"):  # nothing is drawn: the caller's random numbers stay as they are
        network = kind.from_config(kind.load_config(folder, local_files_only=True))
    whole = whole_weights(chosen)
    network.load_state_dict({name: value.to(dtype) for name, value in whole.items()}, assign=True)
    return network


def whole_weights(chosen: Entry) -> dict[str, Tensor]:
    """An embedded model's weights, each file on the way to them checked.

    Raises `WeightsError` if a base was trained again since: the difference would be added to foreign weights.
    """
    link, folder = chosen, present(chosen)
    while weights_name(link) == lowrank.FILE:
        base, (_, facts) = entry(link.base, link.scale), lowrank.read(folder / lowrank.FILE)
        folder = present(base)
        if facts.get("base_sha256") != expected()[f"{base.folder}/{weights_name(base)}"]:
            raise WeightsError(f"the weights of {link.name} are a difference to another {base.name} than is here: ship"
                               " them again (python -m course_utils.train.ship), or restore those from the repository")
        link = base
    return lowrank.whole(folder.parent, chosen.folder)


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' progress bar: these files load in a blink, and a notebook would keep the bar."""
    from transformers.utils import logging

    was = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was:
            logging.enable_progress_bar()


def fetched(chosen: Entry, dtype: torch.dtype) -> nn.Module:
    """A model from the hub, or from the hub's cache on this machine; a LoRA comes merged into its base."""
    source = fetch(chosen)
    if chosen.lora:
        return lora.merge(fetched(entry(chosen.base, chosen.scale), dtype), load_file(at(source, weights_name(chosen))))
    half = {"variant": source.variant} if source.variant else {}
    model = from_pretrained(chosen, at(source, "config.json").parent, dtype, local_files_only=True, **half)
    return turned_round(model) if chosen.backwards else model


def at(source: Source, name: str) -> Path:
    """A file that `fetch` has brought. Libraries are given its folder, not the hub's id: so they ask nobody."""
    path = cached(source, name)
    if path is None:
        raise FileNotFoundError(f"{name} of {source.hub} has left the hub's cache while it was being loaded")
    return path


@torch.no_grad()
def turned_round(network: Any) -> Any:
    """A flow that was trained to predict data minus noise, predicting noise minus data: its last layer negated."""
    network.conv_out.weight.neg_()
    network.conv_out.bias.neg_()
    return network


def class_of(chosen: Entry) -> Any:
    """The stock class."""
    return getattr(importlib.import_module(chosen.library), chosen.kind)


def from_pretrained(chosen: Entry, source: str | Path, dtype: torch.dtype, **options: Any) -> nn.Module:
    """The one place that calls a library's loader.

    OpenAI's CLIP is on the hub in PyTorch's older format alone; transformers reads it without running code from it.
    """
    if chosen.library == "diffusers" or chosen.embedded:
        options["use_safetensors"] = True
    return class_of(chosen).from_pretrained(source, **{dtype_keyword(chosen.library): dtype}, **options)


def dtype_keyword(library: str = "diffusers", version: str | None = None) -> str:
    """`dtype`, or `torch_dtype` for diffusers before 0.40, which ignores the new name and silently loads float32."""
    if library != "diffusers":
        return "dtype"
    major, minor = (version or importlib.import_module("diffusers").__version__).split(".")[:2]
    return "dtype" if (int(major), int(minor)) >= (0, 40) else "torch_dtype"
