"""Which model plays which role at which scale: facts only, one line each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from course_utils.models import lowrank
from course_utils.models.weights import recorded, shipped

SCALES = ("critters", "sd15", "sdxl")
"""`critters` is embedded and runs anywhere; the others are fetched from the Hugging Face hub."""


@dataclass(frozen=True)
class Entry:
    """A model: what it does (`role`), how big a world it comes from (`scale`), where it is, what may be done with it.

    Attributes:
        library, kind: package and class that load it.
        hub: id on the Hugging Face hub; empty for an embedded model, which lies in `weights/<folder>`.
        megabytes: size of what is fetched; that of an embedded model is its file's.
        licence: of the weights.
        gpu_dtype: number format on a GPU. `float32` where half precision was never needed or is not safe.
        subfolder: where it lies in the hub's repository.
        condition: of a ControlNet, the map that it is shown.
        base: role to which an embedded model may be shipped as a low-rank difference.
        recipe: module of `course_utils.train` and options that train an embedded model.
        objective: what a denoiser predicts, "epsilon" (the noise) or "flow" (the velocity).
        guidance, steps, sampler: with which it is used unless one says otherwise: its own best guidance scale
            (1, which costs one evaluation a step, for students), and a name of `models.schedulers`.
    """

    role: str
    scale: str
    library: str
    kind: str
    hub: str = ""
    megabytes: float = 0.0
    licence: str = "MIT"
    gpu_dtype: str = "float32"
    note: str = ""
    subfolder: str = ""
    condition: str = ""
    base: str = ""
    recipe: str = ""
    objective: str = ""
    guidance: float = 1.0
    steps: int = 0
    sampler: str = ""

    @property
    def embedded(self) -> bool:
        """Whether the weights ship inside the package."""
        return not self.hub

    @property
    def folder(self) -> str:
        """The folder inside `weights`: the role, and the condition behind it."""
        return f"{self.role}_{self.condition}" if self.condition else self.role

    @property
    def name(self) -> str:
        """What people are told: the role, and which part or condition of it."""
        part = self.condition or self.subfolder
        return f"{self.role} ({part})" if part else self.role

    @property
    def command(self) -> str:
        """The command that trains an embedded model."""
        return f"python -m course_utils.train.{self.recipe} --out runs/{self.folder}"


def _ours(role: str, kind: str, recipe: str, library: str = "diffusers", **facts: Any) -> Entry:
    return Entry(role, "critters", library, kind, recipe=recipe, **facts)


def _denoiser(role: str, recipe: str, sampler: str, steps: int, guidance: float = 1.0, **facts: Any) -> Entry:
    """A U-Net of the course's own, with its sampler, the steps it takes and its guidance scale."""
    objective = "flow" if "flow" in sampler else "epsilon"
    return _ours(role, "UNet2DConditionModel", recipe, objective=objective, sampler=sampler, steps=steps,
                 guidance=guidance, **facts)


def _controlnet(condition: str) -> Entry:
    return _ours("controlnet", "ControlNetModel", f"controlnet --condition {condition}", condition=condition,
                 base="text_to_image", objective="epsilon", sampler="ddim", steps=25, guidance=3.0)


def _hub(role: str, scale: str, kind: str, hub: str, megabytes: float, licence: str, **facts: Any) -> Entry:
    return Entry(role, scale, facts.pop("library", "diffusers"), kind, hub, megabytes, licence, **facts)


_OPENRAIL = "CreativeML Open RAIL-M"
_SD15 = {"objective": "epsilon", "sampler": "dpmpp", "steps": 25, "guidance": 7.5, "gpu_dtype": "float16"}

REGISTRY = (
    _ours("vae", "AutoencoderKL", "vae", note="128x128 pictures, 16x16x4 latents"),
    _hub("vae", "sd15", "AutoencoderKL", "stabilityai/sd-vae-ft-mse", 335, "MIT",
         note="512x512 pictures, 64x64x4 latents"),
    _hub("vae", "sdxl", "AutoencoderKL", "madebyollin/sdxl-vae-fp16-fix", 335, "MIT",
         note="1024x1024 pictures, 128x128x4 latents; the original overflows in float16"),
    _ours("clip", "CLIPModel", "clip", "transformers", note="its text side is what every denoiser here reads"),
    _hub("clip", "sd15", "CLIPModel", "openai/clip-vit-base-patch32", 605, "MIT", library="transformers",
         gpu_dtype="float16", note="for comparisons; Stable Diffusion reads a larger one, see text.load_text"),
    _denoiser("text_to_image", "text_to_image", "ddim", 25, 3.0),
    _hub("text_to_image", "sd15", "UNet2DConditionModel", "stable-diffusion-v1-5/stable-diffusion-v1-5", 3438,
         _OPENRAIL, subfolder="unet", **_SD15),
    _denoiser("text_to_image_nodropout", "text_to_image --dropout 0 --scale 1", "ddim", 25, 1.0, base="text_to_image"),
    _denoiser("pixel_text_to_image", "pixel_text_to_image", "ddim", 25, 3.0, note="no autoencoder: it denoises pixels"),
    _controlnet("pose"), _controlnet("edge"), _controlnet("depth"),
    _hub("controlnet", "sd15", "ControlNetModel", "lllyasviel/control_v11p_sd15_openpose", 1445, _OPENRAIL,
         condition="pose", **_SD15),
    _hub("controlnet", "sd15", "ControlNetModel", "lllyasviel/control_v11p_sd15_canny", 1445, _OPENRAIL,
         condition="edge", note="edges by Canny", **_SD15),
    _hub("controlnet", "sd15", "ControlNetModel", "lllyasviel/control_v11f1p_sd15_depth", 1445, _OPENRAIL,
         condition="depth", **_SD15),
    _denoiser("flow", "text_to_image --objective flow", "euler_flow", 25, 3.0),
    _denoiser("reflow", "reflow", "euler_flow", 8, base="flow"),
    _denoiser("lcm", "lcm", "lcm", 4, base="text_to_image"),
    _denoiser("dmd", "dmd", "lcm", 4, base="text_to_image"),
    _denoiser("adversarial", "adversarial", "lcm", 4, base="text_to_image"),
    _denoiser("flow_consistency", "lcm --objective flow", "lcm_flow", 4, base="flow"),
    _ours("preview", "AutoencoderTiny", "preview", note="decodes what the autoencoder encodes, faster"),
    _hub("preview", "sd15", "AutoencoderTiny", "madebyollin/taesd", 10, "MIT", gpu_dtype="float16"),
)


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
    return "diffusion_pytorch_model.safetensors" if chosen.library == "diffusers" else "model.safetensors"


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
