"""One `load` for every role and scale: embedded weights are checked, others are fetched with a word of warning."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from torch import nn

from course_utils.models.registry import Entry, entry
from course_utils.models.weights import verified

LARGE = 100
"""Megabytes from which a model is announced before it is fetched, and a CPU is warned about."""

_warned: set[str] = set()


class NoNetworkError(ConnectionError):
    """A scale must be fetched and cannot be; the embedded one can be used instead."""


def load(role: str, scale: str | None = None, device: str | torch.device | None = None) -> Any:
    """The model that plays `role`, ready to use: evaluation mode, frozen, float32 on a CPU.

    Args:
        role: see `registry.roles()`; so far `"vae"`, an `AutoencoderKL` with `config.scaling_factor`.
        scale: `"critters"` (embedded, the default), `"sd15"`, `"sdxl"`; else the environment's `COURSE_SCALE`.
        device: `"cpu"`, `"cuda"`, ...; by default a GPU where there is one. The choice is printed.

    Raises:
        ValueError: unknown role or scale, with the known ones; a device that is not there.
        WeightsError: embedded weights are missing or damaged.
        NoNetworkError: the scale must be fetched and the hub cannot be reached.
    """
    chosen, place = entry(role, scale), pick_device(device)
    warn_if_slow(chosen, place)
    dtype = torch.float32 if place.type == "cpu" else getattr(torch, chosen.gpu_dtype)
    model = embedded(chosen, dtype) if chosen.embedded else fetched(chosen, dtype)
    print(f"{chosen.role}: scale {chosen.scale}, on {place}")
    return model.to(place).eval().requires_grad_(False)


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """The device asked for, or a GPU where there is one, or the CPU."""
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if place.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' was asked for, and PyTorch sees no GPU: leave device out, or say device='cpu'"
                         " (on Colab: Runtime, Change runtime type, T4 GPU)")
    return place


def warn_if_slow(chosen: Entry, place: torch.device) -> None:
    """Once per scale, say that a large model on a CPU takes its time."""
    if place.type == "cpu" and chosen.megabytes >= LARGE and chosen.scale not in _warned:
        _warned.add(chosen.scale)
        warnings.warn(f"scale {chosen.scale!r} runs on the CPU here: expect minutes where a GPU takes seconds;"
                      " 'critters' is made for a CPU", stacklevel=3)


def embedded(chosen: Entry, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A model from `weights/<role>`, each file checked against its hash; float16 on disk, `dtype` in memory."""
    folder = verified(f"{chosen.role}/config.json").parent
    verified(f"{chosen.role}/{weights_name(chosen)}")
    return from_pretrained(chosen, folder, dtype, local_files_only=True)  # else a missing file retries the hub for 25 s


def fetched(chosen: Entry, dtype: torch.dtype) -> nn.Module:
    """A model from the hub, or from the hub's cache on this machine."""
    here = is_cached(chosen)
    if not here:
        announce(chosen)
        reach(chosen)
    return from_pretrained(chosen, chosen.hub, dtype, local_files_only=here)


def weights_name(chosen: Entry) -> str:
    """The file that holds the weights, by the library's custom."""
    return "diffusion_pytorch_model.safetensors" if chosen.library == "diffusers" else "model.safetensors"


def from_pretrained(chosen: Entry, source: str | Path, dtype: torch.dtype, **options: Any) -> nn.Module:
    """The one place that calls a library's loader."""
    kind = getattr(importlib.import_module(chosen.library), chosen.kind)
    return kind.from_pretrained(source, use_safetensors=True, **{dtype_keyword(chosen.library): dtype}, **options)


def dtype_keyword(library: str = "diffusers", version: str | None = None) -> str:
    """`dtype`, or `torch_dtype` for diffusers before 0.40, which ignores the new name and silently loads float32."""
    if library != "diffusers":
        return "dtype"
    major, minor = (version or importlib.import_module("diffusers").__version__).split(".")[:2]
    return "dtype" if (int(major), int(minor)) >= (0, 40) else "torch_dtype"


def is_cached(chosen: Entry) -> bool:
    """Whether the hub's cache on this machine holds configuration and weights."""
    from huggingface_hub import try_to_load_from_cache

    files = ("config.json", weights_name(chosen))
    return all(isinstance(try_to_load_from_cache(chosen.hub, name), str) for name in files)


def announce(chosen: Entry) -> None:
    """Before anything is fetched: what, how much, where it will be kept."""
    from huggingface_hub.constants import HF_HUB_CACHE

    print(f"fetching {chosen.hub} ({chosen.megabytes:.0f} MB, {chosen.licence}), kept in {HF_HUB_CACHE}")


def reach(chosen: Entry, seconds: float = 10.0) -> None:
    """Ask the hub for the configuration once, so that a missing network is told in a line and at once.

    The hub's own client retries for 25 s. Proxies and another endpoint are honoured as it does.
    """
    from huggingface_hub import constants

    remedy = f"'critters' needs none: load({chosen.role!r}, scale='critters'), or unset COURSE_SCALE"
    try:
        if constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set")
        address = f"{constants.ENDPOINT}/{chosen.hub}/resolve/main/config.json"
        urlopen(Request(address, method="HEAD"), timeout=seconds).close()
    except HTTPError as error:
        raise NoNetworkError(f"the hub answers {error.code} for {chosen.hub}: it is gone, or asks for a log-in;"
                             f" {remedy}") from None
    except OSError as error:
        raise NoNetworkError(f"scale {chosen.scale!r} needs a network to fetch {chosen.hub}"
                             f" ({getattr(error, 'reason', error)}); {remedy}") from None
