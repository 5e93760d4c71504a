r"""Adversarial diffusion distillation: a discriminator that looks through the teacher's eyes, and the teacher's advice.

    python -m course_utils.train.adversarial --every 250                       # two CPU cores
    python -m course_utils.train.adversarial --batch 512 --steps 6000 --rate 1e-4 --scenes 60000 --judged 256  # one GPU

Sauer et al., Adversarial Diffusion Distillation (2023): the student's pictures should pass for real, and the teacher,
shown them noised, should guess the same picture. Sauer et al., Fast High-Resolution Image Synthesis with Latent
Adversarial Diffusion Distillation (2024): real and made latents are noised and go through the frozen teacher's encoder,
with their prompts; only small heads on its features are trained to tell them apart. No picture is decoded. The student
serves at 1, 2 and 4 evaluations, under the stock `LCMScheduler`. A run that is killed goes on with the same command.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import relu
from torch.nn.utils.parametrizations import spectral_norm

from course_utils.train import common, students
from course_utils.train.chains import Chains
from course_utils.train.paths import PATHS, visited
from course_utils.train.rival import Rival
from course_utils.train.students import Context, Latents

Scores = Float[Tensor, "b k"]


def features(unet: Any, z: Latents, t: Tensor, context: Context) -> list[Tensor]:
    """What the U-Net's encoder makes of latents: one map `[b, c, h, w]` of each of its levels and of its middle."""
    embedded = unet.time_embedding(unet.time_proj(t).to(z.dtype))
    x, levels = unet.conv_in(z), []
    for block in unet.down_blocks:
        read = {"encoder_hidden_states": context} if getattr(block, "has_cross_attention", False) else {}
        x, skipped = block(x, embedded, **read)
        levels.append(skipped[0])
    return [*levels, unet.mid_block(x, embedded, encoder_hidden_states=context)]


class Heads(nn.Module):
    """One small head on each map of features; returns all their scores, higher for real."""

    def __init__(self, channels: Sequence[int], width: int = 64) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Sequential(
            nn.GroupNorm(1, c), spectral_norm(nn.Conv2d(c, width, 3, 1, 1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, width, 3, 1, 1)), nn.LeakyReLU(0.2), nn.Conv2d(width, 1, 1))
            for c in channels])

    def forward(self, maps: list[Tensor]) -> Scores:
        """Scores of every place of every map."""
        return torch.cat([head(x).flatten(1) for head, x in zip(self.heads, maps, strict=True)], dim=1).float()


def hinge(real: Scores, made: Scores) -> Float[Tensor, ""]:
    r"""\(\overline{\max(0, 1 - D(x))} + \overline{\max(0, 1 + D(\hat x))}\) (Lim and Ye, Geometric GAN, 2017)."""
    return relu(1 - real).mean() + relu(1 + made).mean()


def advice(x: Latents, guess: Latents, u: Float[Tensor, " b"]) -> Float[Tensor, ""]:
    r"""\((1-u)\,\lVert x - \mathrm{sg}\,\hat x_\text{teacher}\rVert^2\), mean over numbers: the teacher's guess counts
    less the more noise hid the picture from it (Sauer et al., 2023, equation 5, with a weight of its kind)."""
    return ((1 - u) * (x - guess.detach()).square().mean((1, 2, 3))).mean()


def main(argv: list[str] | None = None) -> None:
    """Train; the averaged weights lie in OUT/model after every validation."""
    parser = students.arguments("adversarial", __doc__ or "", steps=2_500, batch=16, rate=1e-4)
    parser.add_argument("--heads-rate", type=float, default=5e-4, help="the discriminator's rate (default %(default)s)")
    parser.add_argument("--advice", type=float, default=1.0, help="weight of the teacher's advice (%(default)s)")
    train(common.parsed(parser, argv))


def train(options: argparse.Namespace) -> None:
    """The whole method: generate, noise, look at both through the teacher, teach the heads, then the student."""
    lesson, path = students.Lesson(options), PATHS["epsilon"]
    teacher: Any = lesson.teacher.unet
    heads = Rival(Heads([*teacher.config.block_out_channels, teacher.config.block_out_channels[-1]]),
                  options.heads_rate, lesson.device)
    chains = Chains(path, visited(path, 4), options.batch, lesson.teacher.empty)
    run, finish = lesson.begin({"heads": heads, "chains": chains}, report=heads.report)
    heads.join(run.accelerator)
    student = students.called(run.model)
    for step in run.steps():
        rng = run.numbers(step)
        start, epsilon, other = run.noise(step, 3, options.batch, *lesson.z.shape[1:])
        z0, own = lesson.batch(rng)
        z, u, context = chains.next(rng, start, own)
        x = path.clean(z, student(z, path.times(u), context), u)
        w = lesson.fractions(rng)
        made, real = path.noised(x, epsilon, w), path.noised(z0, other, w)
        with run.accelerator.autocast():
            seen = features(teacher, made, path.times(w), context)
            with torch.no_grad():
                true = features(teacher, real, path.times(w), own)
        heads.learn(hinge(heads.model(true), heads.model([level.detach() for level in seen])))
        guess = path.clean(made.detach(), lesson.teacher(made.detach(), path.times(w), context), w)
        chains.made(x)
        finish(options.advice * advice(x, guess, w) - heads.model(seen).mean(), step)
    print(f"{options.out / 'model'} is ready; ship it with: python -m course_utils.train.ship ROLE {options.out}")


if __name__ == "__main__":
    main()
