"""What a card shows besides numbers: uncurated samples, and how they change with the guidance scale."""

from __future__ import annotations

import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from course_utils.critters import CONDITIONS, Scene, caption, render, sample, sheet
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.diffusion.generate import TextToImage
from course_utils.measure import autoencoder, dense, generative, report
from course_utils.models import load, to_array
from course_utils.train.maps import as_picture

QUALITY = 68
"""Of the WebP files: artefacts are hardly seen at it, and a card's sheet takes some 100 KB."""


def save(name: str, folder: Path) -> None:
    """Write `samples.webp`, where the model makes anything that can be shown."""
    if name == "clip":
        return
    pictures = {"dense": readings, "preview": decoded}.get(name, partial(samples, name))()
    Image.fromarray(sheet(pictures, columns=8)).save(folder / "samples.webp", quality=QUALITY, method=6)


def samples(name: str) -> list[np.ndarray]:
    """64 pictures of a denoiser, seeds 0 to 63; of a ControlNet 32, each before its map."""
    role, _, condition = name.partition("_") if name.startswith("controlnet") else ("", "", "")
    scenes = sample(generative.SHOWN // (2 if role else 1), HELD_OUT_SEED)
    draw = TextToImage.load("text_to_image" if role else name, "critters", "cpu", condition=condition or None)
    prompts, seeds = [caption(scene) for scene in scenes], list(range(len(scenes)))
    if not role:
        return list(draw(prompts, seeds))
    maps = np.stack([CONDITIONS[condition](scene) for scene in scenes])
    return in_turn(as_picture(maps), draw(prompts, seeds, control_map=maps))


def readings() -> list[np.ndarray]:
    """Eight renders, the contours and the depth read off them."""
    shown = renders(sample(8, HELD_OUT_SEED))
    maps = dense.read_maps(shown)
    return [*shown, *(as_picture((255 * kind).round().astype(np.uint8))[k] for kind in maps for k in range(8))]


@torch.inference_mode()
def decoded() -> list[np.ndarray]:
    """Eight scenes through the autoencoder, below them through the fast decoder."""
    vae, tiny = load("vae", "critters", "cpu"), load("preview", "critters", "cpu")
    z = autoencoder.encode(vae, renders(sample(8, HELD_OUT_SEED)))
    return [*autoencoder.decode(vae, z), *to_array(tiny.decode(z * vae.config.scaling_factor).sample)]


def renders(scenes: list[Scene]) -> np.ndarray:
    """Pictures of scenes."""
    return np.stack([render(scene) for scene in scenes])


def in_turn(first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """One of each, by turns."""
    return [picture for pair in zip(first, second, strict=True) for picture in pair]


EXAMPLE = ("a large fluffy orange fox sitting on a green background, facing left", 0)
"""Prompt and seed of the picture by which another machine can see that it draws the same."""


def example(name: str) -> dict[str, Any]:
    """A few numbers of the latent that a denoiser makes of the example, as it is used by default."""
    draw = TextToImage.load(report.entry_of(name).role, "critters", "cpu")
    z = draw.latents([EXAMPLE[0]], [EXAMPLE[1]])[0]
    return {"prompt": EXAMPLE[0], "seed": EXAMPLE[1], "latent": few(z).tolist()}


def few(z: Float[Tensor, "c s s"]) -> Float[Tensor, " numbers"]:
    """A number of each channel at four by four places: enough to tell one picture from another."""
    stride = 5 * z.shape[-1] // 16
    return z[:, ::stride, ::stride].flatten()


def swept(name: str, n: int, cache: Path) -> dict[str, Any]:
    """The table over guidance scales of a denoiser, and which scale is best for what."""
    draw = TextToImage.load(report.entry_of(name).role, "critters", "cpu")
    rows = generative.sweep(lambda scale: partial(draw, guidance_scale=scale), n, cache)
    return {"sweep": rows, "best_guidance": generative.best(rows)}


@torch.inference_mode()
def milliseconds(runs: int = 15) -> dict[str, float]:
    """Median time of decoding one picture on one thread, autoencoder and fast decoder by turns."""
    vae, tiny = load("vae", "critters", "cpu"), load("preview", "critters", "cpu")
    z, threads = torch.randn(1, 4, 16, 16), torch.get_num_threads()
    times: dict[str, list[float]] = {"vae": [], "preview": []}
    torch.set_num_threads(1)
    for _ in range(runs + 1):
        for name, network in (("vae", vae), ("preview", tiny)):
            began = time.perf_counter()
            network.decode(z)
            times[name].append(time.perf_counter() - began)
    torch.set_num_threads(threads)
    return {name: 1000 * statistics.median(taken[1:]) for name, taken in times.items()}
