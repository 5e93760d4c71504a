"""One step of consistency distillation: what the student is told, and what it may not know."""
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion import schedule
from course_utils.diffusion.samplers import ddim_step
from course_utils.grading.question import Case, Mistake, Question
from course_utils.grading.values import Given

Latents = Float[Tensor, "b c h w"]
Step = dict[str, Any]


def cases(rng: np.random.Generator) -> list[Case]:
    """A student and a teacher, noisy latents, and two timesteps of the course's schedule, s below t."""
    found: list[Case] = []
    for _ in range(2):
        s, t = sorted(int(k) for k in rng.choice(np.arange(50, 950, 20), 2, replace=False))
        networks = {name: Given("toy_network", {"channels": 3, "seed": int(rng.integers(1 << 30))})
                    for name in ("student", "teacher")}
        found.append({**networks, "z": rng.normal(size=(2, 3, 4, 4)), "t": t, "s": s})
    return found


def distil(student: Any, teacher: Any, z: Latents, t: int, s: int) -> Step:
    """The student at t should say what it says itself one step of the teacher further; that it is told as it stands."""
    alphas = schedule.alphas_bar()
    with torch.no_grad():
        nearer = ddim_step(z, teacher(z, t), alphas[t], alphas[s])
        goal = student(nearer, s)
    loss = (student(z, t) - goal).square().mean()
    (gradient,) = torch.autograd.grad(loss, student.weight)
    return {"loss": loss.item(), "gradient": gradient}


def _step(student: Any, guess: Latents, goal: Latents, sum_up: bool = False) -> Step:
    squares = (guess - goal).square()
    loss = squares.sum() if sum_up else squares.mean()
    return {"loss": loss.item(), "gradient": torch.autograd.grad(loss, student.weight)[0]}


def _nearer(teacher: Any, z: Latents, t: int, s: int) -> Latents:
    alphas = schedule.alphas_bar()
    return ddim_step(z, teacher(z, t), alphas[t], alphas[s]).detach()


def _backward(student: Any, teacher: Any, z: Latents, t: int, s: int) -> Step:
    goal = student(_nearer(teacher, z, t, s), s).detach()
    student.weight.grad = None
    loss = torch.nn.functional.mse_loss(student(z, t), goal)
    loss.backward()
    return {"loss": loss.detach(), "gradient": student.weight.grad}


def _loop(student: Any, teacher: Any, z: Latents, t: int, s: int) -> Step:
    parts = [distil(student, teacher, z[k : k + 1], t, s) for k in range(len(z))]
    return {"loss": sum(part["loss"] for part in parts) / len(z),
            "gradient": torch.stack([part["gradient"] for part in parts]).mean(0)}


def _by_hand(student: Any, teacher: Any, z: Latents, t: int, s: int) -> Step:
    now, then = (float(schedule.alphas_bar()[k]) for k in (t, s))
    noise = teacher(z, t).detach()
    nearer = then**0.5 * (z - (1 - now) ** 0.5 * noise) / now**0.5 + (1 - then) ** 0.5 * noise
    return _step(student, student(z.double(), t), student(nearer.double(), s).detach())


def _to_picture(student: Any, teacher: Any, z: Latents, t: int, s: int) -> Step:
    return _step(student, student(z, t), schedule.predict_x0(z, teacher(z, t), t).detach())


def _own_step(student: Any, teacher: Any, z: Latents, t: int, s: int) -> Step:
    return _step(student, student(z, t), student(_nearer(student, z, t, s), s).detach())


def _backwards(student: Any, teacher: Any, z: Latents, t: int, s: int) -> Step:
    return _step(student, student(z, t), student(_nearer(teacher, z, s, t), s).detach())


def _late(student: Any, teacher: Any, z: Latents, t: int, s: int) -> Step:
    alphas = schedule.alphas_bar()
    nearer = ddim_step(z, teacher(z, s), alphas[t], alphas[s]).detach()
    return _step(student, student(z, t), student(nearer, s).detach())


QUESTION = Question(
    id="q4", title="A step of consistency distillation", answer="distil", points=4, minutes=20, rtol=1e-3, atol=1e-5,
    hints=(
        "Two points of one path of the teacher: z at t, and where one step of DDIM with the teacher's noise takes"
        " it, at"
        " s. A consistency function says the same about both.",
        "The student answers at both. Its answer at the point nearer to the picture is the goal: it knows better"
        " there.",
        "A goal must not run away from whoever is told it: no gradient passes through it. detach, or torch.no_grad.",
    ),
    reference=distil, cases=cases, alternatives=(_backward, _loop, _by_hand),
    mistakes=(
        Mistake("goal learns too", lambda student, teacher, z, t, s: _step(
            student, student(z, t), student(_nearer(teacher, z, t, s), s)),
                "The loss is right, the gradient is not: it also passes through the goal, which should stand"
                " still.", 3),
        Mistake("only the goal learns", lambda student, teacher, z, t, s: _step(
            student, student(z, t).detach(), student(_nearer(teacher, z, t, s), s)),
                "The loss is right, but you hold the wrong answer still: the one at t should learn from the one at"
                " s.", 2),
        Mistake("goal told the old timestep", lambda student, teacher, z, t, s: _step(
            student, student(z, t), student(_nearer(teacher, z, t, s), t).detach()),
                "The point is at s by now, and the student is told that it is at t.", 1),
        Mistake("no step", lambda student, teacher, z, t, s: _step(student, student(z, t), student(z, s).detach()),
                "z itself is shown again as if it were at s: the teacher has not moved it.", 1),
        Mistake("teacher's picture", _to_picture,
                "Your goal is the picture which the teacher implies at once. That is an average, a blur; consistency"
                " asks"
                " the student one step further on.", 1),
        Mistake("student's own step", _own_step,
                "The step is taken with the student's answer as if it were noise; the teacher knows the way.", 1),
        Mistake("step to more noise", _backwards, "Your step goes from s to t, to more noise.", 1),
        Mistake("teacher told s", _late, "The teacher is asked about a point at t, and told that it is at s.", 1),
        Mistake("both at t", lambda student, teacher, z, t, s: _step(
            student, student(z, t), student(z, t).detach() * 0 + teacher(z, t)),
                "Your goal is the teacher's *noise*. It is for taking the step.", 1),
        Mistake("sum", lambda student, teacher, z, t, s: _step(
            student, student(z, t), student(_nearer(teacher, z, t, s), s).detach(), sum_up=True),
                "You add up the squares; the loss is their mean.", 2),
        Mistake("uphill", lambda student, teacher, z, t, s: {
            "loss": distil(student, teacher, z, t, s)["loss"],
            "gradient": -distil(student, teacher, z, t, s)["gradient"]},
                "The loss is right; the gradient has the wrong sign: it points uphill.", 2),
        Mistake("loss alone", lambda student, teacher, z, t, s: distil(student, teacher, z, t, s)["loss"],
                "should be a dictionary with the keys"),
    ),
)
