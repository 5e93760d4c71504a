"""The first step of a zero convolution, by hand: no autograd."""
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.grading.question import Case, Mistake, Question

Features = Float[Tensor, "b c h w"]
Step = dict[str, Tensor]


def cases(rng: np.random.Generator) -> list[Case]:
    """More channels out than in, so that a transposed weight shows; pictures that are not square."""
    return [{"x": rng.normal(size=(b, i, 4, 5)), "gradient": rng.normal(size=(b, o, 4, 5)),
             "rate": float(rng.uniform(0.02, 0.3))} for b, i, o in ((2, 3, 5), (3, 4, 4), (1, 6, 2))]


def first_step(x: Features, gradient: Features, rate: float) -> Step:
    r"""\(y = Wx + b\) at every place, W and b zero. By the chain rule
    \(W' = -\eta \sum g x^\top,\; b' = -\eta \sum g,\; \partial L/\partial x = W^\top g = 0\)."""
    weight = -rate * torch.einsum("bohw,bihw->oi", gradient, x)
    bias = -rate * gradient.sum((0, 2, 3))
    return {"weight": weight, "bias": bias, "behind": torch.zeros_like(x)}


def _loop(x: Features, gradient: Features, rate: float) -> Step:
    weight, bias = torch.zeros(gradient.shape[1], x.shape[1]), torch.zeros(gradient.shape[1])
    for b in range(len(x)):
        for h in range(x.shape[2]):
            for w in range(x.shape[3]):
                weight -= rate * torch.outer(gradient[b, :, h, w], x[b, :, h, w])
                bias -= rate * gradient[b, :, h, w]
    return {"weight": weight, "bias": bias, "behind": x * 0}


def _autograd(x: Features, gradient: Features, rate: float) -> Step:
    layer: Any = torch.nn.Conv2d(x.shape[1], gradient.shape[1], 1)
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    x.requires_grad_()
    layer(x).backward(gradient)
    torch.optim.SGD(layer.parameters(), lr=rate).step()
    return {"weight": layer.weight[:, :, 0, 0], "bias": layer.bias, "behind": x.grad}


def _matrices(x: Features, gradient: Features, rate: float) -> Step:
    rows, wanted = (a.double().movedim(1, -1).flatten(0, 2) for a in (x, gradient))
    return {"weight": -rate * wanted.T @ rows, "bias": -rate * wanted.sum(0), "behind": torch.zeros(x.shape)}


def _changed(x: Features, gradient: Features, rate: float, **parts: Tensor) -> Step:
    return {**first_step(x, gradient, rate), **parts}


def _behind(x: Features, gradient: Features, rate: float) -> Tensor:
    return torch.einsum("oi,bohw->bihw", first_step(x, gradient, rate)["weight"], gradient)


def _square(x: Features, gradient: Features, rate: float) -> Step:
    return _changed(x, gradient, rate, weight=first_step(x, gradient, rate)["weight"].T)


QUESTION = Question(
    id="q3", title="The first step, by hand", answer="first_step", points=4, minutes=20, rtol=1e-3, atol=1e-4,
    hints=(
        "Take one place of one picture: y = W x + b. Move one entry of W, W[o, i], a little: which y changes, and by"
        " how"
        " much? And if you move b[o]?",
        "So the gradient of W[o, i] is g[o] times x[i], added up over all places and pictures, for they share one W.",
        "What reaches the features behind the layer comes through W. Which W does it meet in the first step?",
    ),
    reference=first_step, cases=cases, alternatives=(_loop, _autograd, _matrices),
    mistakes=(
        Mistake("uphill", lambda x, gradient, rate: first_step(x, gradient, -rate),
                "The step goes uphill: it should make the loss smaller."),
        Mistake("transposed", _square, "are two axes swapped?"),
        Mistake("mean over places", lambda x, gradient, rate: first_step(
            x, gradient / (gradient.shape[2] * gradient.shape[3]), rate),
                "You average over places. One weight serves them all, and each place adds its share.", 1),
        Mistake("mean over the batch", lambda x, gradient, rate: first_step(x, gradient / len(x), rate),
                "You average over pictures. `gradient` is that of the whole loss, so their shares add up.", 1),
        Mistake("mean over everything", lambda x, gradient, rate: first_step(
            x, gradient / (gradient.numel() / gradient.shape[1]), rate),
                "You average over places and pictures. One weight serves them all, and all their shares add up.", 1),
        Mistake("rate ignored", lambda x, gradient, rate: first_step(x, gradient, 1.0), "`rate` is not used.", 1),
        Mistake("bias stands still", lambda x, gradient, rate: _changed(
            x, gradient, rate, bias=torch.zeros(gradient.shape[1])),
                "The weight is right, but the bias learns too: move it a little, which answers change?", 2),
        Mistake("weight stands still", lambda x, gradient, rate: _changed(
            x, gradient, rate, weight=torch.zeros(gradient.shape[1], x.shape[1])),
                "A weight of zero has a gradient that is not zero: it is the *input* times what the loss says.", 1),
        Mistake("something behind", lambda x, gradient, rate: _changed(
            x, gradient, rate, behind=_behind(x, gradient, rate)),
                "You let the gradient pass through the weights of after the step. The first step meets those of"
                " before.",
                2),
        Mistake("bias of the input", lambda x, gradient, rate: _changed(
            x, gradient, rate, bias=-rate * (gradient * x.mean(1, keepdim=True)).sum((0, 2, 3))),
                "The bias is added whatever the input is, so the input is not in its gradient.", 2),
        Mistake("gradients, not parameters", lambda x, gradient, rate: {
            name: value if name == "behind" else value / -rate
            for name, value in first_step(x, gradient, rate).items()},
                "Those are the gradients. The question asks for the parameters after the step.", 1),
        Mistake("no gradient behind", lambda x, gradient, rate: {
            k: v for k, v in first_step(x, gradient, rate).items() if k != "behind"}, "a dictionary with the keys"),
    ),
)
