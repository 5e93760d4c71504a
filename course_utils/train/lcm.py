r"""A student that leaps: latent consistency distillation, from a noise-predicting teacher or from a flow.

    python -m course_utils.train.lcm --every 250                               # two CPU cores
    python -m course_utils.train.lcm --objective flow --out runs/flow_consistency
    ... --batch 512 --steps 6000 --rate 5e-4 --scenes 60000 --judged 256       # one GPU

Song et al., Consistency Models (2023): all points of one sampling path should be told the same picture. So the
student's guess at one point is drawn to its own guess where the teacher's sampler stands one step later; at the path's
end the guess is the picture itself. Luo et al., Latent Consistency Models (2023): do it on latents, with the
teacher's guidance inside, so that the student needs none. The student of `text_to_image` runs under the stock
`LCMScheduler`, that of `flow` under `FlowMatchLCMScheduler`. A run that is killed goes on with the same command.
"""
from __future__ import annotations

import argparse

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.train import common, students
from course_utils.train.paths import PATHS, Path
from course_utils.train.students import Context, Latents, Network


def consistency_loss(
    path: Path, student: Network, teacher: Network, z: Latents, u: Float[Tensor, " b"], v: Float[Tensor, " b"],
    context: Context,
) -> Float[Tensor, ""]:
    r"""\(d(f_\theta(z_u, u),\ \mathrm{sg} f_\theta(\hat z_v, v))\), with \(\hat z_v\) one teacher's step from \(z_u\).

    f is the picture that the student's prediction implies. No gradient flows through the second guess, and no average
    of weights is needed for it (Song and Dhariwal, Improved Techniques for Training Consistency Models, 2024).
    """
    with torch.no_grad():
        later = path.step(z, teacher(z, path.times(u), context), u, v)
        target = path.clean(later, student(later, path.times(v), context), v)
    return pseudo_huber(path.clean(z, student(z, path.times(u), context), u), target)


def pseudo_huber(guess: Latents, target: Latents, c: float = 0.03) -> Float[Tensor, ""]:
    r"""\(\sqrt{\overline{d^2} + c^2} - c\) of each latent's mean squared difference \(\overline{d^2}\), then the mean.

    Squared where guesses agree, linear where a few are far off (Song and Dhariwal, 2024, section 3.3).
    """
    return ((guess - target).square().mean((1, 2, 3)) + c**2).sqrt().sub(c).mean()


def main(argv: list[str] | None = None) -> None:
    """Train; the averaged weights lie in OUT/model after every validation."""
    parser = students.arguments("lcm", __doc__ or "", steps=3_000, batch=16, rate=3e-4)
    parser.add_argument("--objective", choices=tuple(PATHS), default="epsilon", help="the teacher's (%(default)s)")
    parser.add_argument("--solver-steps", type=int, default=25, help="teacher's steps along a path (%(default)s)")
    train(common.parsed(parser, argv))


def train(options: argparse.Namespace) -> None:
    """The whole method: noise a latent, let the teacher go one step, ask the student at both places."""
    lesson, path = students.Lesson(options, options.objective), PATHS[options.objective]
    run, finish = lesson.begin()
    student = students.called(run.model)
    for step in run.steps():
        rng = run.numbers(step)
        z0, context = lesson.batch(rng)
        u = lesson.fractions(rng)
        v = (u - 1 / options.solver_steps).clamp(min=0)
        z = path.noised(z0, run.noise(step, *z0.shape), u)
        finish(consistency_loss(path, student, lesson.teacher, z, u, v, context), step)
    print(f"{options.out / 'model'} is ready; ship it with: python -m course_utils.train.ship ROLE {options.out}")


if __name__ == "__main__":
    main()
