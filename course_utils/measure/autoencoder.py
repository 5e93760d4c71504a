"""What an autoencoder keeps: the numbers of its card, and the linear rivals with as many numbers beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn

from course_utils.critters import Scene
from course_utils.measure import critic, reader
from course_utils.measure.linear_codes import BlockBasis, PictureBasis, best_down_up, down_up
from course_utils.measure.photos import held_out, training_photos
from course_utils.measure.pictures import mean_and_interval, psnr, ssim
from course_utils.measure.spectrum import error_by_frequency
from course_utils.models.images import to_array, to_tensor

Pictures = UInt8[np.ndarray, "n h w 3"]


@torch.inference_mode()
def encode(vae: AutoencoderKL, pictures: Pictures, batch: int = 16) -> Float[Tensor, "n 4 h/8 w/8"]:
    """The posterior's means, unscaled: what the decoder takes."""
    parts = to_tensor(pictures).split(batch)
    return torch.cat([vae.encode(part.to(vae.device)).latent_dist.mean.cpu() for part in parts])


@torch.inference_mode()
def decode(vae: AutoencoderKL, latents: Float[Tensor, "n 4 h w"], batch: int = 16) -> Pictures:
    """Pictures from unscaled latents."""
    return np.concatenate([to_array(vae.decode(part.to(vae.device)).sample) for part in latents.split(batch)])


def reconstruct(vae: AutoencoderKL, pictures: Pictures, batch: int = 16) -> Pictures:
    """Through the latent and back, without the posterior's noise."""
    return decode(vae, encode(vae, pictures, batch), batch)


@torch.inference_mode()
def bits_per_number(vae: AutoencoderKL, pictures: Pictures, batch: int = 16) -> float:
    r"""The rate of the KL term, \(\mathrm{KL}(q(z|x)\,\|\,\mathcal N(0, 1)) / \ln 2\), mean over latent numbers."""
    total, count = 0.0, 0
    for part in to_tensor(pictures).split(batch):
        posterior = vae.encode(part.to(vae.device)).latent_dist
        total += float(posterior.kl().sum())  # diffusers sums over the numbers of each picture
        count += posterior.mean.numel()
    return total / count / np.log(2)


def fidelity(pictures: Pictures, others: Pictures) -> dict[str, float]:
    """Mean PSNR (dB) and SSIM with the half-width of their 95 % intervals."""
    decibels, similarity = mean_and_interval(psnr(pictures, others)), mean_and_interval(ssim(pictures, others))
    return {"psnr": decibels.mean, "psnr_interval": decibels.half_width, "ssim": similarity.mean}


def attributes(pictures: Pictures, scenes: list[Scene]) -> dict[str, float]:
    """The critic's accuracy by attribute and its median keypoint error (fraction of the width)."""
    reading = critic.read(pictures)
    errors = critic.keypoint_errors(reading, scenes)
    return {**critic.accuracy(reading, scenes), "keypoint_error": float(np.median(errors))}


def by_colour(pictures: Pictures, scenes: list[Scene]) -> dict[str, float]:
    """The independent reader's accuracy."""
    labels = reader.read_by_colour(pictures).labels
    return {name: float(np.mean(words == np.array([getattr(scene, name) for scene in scenes])))
            for name, words in labels.items()}


def rivals(pictures: Pictures, training: Pictures, numbers: int = 1024) -> dict[str, dict[str, float]]:
    """PSNR and SSIM of the linear codes with as many numbers: principal components, and a thumbnail.

    The thumbnail of an eighth has 3 numbers where the latent has 4: it is what shrinking alone would do.
    """
    name, thumbnails = best_down_up(pictures, 8)
    pca = PictureBasis.fit(training, numbers).reconstruct(pictures)
    return {f"pca_{numbers}": fidelity(pictures, pca), f"down_up_8x_{name}": fidelity(pictures, thumbnails)}


def on_photographs(vae: AutoencoderKL) -> dict[str, dict[str, Any]]:
    """The photographs that no training saw, whole and shrunk to 192x128, about the size of the course's pictures.

    Beside the autoencoder: a plain thumbnail of an eighth (area average, enlarged bilinearly), the best of sixteen
    ways to make and enlarge one, and blocks of 8x8 with 4 coefficients.
    """
    blocks = BlockBasis.fit(training_photos().values(), block=8, coefficients=4)
    pictures = held_out()
    small = {f"{name}_192x128": shrunk(picture, 192, 128) for name, picture in pictures.items()}
    return {name: _photograph(vae, picture[None], blocks) for name, picture in {**pictures, **small}.items()}


def shrunk(picture: UInt8[np.ndarray, "h w 3"], width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
    """A smaller picture."""
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def _photograph(vae: AutoencoderKL, picture: Pictures, blocks: BlockBasis) -> dict[str, Any]:
    codes = {"": reconstruct(vae, picture), "_down_up": down_up(picture, 8, "box", "bilinear"),
             "_best_down_up": best_down_up(picture, 8)[1], "_block_pca": blocks.reconstruct(picture)}
    measures = {"psnr": psnr, "ssim": ssim}
    return {f"{name}{code}": float(measure(picture, other)[0]) for code, other in codes.items()
            for name, measure in measures.items()}


def lost_by_frequency(pictures: Pictures, others: Pictures, rings: int = 6) -> dict[str, float]:
    """Power of the error as a share of the signal's, by ring of spatial frequency in cycles per pixel.

    0: kept; 1: as bad as leaving the ring empty.
    """
    frequency, share = error_by_frequency(pictures, others, rings=rings)
    return {f"{f:.2f}": float(s) for f, s in zip(frequency, share, strict=True) if np.isfinite(s)}


def parameters(module: nn.Module) -> int:
    """Trainable and frozen numbers of a network."""
    return sum(parameter.numel() for parameter in module.parameters())


def report(
    vae: AutoencoderKL, pictures: Pictures, scenes: list[Scene], training: Pictures | None = None
) -> Mapping[str, Any]:
    """Everything that the card says, on held-out `pictures` of `scenes`; the rivals too if `training` is given."""
    ours = reconstruct(vae, pictures)
    return {
        "n": len(pictures), **fidelity(pictures, ours), "bits_per_latent_number": bits_per_number(vae, pictures),
        "critic_on_reconstructions": attributes(ours, scenes), "critic_on_renders": attributes(pictures, scenes),
        "reader_on_reconstructions": by_colour(ours, scenes), "reader_on_renders": by_colour(pictures, scenes),
        "error_share_by_frequency": lost_by_frequency(pictures, ours),
        **({"rivals": rivals(pictures, training)} if training is not None else {}),
        "photographs": on_photographs(vae),
    }
