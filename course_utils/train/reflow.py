r"""Reflow: train the flow again, on its own couplings of noise and picture, so that its paths become straighter.

    python -m course_utils.train.reflow --every 500                            # two CPU cores
    python -m course_utils.train.reflow --pairs 60000 --batch 512 --steps 6000 --rate 5e-4 --scenes 60000 --judged 256

Liu et al., Flow Straight and Fast (2023): independent pairs of noise and picture make lines that cross, and where they
cross the velocity is an average. A flow's own samples pair each noise with the one picture it leads to; lines between
such pairs cross less, and a network trained on them, by the same loss, needs fewer steps. The teacher makes each pair
once, with prompt and guidance (as Liu et al., InstaFlow, 2024), so that the student needs no guidance. The pairs are
kept in OUT/couplings, and a run that is killed goes on with the same command, in either part.
"""
from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from tqdm.auto import tqdm

from course_utils.diffusion import flow
from course_utils.diffusion.samplers import euler, initial_noise
from course_utils.train import common, students
from course_utils.train.students import Latents
from course_utils.train.text_to_image import flow_loss

FIRST_SEED = 1_000_000
"""Noise of the first pair: far from the seeds by which pictures are judged."""

SHARD = 64
"""Pairs of a file: what a kill loses at most."""


def noise(pairs: Int[Tensor, " b"], like: Tensor) -> Latents:
    """The beginnings of pairs, from their seeds: these need no disk."""
    return initial_noise((FIRST_SEED + pairs).tolist()).to(like.device)


def ends(lesson: students.Lesson, ids: Int[Tensor, "b 24"], z: Latents, steps: int) -> Latents:
    """Where the teacher's guided paths lead from noise z, by `steps` Euler steps."""
    context = lesson.text(ids)
    return euler(lambda x, t: lesson.teacher(x, torch.full((len(x),), t, device=x.device), context), z,
                 flow.sigmas(steps))


def couplings(
    lesson: students.Lesson, ids: Int[Tensor, "n 24"], folder: Path, steps: int, process: int = 0, processes: int = 1
) -> Iterator[Path]:
    """Files with the ends of all pairs, float16; what is not there yet is made, by several processes in turn."""
    shards = list(enumerate(torch.arange(len(ids)).split(SHARD)))
    folder.mkdir(parents=True, exist_ok=True)
    for shard, pairs in tqdm(shards, desc="couplings", disable=process > 0, mininterval=5.0):
        path = folder / f"{shard:05d}.npy"
        if not path.exists() and shard % processes == process:
            made = ends(lesson, ids[pairs], noise(pairs, ids), steps).half().cpu().numpy()
            unfinished = path.with_suffix(f".{os.getpid()}.part")
            with open(unfinished, "wb") as file:
                np.save(file, made)
            unfinished.replace(path)
        yield path


def fingerprint(lesson: students.Lesson, ids: Int[Tensor, "n 24"], steps: int) -> str:
    """Eight hexadecimal digits that change with the teacher, its guidance and steps, and the prompts."""
    digest = hashlib.sha256(repr((lesson.options.scale, steps)).encode() + ids.cpu().numpy().tobytes())
    for model in (lesson.teacher.unet, lesson.text.model):
        for name, value in sorted(model.state_dict().items()):
            digest.update(name.encode() + value.cpu().float().numpy().tobytes())
    return digest.hexdigest()[:8]


def main(argv: list[str] | None = None) -> None:
    """Train; the averaged weights lie in OUT/model after every validation."""
    parser = students.arguments("reflow", __doc__ or "", steps=3_000, batch=32, rate=3e-4)
    parser.add_argument("--pairs", type=int, default=4096, help="couplings to make (default %(default)s)")
    parser.add_argument("--teacher-steps", type=int, default=25, help="Euler steps for each (default %(default)s)")
    train(common.parsed(parser, argv))


def train(options: argparse.Namespace) -> None:
    """The whole method: let the teacher pair noise with pictures, then learn the straight lines between them."""
    lesson = students.Lesson(options, "flow")
    rng, pairs = common.numpy_generator(options.seed, 0), min(8, options.pairs) if options.smoke else options.pairs
    ids = lesson.prompts(np.arange(pairs) % len(lesson.z), rng)
    run, finish = lesson.begin(sampler="euler_flow")
    folder, processes = options.out / "couplings", run.accelerator
    files = list(couplings(lesson, ids, folder / fingerprint(lesson, ids, options.teacher_steps), options.teacher_steps,
                           processes.process_index, processes.num_processes))
    processes.wait_for_everyone()
    pictures = torch.from_numpy(np.concatenate([np.load(file) for file in files])).to(run.device)
    for step in run.steps():
        rng = run.numbers(step)
        chosen, sigma = torch.from_numpy(rng.integers(0, pairs, options.batch)), lesson.fractions(rng)
        context = lesson.text(ids[chosen])
        finish(flow_loss(run.model, pictures[chosen].float(), noise(chosen, sigma), sigma, context), step)
    print(f"{options.out / 'model'} is ready; ship it with: python -m course_utils.train.ship ROLE {options.out}")


if __name__ == "__main__":
    main()
