"""Which model plays which role at which scale: facts only, one line each."""

from __future__ import annotations

import os
from typing import Any

from course_utils.models import lowrank
from course_utils.models.entries import Entry
from course_utils.models.published import PUBLISHED
from course_utils.models.weights import recorded, shipped

__all__ = ["REGISTRY", "SCALES", "Entry", "available", "entry", "roles", "scale_or_default", "weights_name"]

SCALES = ("critters", "sd15", "sdxl", "sana", "z-image")
"""`critters` is embedded and runs anywhere; the others are fetched from the Hugging Face hub."""


def _ours(role: str, kind: str, recipe: str, library: str = "diffusers", **facts: Any) -> Entry:
    return Entry(role, "critters", library, kind, recipe=recipe, **facts)


def _denoiser(role: str, recipe: str, sampler: str, steps: int, guidance: float = 1.0, **facts: Any) -> Entry:
    """A U-Net of the course's own, with its sampler, the steps it takes and its guidance scale."""
    objective = "flow" if "flow" in sampler else "v" if "pixels" in sampler else "epsilon"
    return _ours(role, "UNet2DConditionModel", recipe, objective=objective, sampler=sampler, steps=steps,
                 guidance=guidance, **facts)


def _controlnet(condition: str) -> Entry:
    return _ours("controlnet", "ControlNetModel", f"controlnet --condition {condition}", condition=condition,
                 base="text_to_image", objective="epsilon", sampler="ddim", steps=25, guidance=3.0)


EMBEDDED = (
    _ours("vae", "AutoencoderKL", "vae", note="128x128 pictures, 16x16x4 latents"),
    _ours("clip", "CLIPModel", "clip", "transformers", note="its text side is what every denoiser here reads"),
    _denoiser("text_to_image", "text_to_image", "ddim", 25, 3.0),
    _denoiser("text_to_image_nodropout", "text_to_image --dropout 0 --scale 1", "ddim", 25, 1.0, base="text_to_image"),
    _denoiser("pixel_text_to_image", "pixel_text_to_image", "ddim_pixels", 25, 3.0,
              note="no autoencoder: it denoises pixels"),
    _controlnet("pose"), _controlnet("edge"), _controlnet("depth"),
    _denoiser("flow", "text_to_image --objective flow", "euler_flow", 25, 3.0, base="text_to_image"),
    _denoiser("reflow", "reflow", "euler_flow", 8, base="flow"),
    _denoiser("lcm", "lcm", "lcm", 4, base="text_to_image"),
    _denoiser("dmd", "dmd", "lcm", 4, base="text_to_image"),
    _denoiser("adversarial", "adversarial", "lcm", 4, base="text_to_image"),
    _denoiser("flow_consistency", "lcm --objective flow", "lcm_flow", 4, base="flow"),
    _ours("preview", "AutoencoderTiny", "preview", note="decodes what the autoencoder encodes, faster"),
)

REGISTRY = (*EMBEDDED, *PUBLISHED)


def roles() -> tuple[str, ...]:
    """Known roles, in the order of the registry; `available` are those whose weights exist."""
    return tuple(dict.fromkeys(entry.role for entry in REGISTRY))


def available() -> tuple[Entry, ...]:
    """What `load` can give: embedded models that this copy of the course holds, and those on the hub."""
    return tuple(entry for entry in REGISTRY if not entry.embedded or shipped(entry.folder))


def weights_name(chosen: Entry) -> str:
    """The file that holds an entry's weights: by the library's custom, or the difference to a base."""
    if chosen.embedded and f"{chosen.folder}/{lowrank.FILE}" in recorded(chosen.folder):
        return lowrank.FILE
    if chosen.lora:
        return "pytorch_lora_weights.safetensors"
    return lowrank.LIBRARY if chosen.library == "diffusers" else "model.safetensors"


def scale_or_default(scale: str | None) -> str:
    """`scale`, else the environment's `COURSE_SCALE`, else `critters`."""
    return scale or os.environ.get("COURSE_SCALE") or "critters"


def entry(role: str, scale: str | None = None, condition: str | None = None) -> Entry:
    """The entry of a role at a scale, and for a condition. Raises `ValueError` that lists what there is."""
    scale = scale_or_default(scale)
    if role not in roles():
        known = ", ".join(dict.fromkeys(e.role for e in available()))
        raise ValueError(f"no role called {role!r}; known roles: {known}")
    if scale not in SCALES:
        raise ValueError(f"no scale called {scale!r}; known scales: {', '.join(SCALES)} (argument or COURSE_SCALE)")
    found = [e for e in REGISTRY if (e.role, e.scale) == (role, scale)]
    if not found:
        have = ", ".join(dict.fromkeys(e.scale for e in REGISTRY if e.role == role))
        raise ValueError(f"the role {role!r} does not exist at scale {scale!r}; it does at: {have}")
    return _for_condition(found, condition)


def _for_condition(found: list[Entry], condition: str | None) -> Entry:
    role, conditions = found[0].role, [e.condition for e in found]
    if conditions == [""] and condition:
        raise ValueError(f"the role {role!r} takes no condition, got {condition!r}: leave it out")
    if (condition or "") not in conditions:
        lacks = f"has no condition called {condition!r}" if condition else "needs a condition"
        raise ValueError(f"the role {role!r} {lacks}; known conditions: {', '.join(conditions)}")
    return found[conditions.index(condition or "")]
