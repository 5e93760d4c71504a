r"""Distribution matching distillation: a generator whose pictures the teacher's score no longer wants to change.

    python -m course_utils.train.dmd --every 250                               # two CPU cores
    python -m course_utils.train.dmd --batch 512 --steps 5000 --rate 1e-4 --scenes 60000 --judged 256       # one GPU

Yin et al., One-step Diffusion with Distribution Matching Distillation (2024): the gradient of the divergence between
the student's noised pictures and the teacher's is the difference of their scores. The teacher knows its own; a second
network, the fake score, follows the student's by ordinary denoising. As in Improved Distribution Matching Distillation
(Yin et al., 2024) no pairs of noise and picture are stored, the fake score learns on a faster time scale, and the
student's inputs are those that its own sampling brings: so it serves at 1, 2 and 4 evaluations, under the stock
`LCMScheduler`. A run that is killed goes on with the same command.
"""
from __future__ import annotations

import argparse

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.train import common, students
from course_utils.train.chains import Chains
from course_utils.train.paths import PATHS, visited
from course_utils.train.rival import Rival
from course_utils.train.students import Latents
from course_utils.train.text_to_image import epsilon_loss


def matching_gradient(x: Latents, real: Latents, fake: Latents) -> Latents:
    r"""\((\hat x_\text{fake} - \hat x_\text{real})\,/\,\overline{|x - \hat x_\text{real}|}\), latent by latent.

    Of a picture x, noised, the teacher's guess and the fake score's: their difference points from where the teacher's
    pictures are denser to where the student's are (Yin et al., 2024, equations 7 and 8).
    """
    return (fake - real) / (x - real).abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-3)


def following(x: Latents, gradient: Latents) -> Float[Tensor, ""]:
    r"""\(\tfrac12\lVert x - \mathrm{sg}(x - g)\rVert^2\), mean over numbers: its gradient is g over their count."""
    return 0.5 * (x - (x - gradient).detach()).square().mean()


def main(argv: list[str] | None = None) -> None:
    """Train; the averaged weights lie in OUT/model after every validation."""
    parser = students.arguments("dmd", __doc__ or "", steps=1_500, batch=16, rate=5e-5)
    parser.add_argument("--fake-rate", type=float, default=2e-4, help="the fake score's rate (default %(default)s)")
    parser.add_argument("--fake-steps", type=int, default=2, help="its steps for each of the student's (%(default)s)")
    train(common.parsed(parser, argv))


def train(options: argparse.Namespace) -> None:
    """The whole method: generate, teach the fake score what was generated, go down the difference of the scores."""
    lesson, path = students.Lesson(options), PATHS["epsilon"]
    fake = Rival(lesson.student(), options.fake_rate, lesson.device)
    chains = Chains(path, visited(path, 4), options.batch, lesson.teacher.empty)
    run, finish = lesson.begin({"fake": fake, "chains": chains}, report=fake.report)
    fake.join(run.accelerator)
    student, follower = students.called(run.model), students.called(fake.model)
    for step in run.steps():
        rng = run.numbers(step)
        start, *drawn, epsilon = run.noise(step, options.fake_steps + 2, options.batch, *lesson.z.shape[1:])
        z, u, context = chains.next(rng, start, lesson.batch(rng)[1])
        x = path.clean(z, student(z, path.times(u), context), u)
        for noise in drawn:
            times = path.times(lesson.fractions(rng))
            fake.learn(epsilon_loss(fake.model, x.detach(), noise, times, context))
        w = lesson.fractions(rng, 0.02, 0.98)
        noised = path.noised(x.detach(), epsilon, w)
        with torch.no_grad():
            real = path.clean(noised, lesson.teacher(noised, path.times(w), context), w)
            made = path.clean(noised, follower(noised, path.times(w), context), w)
        chains.made(x)
        finish(following(x, matching_gradient(x.detach(), real, made)), step)
    print(f"{options.out / 'model'} is ready; ship it with: python -m course_utils.train.ship ROLE {options.out}")


if __name__ == "__main__":
    main()
