"""Models by role and scale, through one call.

>>> from course_utils.models import load
>>> vae = load("vae")                  # embedded, runs anywhere
>>> vae = load("vae", scale="sd15")    # Stable Diffusion's, fetched from the hub
"""

from __future__ import annotations

from course_utils.models.hub import NoNetworkError
from course_utils.models.images import to_array, to_tensor
from course_utils.models.loading import load
from course_utils.models.registry import REGISTRY, SCALES, Entry, roles
from course_utils.models.weights import WeightsError, card, verified

__all__ = [
    "REGISTRY", "SCALES", "Entry", "NoNetworkError", "WeightsError", "card", "load", "roles", "to_array", "to_tensor",
    "verified",
]  # fmt: skip
