"""What the recipes of few-step students share: the frozen teacher with its guidance, batches, the judge.

A student begins with its teacher's weights, unless --start names another folder, and learns to sample in a few
evaluations without guidance: the teacher's guidance scale is baked in. OUT/model is a whole network, for the stock
class. OUT/samples-STEP.png shows 1, 2 and 4 evaluations, two rows each, the same prompts and seeds every time.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models import UNet2DConditionModel
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from course_utils.critters import caption, sample, sheet
from course_utils.diffusion.guidance import guided
from course_utils.diffusion.samplers import denoise, drawn, generators, stock_scheduler, with_guidance
from course_utils.measure.critic import accuracy, load_critic, read
from course_utils.train import common, latents, low_rank, portable, words
from course_utils.train.data import TRAINING_SEED, VALIDATION_SEED
from course_utils.train.paths import PATHS
from course_utils.train.text_to_image import dropped, plain_attention

Latents = Float[Tensor, "b 4 h w"]
Context = Float[Tensor, "b 24 d"]
Network = Callable[[Latents, Tensor, Context], Latents]
"""Latents, what is read as times, and hidden states of prompts, to a prediction."""

TEACHERS = {"epsilon": Path("runs/text_to_image/model"), "flow": Path("runs/flow/model")}
EVALUATIONS = (1, 2, 4)
SHOWN = 16
"""Pictures of the contact sheet for each number of evaluations."""


def arguments(role: str, description: str, steps: int, batch: int, rate: float) -> argparse.ArgumentParser:
    """The options of a student's recipe; see `common.arguments`."""
    parser = common.arguments(role, description, steps, batch, rate)
    parser.add_argument("--teacher", type=Path, default=None, help="a U-Net's folder (default: of the objective)")
    parser.add_argument("--scale", type=float, default=3.0, help="the teacher's guidance scale (default %(default)s)")
    parser.add_argument("--dropout", type=float, default=0.05, help="share of captions dropped (default %(default)s)")
    parser.add_argument("--judged", type=int, default=64, help="pictures for the critic; 0: none (default %(default)s)")
    parser.add_argument("--clip", type=Path, default=Path("runs/clip/model"), help="a CLIP's folder (%(default)s)")
    parser.add_argument("--vae", type=Path, default=None, help="an autoencoder's folder (default: the shipped one)")
    parser.add_argument("--start", type=Path, default=None, help="a U-Net's folder to begin with (default: teacher's)")
    parser.add_argument("--rank", type=int, default=0, help="learn differences of this rank only; 0: whole weights")
    return parser


def called(unet: Callable[..., Any]) -> Network:
    """A U-Net as a plain function."""
    return lambda z, t, context: unet(z, t, context, return_dict=False)[0].float()


class Teacher:
    """The frozen teacher with its guidance: a call is two network evaluations, or one where the scale is 1.

    Raises `FileNotFoundError` if `folder` holds no U-Net.
    """

    def __init__(self, folder: Path, device: torch.device, empty: Context, scale: float, precision: str = "no") -> None:
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(f"{folder} holds no U-Net: train it with python -m"
                                    " course_utils.train.text_to_image, or give --teacher the folder `model` of a run")
        unet: Any = UNet2DConditionModel.from_pretrained(folder, local_files_only=True)
        self.unet = common.on_device(plain_attention(unet.float().eval().requires_grad_(False)), device)
        self.empty, self.scale, self.half = empty, scale, precision == "bf16"

    @torch.no_grad()
    def __call__(self, z: Latents, t: Tensor, context: Context) -> Latents:
        """The guided prediction."""
        with torch.autocast(z.device.type, torch.bfloat16, enabled=self.half):
            if self.scale == 1:
                return called(self.unet)(z, t, context)
            both = torch.cat([self.empty.expand_as(context), context])
            unconditional, conditional = called(self.unet)(z.repeat(2, 1, 1, 1), t.repeat(2), both).chunk(2)
            return guided(unconditional, conditional, self.scale)


class Lesson:
    """Everything a student learns from: the teacher, the text encoder, latents of scenes and their captions."""

    def __init__(self, options: argparse.Namespace, objective: str = "epsilon") -> None:
        torch.manual_seed(options.seed)
        self.options, self.objective = options, objective
        self.device = place = common.own_device()
        self.text, self.vae = words.TextEncoder(options.clip, place), latents.autoencoder(options.vae, place)
        self.z = latents.encoded(self.vae, options.scenes, TRAINING_SEED, options.cache).to(place)
        self.ids = words.tokens(words.wordings(sample(options.scenes, TRAINING_SEED))).to(place)
        self.empty = words.tokens([[""]])[0, 0].to(place)
        self.teacher = Teacher(options.teacher or TEACHERS[objective], place, self.text.read([""]), options.scale,
                               options.precision)

    def student(self) -> UNet2DConditionModel:
        """A network to train: the teacher's weights, or those to begin with."""
        unet, base = UNet2DConditionModel.from_config(self.teacher.unet.config), self.teacher.unet.state_dict()
        unet.load_state_dict(base)
        portable.start_from(unet, self.options.start)
        plain_attention(unet)
        return low_rank.factorised(unet, base, self.options.rank) if self.options.rank else unet

    def fresh(self) -> UNet2DConditionModel:
        """A network of the same make, to be filled with averaged weights."""
        unet = plain_attention(UNet2DConditionModel.from_config(self.teacher.unet.config))
        if self.options.rank:
            low_rank.collapsing(low_rank.factorised(unet, unet.state_dict(), self.options.rank))
        return unet

    def begin(
        self, others: dict[str, Any] | None = None, report: Callable[[], dict[str, float]] = dict,
        sampler: str | None = None,
    ) -> tuple[common.Run, portable.Finish]:
        """The run and the end of its steps; `others` go into the checkpoint, what they `report` into the log."""
        student, restart = self.student(), portable.Restart()
        if not self.options.rank and not others:  # else a checkpoint needs more than OUT/model holds
            portable.take_up(self.options, student)
        run = common.Run(self.options, student, {"restart": restart, **(others or {})})
        judge = Judge(self, sampler or PATHS[self.objective].leaps)
        return run, portable.Finish(run, restart, self.fresh, lambda unet, step: {**report(), **judge(unet, step)})

    def prompts(self, scenes: np.ndarray, rng: np.random.Generator) -> Int[Tensor, "n 24"]:
        """Token indices of one caption for each scene, some of them dropped."""
        wording = torch.from_numpy(rng.integers(0, self.ids.shape[1], len(scenes))).to(self.device)
        ids = self.ids[torch.from_numpy(scenes).to(self.device), wording]
        return dropped(ids, self.empty, self.options.dropout, rng)

    def batch(self, rng: np.random.Generator) -> tuple[Latents, Context]:
        """Latents of scenes, and hidden states of their captions."""
        scenes = rng.integers(0, len(self.z), self.options.batch)
        return self.z[torch.from_numpy(scenes).to(self.device)].float(), self.text(self.prompts(scenes, rng))

    def fractions(self, rng: np.random.Generator, low: float = 0.0, high: float = 1.0) -> Float[Tensor, " b"]:
        """Places on the path, evenly spread over (low, high]."""
        return torch.from_numpy(high - (high - low) * rng.random(self.options.batch)).float().to(self.device)


class Judge:
    """Validation: what the critic reads off pictures of held-out captions at each number of evaluations."""

    def __init__(self, lesson: Lesson, sampler: str) -> None:
        self.lesson, self.sampler = lesson, sampler
        self.scenes = sample(lesson.options.judged, VALIDATION_SEED) if lesson.options.judged else []
        self.critic = load_critic(str(lesson.device)) if lesson.options.judged else None

    def __call__(self, unet: UNet2DConditionModel, step: int) -> dict[str, float]:
        """Mean accuracies; writes the contact sheet, two rows for each number of evaluations."""
        if not self.scenes:
            return {}
        made = {n: self.pictures(unet, n) for n in EVALUATIONS}
        shown = np.concatenate([pictures[:SHOWN] for pictures in made.values()])
        Image.fromarray(sheet(list(shown), columns=8)).save(self.lesson.options.out / f"samples-{step:06d}.png")
        return {f"accuracy_{n}": float(np.mean(list(accuracy(read(pictures, self.critic), self.scenes).values())))
                for n, pictures in made.items()}

    @torch.inference_mode()
    def pictures(self, unet: UNet2DConditionModel, evaluations: int, batch: int = 64) -> np.ndarray:
        """One picture for each scene's plain caption, seeds 0, 1, 2, ..."""
        parts = []
        for k in range(0, len(self.scenes), batch):
            context = self.lesson.text.read([caption(scene) for scene in self.scenes[k : k + batch]])
            sources, scheduler = generators(range(k, k + len(context))), stock_scheduler(self.sampler, evaluations)
            predict = with_guidance(unet, context, context, scale=1.0)
            parts.append(denoise(predict, scheduler, drawn(sources).to(context.device), sources))
        return latents.decode(self.lesson.vae, torch.cat(parts))
