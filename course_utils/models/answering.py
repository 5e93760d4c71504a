"""A network on a GPU that answers where it is asked: lessons hold their tensors on the CPU, in float32.

So a line of a lesson, `unet(z, t, words)`, is the same on a laptop and on a GPU that computes in half precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


def answering(network: M) -> M:
    """The network; from now on it takes tensors from any device and in any float format, and answers in the first's.

    A question that comes from its own device and in its own format is not touched. One without floats, such as tokens,
    says nothing of a format: the answer keeps the network's, and comes to the device of the first tensor.
    """
    asked: list[tuple[torch.device, torch.dtype | None]] = []

    def take(network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
        first = next((x for x in tensors if x.is_floating_point()), tensors[0])
        asked.append((first.device, first.dtype if first.is_floating_point() else None))
        weight = next(network.parameters())
        return moved(args, weight.device, weight.dtype), moved(kwargs, weight.device, weight.dtype)

    def give(_: nn.Module, __: Any, answer: Any) -> Any:
        return moved(answer, *asked.pop())

    network.register_forward_pre_hook(take, with_kwargs=True)
    network.register_forward_hook(give)
    return network


def moved(value: Any, device: torch.device, dtype: torch.dtype | None) -> Any:
    """Tensors within tuples, lists, dictionaries and the libraries' outputs: on a device, floats in a format if given.
    """
    if isinstance(value, Tensor):
        return value.to(device, dtype) if dtype and value.is_floating_point() else value.to(device)
    if isinstance(value, Mapping):
        return rebuilt(value, {name: moved(item, device, dtype) for name, item in value.items()})
    if isinstance(value, tuple | list):
        return type(value)(moved(item, device, dtype) for item in value)
    return value


def rebuilt(value: Mapping[str, Any], items: dict[str, Any]) -> Any:
    """The same kind of mapping with other values."""
    make: Callable[..., Any] = type(value)
    return items if type(value) is dict else make(**items)
