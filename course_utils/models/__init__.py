"""Models by role and scale, through one call.

>>> from course_utils.models import load
>>> vae = load("vae")                  # embedded, runs anywhere
>>> vae = load("vae", scale="sd15")    # Stable Diffusion's, fetched from the hub
>>> pose = load("controlnet", condition="pose")
"""

from __future__ import annotations

from typing import Any

from course_utils.models.devices import StoppedError
from course_utils.models.export import export
from course_utils.models.hub import DownloadError, NoNetworkError
from course_utils.models.images import to_array, to_tensor
from course_utils.models.loading import load
from course_utils.models.registry import REGISTRY, SCALES, Entry, available, roles
from course_utils.models.weights import WeightsError, card, verified

__all__ = [
    "REGISTRY", "SCALES", "DownloadError", "Entry", "NoNetworkError", "StoppedError", "TextEncoder", "WeightsError",
    "available", "card", "export", "load", "load_text", "roles", "to_array", "to_tensor", "verified",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """`TextEncoder` and `load_text` when they are asked for: transformers takes its time to import."""
    if name in ("TextEncoder", "load_text"):
        from course_utils.models import text

        return getattr(text, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
