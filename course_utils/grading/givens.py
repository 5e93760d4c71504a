"""Objects that a question hands to a student's function: each side makes its own from a name and plain arguments.

A maker is a function here, decorated with `@given`; `Given("linear_velocity", {"slope": 2.0})` in a case becomes what
`linear_velocity(slope=2.0)` returns. Makers are deterministic and public: nothing of the judging stands in this module.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from course_utils.grading.values import Array, Given, Hidden

Maker = TypeVar("Maker", bound=Callable[..., Any])
_MAKERS: dict[str, Callable[..., Any]] = {}


def given(maker: Maker) -> Maker:
    """Make a function known by its name as a maker."""
    _MAKERS[maker.__name__] = maker
    return maker


@given
def model(role: str) -> Any:
    """The embedded model of a role, on the CPU: `Given("model", {"role": "vae"})`. Loaded once a process.

    Each call gets a copy: an answer that turns its model to half precision must not spoil the next one's.
    """
    return copy.deepcopy(_loaded(role))


@lru_cache(maxsize=2)
def _loaded(role: str) -> Any:
    from course_utils.models import load

    return load(role, "critters", "cpu")


@given
def toy_network(channels: int, seed: int) -> Any:
    """A network small enough to know: see `toys.ToyNetwork`."""
    from course_utils.grading.toys import ToyNetwork

    return ToyNetwork(channels, seed)


@given
def budget(seed: int, most: int) -> Any:
    """A denoiser that may be asked so often: see `toys.Budget`."""
    from course_utils.grading.toys import Budget

    return Budget(seed, most)


def arguments(case: dict[str, Any], framework: str = "torch") -> dict[str, Any]:
    """The arguments of one call, made afresh: arrays as tensors (float64 as float32) or as they are, givens made."""
    return {name: _made(value, framework) for name, value in case.items() if not isinstance(value, Hidden)}


def _made(value: Any, framework: str) -> Any:
    if isinstance(value, Given):
        if value.name not in _MAKERS:
            raise KeyError(f"no given called {value.name!r}; there are {', '.join(sorted(_MAKERS))}")
        return _MAKERS[value.name](**arguments(value.arguments, "numpy"))
    if isinstance(value, Array):
        return None if value.values is None else _made(value.values.astype(value.dtype), framework)
    if isinstance(value, np.ndarray):
        return _tensor(value) if framework == "torch" else value.copy()
    if isinstance(value, list | tuple):
        return type(value)(_made(item, framework) for item in value)
    if isinstance(value, dict):
        return {key: _made(item, framework) for key, item in value.items()}
    return value


def _tensor(values: np.ndarray) -> Any:
    import torch

    tensor = torch.from_numpy(np.array(values, copy=True))
    return tensor.float() if tensor.dtype == torch.float64 else tensor
