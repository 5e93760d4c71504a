"""A zero convolution wakes: silent before its first step of training, and not after it."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.grading.faults import Wrong
from course_utils.grading.judging import by_reference
from course_utils.grading.question import Case, Mistake, Question, Verdict
from course_utils.grading.values import Array

Features = Float[Tensor, "b c h w"]
Both = tuple[Features, Features]

LOUD = ("The layer is not silent at first: what it adds before any training should be exactly zero. Which of its"
        " numbers are not?")


def cases(rng: np.random.Generator) -> list[Case]:
    """Features, and what the loss says about the layer's answer."""
    return [{"x": rng.normal(size=(2, c, 6, 6)), "gradient": 0.1 * rng.normal(size=(2, c, 6, 6)),
             "rate": float(rng.uniform(0.05, 0.5))} for c in (3, 5)]


def wake(x: Features, gradient: Features, rate: float) -> Both:
    """What a zero convolution answers before and after one step of gradient descent."""
    layer: Any = nn.Conv2d(x.shape[1], x.shape[1], kernel_size=1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    before = layer(x)
    before.backward(gradient)
    torch.optim.SGD(layer.parameters(), lr=rate).step()
    return before, layer(x)


def _zeroed(layer: Any) -> Any:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _trained(layer: Any, x: Features, gradient: Features, rate: float) -> Both:
    before = layer(x)
    before.backward(gradient)
    with torch.no_grad():
        for parameter in layer.parameters():
            if parameter.grad is not None:
                parameter -= rate * parameter.grad
    return before, layer(x)


def _plain(x: Features, **options: Any) -> Any:
    return nn.Conv2d(x.shape[1], x.shape[1], **{"kernel_size": 1, **options})


def _without_module(x: Features, gradient: Features, rate: float) -> Both:
    c = x.shape[1]
    weight, bias = torch.zeros(c, c, 1, 1, requires_grad=True), torch.zeros(c, requires_grad=True)
    before = nn.functional.conv2d(x, weight, bias)
    dw, db = torch.autograd.grad((before * gradient).sum(), (weight, bias))
    return before, nn.functional.conv2d(x, weight - rate * dw, bias - rate * db)


def _by_hand(x: Features, gradient: Features, rate: float) -> list[Features]:
    x, gradient = x.double(), gradient.double()
    weight = -rate * torch.einsum("bohw,bihw->oi", gradient, x)
    bias = -rate * gradient.sum((0, 2, 3))
    return [torch.zeros_like(x), torch.einsum("oi,bihw->bohw", weight, x) + bias[:, None, None]]


def _linear(x: Features, gradient: Features, rate: float) -> Both:
    layer: Any = nn.Linear(x.shape[1], x.shape[1])
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    rows = x.movedim(1, -1)
    before = layer(rows)
    (before * gradient.movedim(1, -1)).sum().backward()
    with torch.no_grad():
        layer.weight.sub_(rate * layer.weight.grad)
        layer.bias.sub_(rate * layer.bias.grad)
    return before.movedim(-1, 1), layer(rows).movedim(-1, 1)


def _bias_left(x: Features, gradient: Features, rate: float) -> Both:
    layer = _plain(x)
    nn.init.zeros_(layer.weight)
    return _trained(layer, x, gradient, rate)


def _weight_left(x: Features, gradient: Features, rate: float) -> Both:
    layer = _plain(x)
    nn.init.zeros_(layer.bias)
    return _trained(layer, x, gradient, rate)


def judge(given: Sequence[Case], outputs: Sequence[Any]) -> Verdict:
    """A layer that is not silent at first is told so; the rest by the reference."""
    for output in outputs:
        if isinstance(output, list | tuple) and len(output) == 2 and isinstance(output[0], Array):
            first = output[0].values
            if first is not None and first.ndim == 4 and np.isfinite(first).all() and np.abs(first).max() > 1e-7:
                raise Wrong(LOUD)
    return by_reference(QUESTION, given, outputs)


QUESTION = Question(
    id="q2", title="A zero convolution wakes", answer="wake", points=2, minutes=10, rtol=1e-3, atol=1e-5,
    hints=(
        "A zero convolution is a stock nn.Conv2d with a kernel of one pixel, whose weight *and* bias begin at zero.",
        "before.backward(gradient) hands the loss's gradient in at the layer's answer; the parameters then have .grad.",
        "Take the step without autograd looking (torch.no_grad, or torch.optim.SGD), then ask the layer again.",
    ),
    reference=wake, cases=cases, judge=judge, alternatives=(_without_module, _by_hand, _linear),
    mistakes=(
        Mistake("not zero", lambda x, gradient, rate: _trained(_plain(x), x, gradient, rate), LOUD),
        Mistake("bias not zero", _bias_left, LOUD),
        Mistake("weight not zero", _weight_left, LOUD),
        Mistake("order", lambda x, gradient, rate: _trained(_zeroed(_plain(x)), x, gradient, rate)[::-1], LOUD),
        Mistake("uphill", lambda x, gradient, rate: _trained(_zeroed(_plain(x)), x, gradient, -rate),
                "The step goes uphill: it should make the loss smaller."),
        Mistake("no bias", lambda x, gradient, rate: _trained(_zeroed(_plain(x, bias=False)), x, gradient, rate),
                "Weight and bias both learn; in your layer there is no bias, or it stands still."),
        Mistake("no step", lambda x, gradient, rate: _trained(_zeroed(_plain(x)), x, gradient, 0),
                "After the step the layer is as silent as before: did its parameters change?"),
        Mistake("rate ignored", lambda x, gradient, rate: _trained(_zeroed(_plain(x)), x, gradient, 1.0),
                "The step is taken, but not at the rate asked for."),
        Mistake("wide kernel", lambda x, gradient, rate: _trained(
            _zeroed(_plain(x, kernel_size=3, padding=1)), x, gradient, rate),
                "Your kernel looks at neighbouring places; a zero convolution's is one pixel wide."),
        Mistake("one number a channel", lambda x, gradient, rate: _trained(
            _zeroed(_plain(x, groups=x.shape[1])), x, gradient, rate),
                "In your layer a channel hears itself alone; in a zero convolution each one hears all."),
        Mistake("mean loss", lambda x, gradient, rate: _trained(
            _zeroed(_plain(x)), x, gradient / gradient.numel(), rate),
                "The step is too small: `gradient` is the loss's gradient already, do not average over it again."),
        Mistake("two steps", lambda x, gradient, rate: _trained(_zeroed(_plain(x)), x, 2 * gradient, rate),
                "The step is twice as long as asked for: is the gradient added up twice, or the step taken twice?"),
        Mistake("only after", lambda x, gradient, rate: wake(x, gradient, rate)[1], "but it is a tensor"),
    ),
)
