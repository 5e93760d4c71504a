"""What things cost, side by side in one run: `make bench`. Machines are noisy: read ratios, not single figures.

Each line is the median of several runs after one warm-up, on one thread unless it says otherwise. Sampling comes first,
so that the memory it states is its own.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial

import torch
from bench_live import bench_live
from bench_sampling import bench_sampling
from bench_scoring import bench_scoring
from diffusers import AutoencoderKL

from course_utils.critters import render, sample
from course_utils.critters.dataset import pictures
from course_utils.models import load, to_tensor
from course_utils.models.weights import FOLDER

SCENES = sample(256, seed=2)


def seconds(action: Callable[[], object], runs: int = 5) -> float:
    """Median time of `action`, after one run that does not count."""
    action()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def line(what: str, value: float, unit: str) -> None:
    """One figure, three significant digits."""
    print(f"{what:<58} {value:8.3g} {unit}")


def bench_renderer() -> None:
    """Pictures a second: drawn one by one, drawn by several processes, read from the cache."""
    for size in (64, 128):
        one_by_one = partial(_draw_all, size)
        line(f"draw {size}x{size}, one process", len(SCENES) / seconds(one_by_one), "pictures/s")
    line("draw 128x128, one process a core", 2048 / seconds(lambda: pictures(2048, seed=2), runs=1), "pictures/s")
    with tempfile.TemporaryDirectory() as folder:
        again = seconds(lambda: pictures(2048, seed=2, cache=folder).sum())
        line("read 128x128 from the cache", 2048 / again, "pictures/s")


def _draw_all(size: int) -> None:
    for scene in SCENES:
        render(scene, size)


@torch.inference_mode()
def bench_vae() -> None:
    """Our loader beside diffusers' own, then encoding and decoding."""
    with contextlib.redirect_stdout(io.StringIO()):  # load() says where each model runs
        ours = seconds(lambda: load("vae", device="cpu"))
    line("load('vae'), hashes checked", ours, "s")
    line("AutoencoderKL.from_pretrained, unchecked", seconds(
        lambda: AutoencoderKL.from_pretrained(FOLDER / "vae", local_files_only=True)), "s")
    vae = load("vae", device="cpu")
    x = to_tensor(pictures(8, seed=2, workers=1))
    z = vae.encode(x).latent_dist.mode()
    line("encode 128x128, eight at a time", seconds(lambda: vae.encode(x)) / 8, "s/picture")
    line("decode 128x128, eight at a time", seconds(lambda: vae.decode(z)) / 8, "s/picture")


if __name__ == "__main__":
    bench_sampling()
    torch.set_num_threads(1)
    bench_renderer()
    bench_vae()
    bench_scoring()
    bench_live()
