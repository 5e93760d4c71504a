"""Configurations of real models: facts kept as small JSON files, so that shapes and costs need no weights.

Keys that begin with an underscore are ours: `_about`, `_source`, `_published_parameters` (rounded where it was
published so), `_differs`, and `_like`, which names the configuration that holds what this one leaves out; all others
are arguments of the class that `_class_name` names, of diffusers unless `_library` says otherwise.
"""

from __future__ import annotations

import importlib
import json
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import nn

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Names of the stored configurations, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def config(name: str) -> dict[str, Any]:
    """The stored configuration `name`, its notes included (`_about`, `_source`, ...). A fresh dictionary each time.

    Raises `KeyError` that lists the known names.
    """
    if name not in names():
        raise KeyError(f"no configuration called {name!r}; there are {', '.join(names())}")
    stored = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return {**config(stored["_like"]), **stored} if "_like" in stored else stored


def on_meta(name: str, **changes: Any) -> nn.Module:
    """The stock network of configuration `name` on torch's meta device: shapes and no weights.

    `changes` replace arguments, for example `on_meta("sd15-unet", in_channels=3, out_channels=3)` for the
    same network on pixels. Nothing is downloaded or allocated. Raises `KeyError` for an unknown name or
    argument.
    """
    stored = config(name)
    library = importlib.import_module(stored.pop("_library", "diffusers"))  # takes seconds, reading should not
    kind = getattr(library, stored.pop("_class_name"))
    arguments = {key: value for key, value in stored.items() if not key.startswith("_")}
    if library.__name__ == "transformers":
        return _of_transformers(kind, arguments | changes)
    unknown = sorted(set(changes) - set(signature(kind.__init__).parameters))
    if unknown:
        raise KeyError(f"{kind.__name__} takes no {', '.join(unknown)}")
    with torch.device("meta"):
        return kind(**(arguments | changes)).eval()


def _of_transformers(kind: Any, settings: dict[str, Any]) -> nn.Module:
    with torch.device("meta"):
        return kind(kind.config_class(**settings)).eval()


def parameters(module: nn.Module) -> int:
    """Count of the numbers that training sets."""
    return sum(parameter.numel() for parameter in module.parameters())
