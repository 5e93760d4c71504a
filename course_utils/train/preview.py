r"""The fast decoder: `diffusers.AutoencoderTiny`, taught by the shipped autoencoder to see what a latent shows.

    python -m course_utils.train.preview --steps 6000                       # two CPU cores
    python -m course_utils.train.preview --taught 20000 --batch 64 --steps 30000 --rate 4e-3                 # one GPU

What TAESD is for Stable Diffusion (Ollin Boer Bohan, TAESD, 2023): a decoder without normalisation and attention, here
of 16 channels throughout, distilled from the large one. It takes latents as the denoiser makes them, *scaled*, so its
own `scaling_factor` is 1. It learns the autoencoder's decoded picture and, with a smaller weight, the render behind it,
from latents with a little noise: what a denoiser makes is never quite clean. A small encoder is taught the latents
along the way. Scenes only: photographs are for the autoencoder itself. A run that is killed goes on with the same
command.
"""
from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderTiny
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from course_utils.critters.dataset import pictures, renderer_version
from course_utils.models.images import to_tensor
from course_utils.train import common, latents
from course_utils.train.data import TRAINING_SEED, VALIDATION_SEED
from course_utils.train.vae import picture_loss, psnr

WIDTH = 16
DECODER, ENCODER = (6, 4, 1, 0), (0, 1, 1, 2)
"""Residual blocks at each resolution, in order of the pass: most where pixels are few, none where they are most."""

JUDGED = 64


def network(width: int = WIDTH) -> AutoencoderTiny:
    """Decoder and encoder, untrained."""
    return AutoencoderTiny(
        encoder_block_out_channels=(width,) * 4, decoder_block_out_channels=(width,) * 4, num_encoder_blocks=ENCODER,
        num_decoder_blocks=DECODER, latent_channels=4, scaling_factor=1.0)


class Pair(nn.Module):
    """Decode and encode in one `forward`, so that `accelerate` can wrap it; the stock `forward` rounds to bytes."""

    tiny: AutoencoderTiny

    def __init__(self, tiny: AutoencoderTiny) -> None:
        super().__init__()
        self.tiny = tiny

    def forward(self, z: Float[Tensor, "b 4 h w"], x: Float[Tensor, "b 3 8h 8w"]) -> tuple[Tensor, Tensor]:
        """The picture of scaled latents z, and the scaled latents of a picture x."""
        return self.tiny.decode(z).sample, self.tiny.encode(x).latents


def decoded(vae: Any, z: Float[Tensor, "n 4 16 16"], path: Path) -> UInt8[np.ndarray, "n 128 128 3"]:
    """The autoencoder's pictures of latents, decoded once and kept at `path`."""
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        out = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=(len(z), 128, 128, 3))
        for k in range(0, len(z), latents.BATCH):
            out[k : k + latents.BATCH] = latents.decode(vae, z[k : k + latents.BATCH].float())
        out.flush()
        unfinished.replace(path)
    return np.load(path, mmap_mode="r")


def noised(
    z: Float[Tensor, "b 4 h w"], noise: Float[Tensor, "b 4 h w"], rng: np.random.Generator, most: float
) -> Float[Tensor, "b 4 h w"]:
    r"""\(z + s\,\epsilon\), with s of each latent uniform between 0 and `most`."""
    s = torch.from_numpy(rng.uniform(0, most, (len(z), 1, 1, 1))).float().to(z.device)
    return z + s * noise


def placed(x: Float[Tensor, "b c h w"], device: torch.device) -> Float[Tensor, "b c h w"]:
    """The batch on the device, channels last: without group norm that is the faster order on a CPU, too."""
    return x.to(device, memory_format=torch.channels_last)


def preview_loss(
    y: Float[Tensor, "b 3 h w"], teacher: Float[Tensor, "b 3 h w"], render: Float[Tensor, "b 3 h w"], weight: float
) -> Float[Tensor, ""]:
    """The autoencoder's own loss, against what it decodes and, with `weight`, against the render."""
    return picture_loss(teacher, y) + weight * picture_loss(render, y)


class Judge:
    """Validation on scenes that are in no training set, with the autoencoder's own decoded pictures beside."""

    def __init__(self, options: argparse.Namespace, vae: Any) -> None:
        count = min(512, options.scenes)  # as many as the other recipes encode: the file is shared
        self.z = latents.encoded(vae, count, VALIDATION_SEED, options.cache)[:JUDGED].float().to(vae.device)
        self.render = to_tensor(pictures(len(self.z), VALIDATION_SEED, cache=options.cache)).to(vae.device)
        self.teacher = to_tensor(latents.decode(vae, self.z)).to(vae.device)

    @torch.inference_mode()
    def __call__(self, tiny: AutoencoderTiny) -> dict[str, float]:
        """PSNR in dB against the autoencoder's picture and the render, the autoencoder's own against the render, and
        the root-mean-square error of encoded latents."""
        y = torch.cat([tiny.decode(z).sample for z in self.z.split(16)])
        z = torch.cat([tiny.encode(x).latents for x in self.render.split(16)])
        return {"to_vae": float(psnr(self.teacher, y)), "to_render": float(psnr(self.render, y)),
                "vae_to_render": float(psnr(self.render, self.teacher)),
                "latent_error": float((z - self.z).square().mean().sqrt())}


def save(tiny: AutoencoderTiny, folder: Path) -> None:
    """In half precision, and without the setting that diffusers writes and, when it reads it again, complains of."""
    tiny.half().save_pretrained(folder)
    config = folder / "config.json"
    facts = {name: value for name, value in json.loads(config.read_text()).items() if name != "block_out_channels"}
    config.write_text(json.dumps(facts, indent=2) + "\n")


def main(argv: list[str] | None = None) -> None:
    """Train; the averaged weights lie in OUT/model after every validation."""
    parser = common.arguments("preview", __doc__ or "", steps=6_000, batch=8, rate=2e-3)
    parser.add_argument("--taught", type=int, default=4_000, help="scenes that the VAE decodes (default %(default)s)")
    parser.add_argument("--noise", type=float, default=0.1, help="most noise on latents (default %(default)s)")
    parser.add_argument("--render", type=float, default=0.25, help="weight of the render itself (default %(default)s)")
    parser.add_argument("--width", type=int, default=WIDTH, help="channels (default %(default)s)")
    parser.add_argument("--vae", type=Path, default=None, help="an autoencoder's folder (default: the shipped one)")
    train(common.parsed(parser, argv))


def train(options: argparse.Namespace) -> None:
    """The whole method: add a little noise to a latent, decode, compare with what the autoencoder makes of it."""
    torch.manual_seed(options.seed)
    vae = latents.autoencoder(options.vae, common.own_device())
    taught = min(options.taught, options.scenes)
    z = latents.encoded(vae, options.scenes, TRAINING_SEED, options.cache)[:taught]
    renders = pictures(options.scenes, TRAINING_SEED, cache=options.cache)
    name = f"decoded-{taught}-{TRAINING_SEED}-{renderer_version()}-{latents.fingerprint(vae)}.npy"
    teacher, judge = decoded(vae, z, options.cache / name), Judge(options, vae)
    run = common.Run(options, Pair(network(options.width)))
    for step in run.steps():
        rng = run.numbers(step)
        chosen = np.sort(rng.integers(0, taught, options.batch))
        x, goal = (placed(to_tensor(source[chosen]), run.device) for source in (renders, teacher))
        clean = placed(z[chosen].float(), run.device)
        y, encoded = run.model(noised(clean, run.noise(step, *clean.shape), rng, options.noise), x)
        loss = preview_loss(y, goal, x, options.render) + (encoded - clean).square().mean()
        run.learn(loss, step)
        run.note(loss=loss.detach())
        if run.due(step):
            averaged = run.averaged(Pair(network(options.width))).tiny
            judged = judge(averaged)
            if run.accelerator.is_main_process:  # before the checkpoint: see `portable.Finish`
                save(averaged, options.out / "model")
            run.keep(step, **judged)
    print(f"{options.out / 'model'} is ready; ship it with: python -m course_utils.train.ship preview {options.out}")


if __name__ == "__main__":
    main()
