r"""The autoencoder: `diffusers.AutoencoderKL`, 128x128x3 pictures to 16x16x4 latents, exactly Stable Diffusion's 48x.

    python -m course_utils.train.vae --steps 15000                    # two CPU cores; the card says how long it took
    accelerate launch -m course_utils.train.vae --batch 64 --steps 60000 --widths 64 128 256 256       # GPUs

A variational autoencoder (Kingma and Welling, Auto-Encoding Variational Bayes, 2014) as latent diffusion uses it
(Rombach et al., 2022): the KL term is a light hand on the rate, most of the loss is about the picture. It is trained
on crops of 64x64, which costs a quarter, and at the end on whole pictures, so that GroupNorm meets the statistics
of whole pictures. Unlike Stable Diffusion's it has no attention in the middle: convolutions alone, so any size will do.
A run that is killed goes on with the same command. Two trainings at once slow each other down many times over.
"""
from __future__ import annotations

import argparse

import numpy as np
import torch
from diffusers import AutoencoderKL
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from course_utils.critters.dataset import pictures
from course_utils.models.images import to_tensor
from course_utils.train import common
from course_utils.train.adversary import Adversary
from course_utils.train.data import TRAINING_SEED, VALIDATION_SEED, Mixture, photograph_crop

WHOLE = 0.15
"""The last share of the steps sees whole scenes of 128x128, or larger pieces of photographs, and fewer of them."""


def network(widths: tuple[int, ...] = (16, 32, 64, 128)) -> AutoencoderKL:
    """The autoencoder, untrained: four levels, one residual layer each, no attention."""
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=tuple(widths), layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * len(widths), up_block_types=("UpDecoderBlock2D",) * len(widths),
        norm_num_groups=8, mid_block_add_attention=False, sample_size=128)


class Codec(nn.Module):
    """Encode, reparameterise, decode in one `forward`, so that `accelerate` can wrap it for several processes."""

    vae: AutoencoderKL

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(
        self, x: Float[Tensor, "b 3 h w"], noise: Float[Tensor, "b 4 h/8 w/8"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""Reconstruction, mean and log-variance, with \(z = \mu + \sigma\,\epsilon\)."""
        posterior = self.vae.encode(x).latent_dist
        z = posterior.mean + posterior.std * noise
        return self.vae.decode(z).sample, posterior.mean, posterior.logvar


def gradient(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2c h w"]:
    """Differences to the right and downward neighbour, zero at the far border."""
    return torch.cat([pad(x.diff(dim=-1), (0, 1)), pad(x.diff(dim=-2), (0, 0, 0, 1))], dim=1)


def detail_weight(x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
    """1 on plain ground, up to 4 or so where the picture is busy: fur and scales are few pixels and most of it."""
    energy = gradient(x).abs().mean(dim=1, keepdim=True)
    return 1 + 8 * avg_pool2d(energy, 7, stride=1, padding=3)


def picture_loss(
    x: Float[Tensor, "b 3 h w"], y: Float[Tensor, "b 3 h w"], squared: float = 2.0
) -> Float[Tensor, ""]:
    """Detail-weighted L1, plus L1 between gradients (sharpness), plus `squared` times the squared error (PSNR).

    The squared error counts once for each pixel and four times for the mean of each 8x8 block: a faint cast over a
    whole photograph costs little pixel by pixel and much in all.
    """
    weight = detail_weight(x)
    blocks = avg_pool2d(x - y, 8).square().mean()
    return ((weight * (x - y).abs()).mean() + (weight * (gradient(x) - gradient(y)).abs()).mean()
            + squared * ((x - y).square().mean() + 4 * blocks))


def kl(mean: Float[Tensor, "b 4 h w"], log_variance: Float[Tensor, "b 4 h w"]) -> Float[Tensor, ""]:
    r"""\(\tfrac12(\mu^2 + \sigma^2 - 1 - \log\sigma^2)\) to the standard normal: nats, mean over latent numbers."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()


def psnr(x: Tensor, y: Tensor) -> Float[Tensor, ""]:
    """Mean over pictures, in dB, of the validation curve; the card's numbers come from `course_utils.measure`."""
    return (-10 * torch.log10((x - y.clamp(-1, 1)).square().mean(dim=(1, 2, 3)) / 4)).mean()


@torch.no_grad()
def validate(vae: AutoencoderKL, scenes: UInt8[np.ndarray, "n 128 128 3"]) -> float:
    """PSNR of reconstructions from the posterior's mean, on scenes that are in no training set."""
    x = to_tensor(scenes).to(vae.device)
    return float(torch.cat([psnr(part, vae.decode(vae.encode(part).latent_dist.mean).sample)[None]
                            for part in x.split(16)]).mean())


@torch.no_grad()
def scaling_factor(vae: AutoencoderKL, scenes: UInt8[np.ndarray, "n 128 128 3"]) -> float:
    """1 / standard deviation of sampled latents of training scenes, all channels together, as SD did it."""
    generator = torch.Generator().manual_seed(0)
    latents = [vae.encode(x.to(vae.device)).latent_dist.sample(generator) for x in to_tensor(scenes).split(32)]
    return 1 / float(torch.cat(latents).std())


def small_crops(mixture: Mixture, rng: np.random.Generator, batch: int) -> UInt8[np.ndarray, "batch 64 64 3"]:
    """Crops of everything."""
    return mixture.batch(rng, batch, 64)


def whole_pictures(mixture: Mixture, rng: np.random.Generator, batch: int) -> UInt8[np.ndarray, "n s s 3"]:
    """Either whole scenes or photographs at 224x224, for as many pixels: GroupNorm should meet both as they come."""
    if rng.random() < mixture.photographic:
        return np.stack([photograph_crop(rng, 224) for _ in range(max(1, batch // 12))])
    return mixture.scenes_only(rng, max(1, batch // 4))


def main(argv: list[str] | None = None) -> None:
    """Train, then write the averaged weights to OUT/model."""
    parser = common.arguments("vae", __doc__ or "", steps=15_000, batch=12, rate=1e-3)
    parser.add_argument("--widths", type=int, nargs="+", default=(16, 32, 64, 128), help="channels of the levels")
    parser.add_argument("--kl", type=float, default=2e-4, help="weight of the KL term (default %(default)s)")
    parser.add_argument("--photographic", type=float, default=0.25, help="share that is no scene (%(default)s)")
    parser.add_argument("--leaves", type=int, default=512, help="dead-leaves pictures to make (default %(default)s)")
    parser.add_argument("--squared", type=float, default=2.0, help="weight of the squared error (default %(default)s)")
    parser.add_argument("--adversarial", type=float, default=0.0, help="weight of a patch discriminator")
    train(common.parsed(parser, argv))


def train(options: argparse.Namespace) -> None:
    """The whole method: crop, encode, add noise, decode, compare."""
    torch.manual_seed(options.seed)
    scenes = pictures(options.scenes, seed=TRAINING_SEED, cache=options.cache)
    held_out = pictures(min(64, options.scenes), seed=VALIDATION_SEED, cache=options.cache)
    mixture = Mixture(scenes, options.photographic, 8 if options.smoke else options.leaves)
    device = common.own_device()
    adversary = Adversary(options, device) if options.adversarial else None
    run = common.Run(options, Codec(network(options.widths)), {"adversary": adversary} if adversary else None)
    for step in run.steps():
        crops = whole_pictures if step >= (1 - WHOLE) * options.steps else small_crops
        x = to_tensor(crops(mixture, run.numbers(step), options.batch))
        x = x.to(run.device, memory_format=torch.channels_last)
        y, mean, log_variance = run.model(x, run.noise(step, len(x), 4, x.shape[2] // 8, x.shape[3] // 8))
        rate = kl(mean, log_variance)
        loss = picture_loss(x, y, options.squared) + options.kl * rate
        if adversary:
            loss = loss + options.adversarial * adversary.generator_loss(x, y, step)
        run.learn(loss, step)
        run.note(loss=loss.detach(), bits=rate.detach() / np.log(2), crop_psnr=psnr(x, y.detach()))
        if run.due(step):
            run.keep(step, psnr=validate(run.averaged(Codec(network(options.widths))).vae, held_out))
    if not run.accelerator.is_main_process:
        return
    vae = run.averaged(Codec(network(options.widths))).vae
    vae.register_to_config(scaling_factor=round(scaling_factor(vae, scenes[:1024]), 5))
    vae.half().save_pretrained(options.out / "model")
    print(f"wrote {options.out / 'model'}; ship it with: python -m course_utils.train.ship vae {options.out}")


if __name__ == "__main__":
    main()
