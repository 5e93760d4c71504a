"""Scenes as latents, encoded once: the diffusion recipes never touch a pixel while they train."""
from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from diffusers.models import AutoencoderKL
from jaxtyping import Float, UInt8
from torch import Tensor

from course_utils.critters.dataset import pictures, renderer_version
from course_utils.models import load
from course_utils.models.images import to_array, to_tensor

BATCH = 64


def autoencoder(folder: Path | None, device: torch.device | str) -> AutoencoderKL:
    """The shipped autoencoder, or that of a folder; frozen, float32."""
    if folder is None:
        return load("vae", "critters", device)
    vae = AutoencoderKL.from_pretrained(folder, local_files_only=True).float()
    return vae.eval().requires_grad_(False).to(device)


def fingerprint(vae: AutoencoderKL) -> str:
    """Eight hexadecimal digits that change with any weight and with the scaling factor."""
    digest = hashlib.sha256(repr(vae.config["scaling_factor"]).encode())
    for name, value in sorted(vae.state_dict().items()):
        digest.update(name.encode() + value.cpu().float().numpy().tobytes())
    return digest.hexdigest()[:8]


@torch.inference_mode()
def encode(vae: AutoencoderKL, scenes: UInt8[np.ndarray, "n s s 3"]) -> Float[np.ndarray, "n 4 s/8 s/8"]:
    """Latents of unit variance or so, float16: the posterior's mean (its spread is small) times the scaling factor."""
    parts = [vae.encode(to_tensor(scenes[k : k + BATCH]).to(vae.device)).latent_dist.mean * vae.config["scaling_factor"]
             for k in range(0, len(scenes), BATCH)]
    return torch.cat(parts).half().cpu().numpy()


@torch.inference_mode()
def decode(vae: AutoencoderKL, z: Float[Tensor, "n 4 h w"]) -> UInt8[np.ndarray, "n 8h 8w 3"]:
    """Pictures of scaled latents."""
    parts = [vae.decode(part.to(vae.device) / vae.config["scaling_factor"]).sample for part in z.split(BATCH)]
    return to_array(torch.cat(parts))


def encoded(vae: AutoencoderKL, n: int, seed: int, cache: Path) -> Float[Tensor, "n 4 16 16"]:
    """Latents of `sample(n, seed)`, kept in `cache` under the autoencoder's fingerprint: another one encodes anew."""
    path = cache / f"latents-{n}-{seed}-{renderer_version()}-{fingerprint(vae)}.npy"
    if not path.exists():
        latents = encode(vae, pictures(n, seed, cache=cache))
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        with open(unfinished, "wb") as file:
            np.save(file, latents)
        unfinished.replace(path)
    return torch.from_numpy(np.load(path))
