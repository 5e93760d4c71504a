"""Which model plays which role at which scale: facts only, one line each."""

from __future__ import annotations

import os
from dataclasses import dataclass

SCALES = ("critters", "sd15", "sdxl")
"""`critters` is embedded and runs anywhere; the others are fetched from the Hugging Face hub."""


@dataclass(frozen=True)
class Entry:
    """A model: what it does (`role`), how big a world it comes from (`scale`), where it is, what may be done with it.

    Attributes:
        library, kind: package and class that load it.
        hub: id on the Hugging Face hub; empty for an embedded model, which lies in `weights/<role>`.
        megabytes: size of the weights' file.
        licence: of the weights.
        gpu_dtype: number format on a GPU. `float32` where half precision was never needed or is not safe.
    """

    role: str
    scale: str
    library: str
    kind: str
    hub: str
    megabytes: float
    licence: str
    gpu_dtype: str = "float32"
    note: str = ""

    @property
    def embedded(self) -> bool:
        """Whether the weights ship inside the package."""
        return not self.hub


REGISTRY = (
    Entry("vae", "critters", "diffusers", "AutoencoderKL", "", 5.2, "MIT", note="128x128 pictures, 16x16x4 latents"),
    Entry("vae", "sd15", "diffusers", "AutoencoderKL", "stabilityai/sd-vae-ft-mse", 335, "MIT",
          note="512x512 pictures, 64x64x4 latents"),
    Entry("vae", "sdxl", "diffusers", "AutoencoderKL", "madebyollin/sdxl-vae-fp16-fix", 335, "MIT",
          note="1024x1024 pictures, 128x128x4 latents; the original overflows in float16"),
)


def roles() -> tuple[str, ...]:
    """Known roles, in the order of the registry."""
    return tuple(dict.fromkeys(entry.role for entry in REGISTRY))


def scale_or_default(scale: str | None) -> str:
    """`scale`, else the environment's `COURSE_SCALE`, else `critters`."""
    return scale or os.environ.get("COURSE_SCALE") or "critters"


def entry(role: str, scale: str | None = None) -> Entry:
    """The entry of a role at a scale. Raises `ValueError` that lists what there is."""
    scale = scale_or_default(scale)
    if role not in roles():
        raise ValueError(f"no role called {role!r}; known roles: {', '.join(roles())}")
    if scale not in SCALES:
        raise ValueError(f"no scale called {scale!r}; known scales: {', '.join(SCALES)} (argument or COURSE_SCALE)")
    found = [e for e in REGISTRY if (e.role, e.scale) == (role, scale)]
    if not found:
        have = ", ".join(e.scale for e in REGISTRY if e.role == role)
        raise ValueError(f"the role {role!r} does not exist at scale {scale!r}; it does at: {have}")
    return found[0]
