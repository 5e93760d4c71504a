"""What a picture needs of a GPU's memory at each published scale, computed from configurations on torch's meta device.

    python -m course_utils.measure budget            # writes budgets.json, which the book's page shows

A sum of three: the weights that are on the GPU, in the number format that is used there; the peak of the activations
(see `measure.cost`) of one denoising step, conditional and unconditional together, or of decoding; and `ALLOWANCE` for
what cannot be computed from a configuration. Three settings are compared: all parts on the GPU, decoding in tiles
besides, and the parts taking turns besides. Nothing here was measured on a GPU.
"""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.measure.cost import activation_bytes, denoiser_inputs
from course_utils.models.configs import on_meta
from course_utils.models.entries import Entry
from course_utils.models.registry import entry

FILE = Path(__file__).parent / "budgets.json"
ALLOWANCE = 0.7e9
"""Bytes for CUDA's context, the libraries' workspaces and the allocator's rounding: assumed, not computed."""
CARDS = {"T4, 15 GB": 15e9, "8 GB": 8e9}
SETTINGS = ("all on the GPU", "decoding in tiles", "parts take turns")
GEMMA_TOKENS = 300


@dataclass(frozen=True)
class Case:
    """One way of making a picture: a role at a scale, the notebooks that use it, the picture's side in pixels."""

    role: str
    scale: str
    sections: str
    side: int
    condition: str = ""


CASES = (
    Case("text_to_image", "sd15", "2, 3", 512),
    Case("controlnet", "sd15", "4", 512, "edge"),
    Case("lcm", "sd15", "5", 512),
    Case("reflow", "sd15", "5", 512),
    Case("inpainting", "sd15", "6", 512),
    Case("instruct", "sd15", "6", 512),
    Case("text_to_image", "sdxl", "3", 1024),
    Case("adversarial", "sdxl", "5", 512),
    Case("flow", "sana", "5", 512),
    Case("flow_consistency", "sana", "5", 1024),
)


class Pair(nn.Module):
    """A ControlNet and its U-Net in one step: what the first hands to the second is alive all the while."""

    def __init__(self, unet: nn.Module, control: nn.Module) -> None:
        super().__init__()
        self.unet, self.control = unet, control

    def forward(self, controlnet_cond: Tensor, **inputs: Any) -> Tensor:
        """The controlled prediction."""
        down, mid = self.control(**inputs, controlnet_cond=controlnet_cond, return_dict=False)
        return self.unet(**inputs, down_block_additional_residuals=down, mid_block_additional_residual=mid).sample


def dtype(chosen: Entry) -> torch.dtype:
    """An entry's number format on a GPU."""
    return getattr(torch, chosen.gpu_dtype)


def in_format(network: nn.Module, chosen: Entry) -> Any:
    """A network in an entry's number format (diffusers' own `to` warns of what does not matter here)."""
    return nn.Module.to(network, dtype(chosen))


def step_bytes(case: Case) -> int:
    """Peak activations of one denoising step for one picture; with guidance two passes go together."""
    chosen = entry(case.role, case.scale, case.condition or None)
    batch = 2 if chosen.guidance > 1 and case.role != "flow_consistency" else 1
    if case.role == "controlnet":
        pair = in_format(Pair(on_meta("sd15-unet"), on_meta(chosen.config)), chosen)
        inputs = denoiser_inputs(pair.unet, case.side // 8, case.side // 8, batch)
        hint = torch.empty(batch, 3, case.side, case.side, dtype=dtype(chosen), device="meta")
        return activation_bytes(pair, controlnet_cond=hint, **inputs)
    network = in_format(on_meta("sd15-unet" if chosen.lora else chosen.config), chosen)
    if case.scale == "sana":
        return activation_bytes(network, attention="own", **transformer_inputs(network, case.side // 32, batch))
    return activation_bytes(network, **denoiser_inputs(network, case.side // 8, case.side // 8, batch))


def transformer_inputs(network: Any, side: int, batch: int) -> dict[str, Any]:
    """Named inputs of SANA's transformer on the meta device."""
    known: dict[str, Any] = {"dtype": next(network.parameters()).dtype, "device": "meta"}
    inputs = {"hidden_states": torch.empty(batch, network.config.in_channels, side, side, **known),
              "encoder_hidden_states": torch.empty(batch, GEMMA_TOKENS, network.config.caption_channels, **known),
              "timestep": torch.empty(batch, **known)}  # fmt: skip
    return inputs | ({"guidance": torch.empty(batch, **known)} if network.config.guidance_embeds else {})


@cache
def decode_bytes(scale: str, side: int) -> int:
    """Peak activations of decoding one picture of that side."""
    chosen = entry("vae", scale)
    vae: Any = in_format(on_meta(chosen.config), chosen)
    stages = getattr(vae.config, "encoder_block_out_channels", None) or vae.config.block_out_channels
    small = side // 2 ** (len(stages) - 1)
    latent = torch.empty(1, vae.config.latent_channels, small, small, dtype=dtype(chosen), device="meta")
    return activation_bytes(vae.decode, latent, attention="own" if scale == "sana" else "fused")


def weights_bytes(case: Case) -> dict[str, float]:
    """Bytes of the parts: text encoders, denoiser (with what stands beside it), autoencoder."""
    chosen = entry(case.role, case.scale, case.condition or None)
    denoiser = chosen.gpu_megabytes
    if case.role == "controlnet":
        denoiser += entry("text_to_image", case.scale).gpu_megabytes
    if chosen.lora:  # merged into its base
        denoiser = entry(chosen.base, case.scale).gpu_megabytes
    text = entry("text_encoder", case.scale).gpu_megabytes + (SECOND_TEXT * 2 / 1e6 if case.scale == "sdxl" else 0)
    return {"text": text * 1e6, "denoiser": denoiser * 1e6, "vae": entry("vae", case.scale).gpu_megabytes * 1e6}


SECOND_TEXT = 694_659_840
"""Parameters of SDXL's second text encoder, the text side of OpenCLIP ViT-bigG/14 with its projection."""


def peaks(weights: dict[str, float], step: float, decode: float, tile: float) -> dict[str, float]:
    """Bytes at the peak under each of `SETTINGS`."""
    resident = sum(weights.values())
    turns = max(weights["text"], weights["denoiser"] + step, weights["vae"] + tile)
    values = (resident + max(step, decode), resident + max(step, tile), turns)
    return {name: value + ALLOWANCE for name, value in zip(SETTINGS, values, strict=True)}


def verdicts(found: dict[str, float]) -> dict[str, str]:
    """For each card, the mildest setting that fits."""
    return {card: next((name for name, peak in found.items() if peak <= room), "does not fit")
            for card, room in CARDS.items()}  # fmt: skip


def row(case: Case) -> dict[str, Any]:
    """A case's numbers, in MB, and what fits where."""
    weights, step = weights_bytes(case), step_bytes(case)
    decode, tile = decode_bytes(case.scale, case.side), decode_bytes(case.scale, case.side // 2)
    found = peaks(weights, step, decode, tile)
    chosen = entry(case.role, case.scale, case.condition or None)
    return {"scale": case.scale, "role": case.role, "sections": case.sections, "side": case.side,
            "formats": f"{chosen.gpu_dtype}, decoder {entry('vae', case.scale).gpu_dtype}",
            "weights": rounded(weights), "step": round(step / 1e6), "decode": round(decode / 1e6),
            "decode_tile": round(tile / 1e6), "peaks": rounded(found), "fits": verdicts(found)}  # fmt: skip


def rounded(values: dict[str, float]) -> dict[str, int]:
    """Whole megabytes."""
    return {name: round(value / 1e6) for name, value in values.items()}


def main(argv: Sequence[str]) -> None:
    """Compute every row and write them."""
    rows = [row(case) for case in CASES]
    written = {"allowance": round(ALLOWANCE / 1e6), "cards": list(CARDS), "settings": list(SETTINGS), "rows": rows}
    FILE.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    for one in rows:
        print(one["scale"], one["role"], one["peaks"], one["fits"])
