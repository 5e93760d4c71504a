"""Sampling, beside plain diffusers doing the same with the same weights: part of `make bench`.

The two take turns, and what our layer adds is the median over pairs of turns, in processor time: on a busy machine
clocks on the wall differ by more than the layer costs.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from course_utils.critters import caption, sample
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.samplers import generators
from course_utils.models import available, load
from course_utils.models.schedulers import scheduler

Action = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Case:
    """What is timed: pictures at once, steps, guidance scale, sampler, decoder."""

    name: str
    pictures: int
    steps: int
    guidance_scale: float
    sampler: str
    decoder: str = "vae"


CASES = (
    Case("one picture, 25 steps with guidance", 1, 25, 3.0, "ddim"),
    Case("16 pictures, 25 steps with guidance", 16, 25, 3.0, "ddim"),
    Case("one picture, four steps as a student takes them", 1, 4, 1.0, "lcm"),
    Case("the same with the fast decoder", 1, 4, 1.0, "lcm", "preview"),
)


def bench_sampling() -> None:
    """Time all cases on the shipped text-to-image model; without one, say so."""
    if "text_to_image" not in {entry.role for entry in available() if entry.embedded}:
        print("sampling: text_to_image is not in this copy of the course yet, nothing to time")
        return
    torch.set_num_threads(min(2, cores()))
    print(f"sampling, on {torch.get_num_threads()} thread(s):")
    draw = TextToImage.load("text_to_image", scale="critters", device="cpu")
    draw.batch = max(case.pictures for case in CASES)
    for case in CASES:
        compare(case, replace(draw, vae=load(case.decoder, scale="critters", device="cpu")))


def compare(case: Case, draw: TextToImage, turns: int = 7) -> float:
    """Time a case both ways, print it, and return what our layer adds, as a share."""
    ours = ours_of(case, draw)
    made, memory = ours(), peak_megabytes()
    theirs = theirs_of(case, draw)
    difference = np.abs(made - 255.0 * theirs()).max()
    if difference > 2:
        raise RuntimeError(f"{case.name}: the two pictures differ by {difference:.3g} of 255, they do not do the same")
    walls, added = take_turns(ours, theirs, turns)
    print(f"{case.name:<48} {walls[0]:6.3g} s, StableDiffusionPipeline {walls[1]:6.3g} s; our layer adds"
          f" {100 * added:+.1f} % of processor time; {memory:.0f} MB at most")
    return added


def ours_of(case: Case, draw: TextToImage) -> Action:
    """A case by `TextToImage`."""
    prompts, seeds = asked(case)
    return lambda: draw(prompts, seeds, guidance_scale=case.guidance_scale, steps=case.steps, sampler=case.sampler)


def theirs_of(case: Case, draw: TextToImage) -> Action:
    """The same case by the stock pipeline, of the very same networks."""
    prompts, seeds = asked(case)
    pipeline = StableDiffusionPipeline(draw.vae, draw.text.model, draw.text.words, draw.unet, scheduler(case.sampler),
                                       None, None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    return lambda: pipeline(prompts, generator=generators(seeds), guidance_scale=case.guidance_scale,
                            num_inference_steps=case.steps, output_type="np").images


def asked(case: Case) -> tuple[list[str], list[int]]:
    """Captions of scenes, and a seed each."""
    return [caption(scene) for scene in sample(case.pictures, seed=2)], list(range(case.pictures))


def take_turns(ours: Action, theirs: Action, turns: int) -> tuple[tuple[float, float], float]:
    """Median seconds of both, and the median over turns of what ours takes more of the processor, as a share."""
    rows = []
    for turn in range(turns):
        order = (ours, theirs) if turn % 2 else (theirs, ours)
        first, second = (clocked(action) for action in order)
        rows.append((first, second) if turn % 2 else (second, first))
    walls = tuple(statistics.median(row[k][0] for row in rows) for k in (0, 1))
    return (walls[0], walls[1]), statistics.median(our[1] / their[1] - 1 for our, their in rows)


def clocked(action: Action) -> tuple[float, float]:
    """Seconds on the wall and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - processor


def peak_megabytes() -> float:
    """The most memory that this process ever held (in kilobytes on Linux, in bytes on a Mac)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    bench_sampling()
