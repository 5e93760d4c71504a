"""Configurations of real models: facts kept as small JSON files, so that shapes and costs need no weights.

Keys that begin with an underscore are ours: `_about`, `_source`, `_published_parameters`, `_differs`; all
others are arguments of the diffusers class that `_class_name` names.
"""

from __future__ import annotations

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
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def on_meta(name: str, **changes: Any) -> nn.Module:
    """The stock diffusers network of configuration `name` on torch's meta device: shapes and no weights.

    `changes` replace arguments, for example `on_meta("sd15-unet", in_channels=3, out_channels=3)` for the
    same network on pixels. Nothing is downloaded or allocated. Raises `KeyError` for an unknown name or
    argument.
    """
    import diffusers  # loading takes seconds, reading a configuration should not

    stored = config(name)
    kind = getattr(diffusers, stored.pop("_class_name"))
    arguments = {key: value for key, value in stored.items() if not key.startswith("_")}
    unknown = sorted(set(changes) - set(signature(kind.__init__).parameters))
    if unknown:
        raise KeyError(f"{kind.__name__} takes no {', '.join(unknown)}")
    with torch.device("meta"):
        return kind(**(arguments | changes)).eval()


def parameters(module: nn.Module) -> int:
    """Count of the numbers that training sets."""
    return sum(parameter.numel() for parameter in module.parameters())
