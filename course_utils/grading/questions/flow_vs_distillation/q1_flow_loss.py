"""The flow-matching loss, in three lines."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion import flow
from course_utils.grading.question import Case, Mistake, Question
from course_utils.grading.values import Given

Latents = Float[Tensor, "b c h w"]
Levels = Float[Tensor, " b"]
Network = Callable[[Latents, Levels], Latents]


def cases(rng: np.random.Generator) -> list[Case]:
    """A toy network, and as many pictures as channels, so that levels on the wrong axis show."""
    return [{"network": Given("toy_network", {"channels": 4, "seed": int(rng.integers(1 << 30))}),
             "x0": rng.normal(size=(4, 4, 4, 4)), "epsilon": rng.normal(size=(4, 4, 4, 4)),
             "sigma": rng.uniform(0.05, 0.95, 4)} for _ in range(2)]


def flow_loss(network: Network, x0: Latents, epsilon: Latents, sigma: Levels) -> float:
    r"""\(\lVert v(x_\sigma, 1000\sigma) - (\epsilon - x_0) \rVert^2\), mean over all numbers."""
    s = sigma.view(-1, 1, 1, 1)
    x = (1 - s) * x0 + s * epsilon
    return (network(x, 1000 * sigma) - (epsilon - x0)).square().mean().item()


def _loss(network: Network, x: Latents, t: Levels, target: Latents) -> float:
    return (network(x, t) - target).square().mean().item()


def _library(network: Network, x0: Latents, epsilon: Latents, sigma: Levels) -> float:
    guess = network(flow.path(x0, epsilon, sigma), flow.TIMES * sigma)
    return torch.nn.functional.mse_loss(guess, flow.velocity(x0, epsilon)).item()


def _loop(network: Network, x0: Latents, epsilon: Latents, sigma: Levels) -> float:
    total = 0.0
    for k in range(len(x0)):
        x = torch.lerp(x0[k : k + 1], epsilon[k : k + 1], float(sigma[k]))
        total += ((network(x, 1000 * sigma[k : k + 1]) - epsilon[k] + x0[k]) ** 2).sum().item()
    return total / x0.numel()


def _double(network: Network, x0: Latents, epsilon: Latents, sigma: Levels) -> Tensor:
    x0, epsilon, sigma = x0.double(), epsilon.double(), sigma.double()
    velocity = epsilon.sub(x0)
    x = x0.add_(velocity * sigma[:, None, None, None])
    return (network(x, sigma * 1000) - velocity).pow(2).mean().detach()


def _path(x0: Latents, epsilon: Latents, sigma: Levels) -> Latents:
    return flow.path(x0, epsilon, sigma)


QUESTION = Question(
    id="q1", title="The flow-matching loss", answer="flow_loss", points=3, minutes=10,
    hints=(
        "At sigma = 0 the path is at the picture, at sigma = 1 at the noise, and it is straight. Write x at sigma.",
        "How fast does x change as sigma grows? That is what the network is to answer, and it is the same all along.",
        "sigma has one entry a picture: view(-1, 1, 1, 1) shapes it for a product. The network reads 1000 · sigma.",
    ),
    reference=flow_loss, cases=cases, alternatives=(_library, _loop, _double),
    mistakes=(
        Mistake("velocity turned round", lambda network, x0, epsilon, sigma: _loss(
            network, _path(x0, epsilon, sigma), 1000 * sigma, x0 - epsilon),
                "Your velocity points from noise to picture. As sigma grows, x goes the other way.", 1),
        Mistake("path turned round", lambda network, x0, epsilon, sigma: _loss(
            network, _path(epsilon, x0, sigma), 1000 * sigma, epsilon - x0),
                "Your path begins at the noise. At sigma = 0 it should be at the picture.", 1),
        Mistake("all turned round", lambda network, x0, epsilon, sigma: _loss(
            network, _path(epsilon, x0, sigma), 1000 * sigma, x0 - epsilon),
                "Your sigma runs from noise to picture, as some papers have it. In this course 0 is the picture.", 1),
        Mistake("asks for the noise", lambda network, x0, epsilon, sigma: _loss(
            network, _path(x0, epsilon, sigma), 1000 * sigma, epsilon),
                "You ask for the noise, as diffusion does. A flow is asked for the velocity along the path.", 1),
        Mistake("asks for the picture", lambda network, x0, epsilon, sigma: _loss(
            network, _path(x0, epsilon, sigma), 1000 * sigma, x0),
                "You ask for the picture. A flow is asked for the velocity along the path.", 1),
        Mistake("not a thousand", lambda network, x0, epsilon, sigma: _loss(
            network, _path(x0, epsilon, sigma), sigma, epsilon - x0),
                "The network is told sigma itself; it reads timesteps, which go up to 1000.", 2),
        Mistake("wrong axis", lambda network, x0, epsilon, sigma: _loss(
            network, (1 - sigma) * x0 + sigma * epsilon, 1000 * sigma, epsilon - x0),
                "Each *column* of pixels gets a sigma of its own. It is one for each picture: mind the shape.", 1),
        Mistake("diffusion's mix", lambda network, x0, epsilon, sigma: _loss(
            network, (1 - sigma.view(-1, 1, 1, 1)).sqrt() * x0 + sigma.view(-1, 1, 1, 1).sqrt() * epsilon,
            1000 * sigma, epsilon - x0), "Roots belong to diffusion's mix, which keeps the variance. A flow's path is a"
                " straight line.", 1),
        Mistake("sum", lambda network, x0, epsilon, sigma: flow_loss(network, x0, epsilon, sigma) * x0.numel(),
                "That is the sum of the squares; the loss is their mean.", 2),
        Mistake("root", lambda network, x0, epsilon, sigma: flow_loss(network, x0, epsilon, sigma) ** 0.5,
                "You take the root of the mean square; the loss is the mean square itself.", 2),
        Mistake("absolute", lambda network, x0, epsilon, sigma: (network(
            _path(x0, epsilon, sigma), 1000 * sigma) - epsilon + x0).abs().mean().item(),
                "That is the mean absolute error; the loss is the mean square.", 2),
        Mistake("always clean", lambda network, x0, epsilon, sigma: _loss(network, x0, 1000 * sigma, epsilon - x0),
                "The network is shown the clean picture. It should see the point of the path at sigma."),
        Mistake("each number", lambda network, x0, epsilon, sigma: (
            network(_path(x0, epsilon, sigma), 1000 * sigma) - epsilon + x0).square(), "should be one number"),
    ),
)
