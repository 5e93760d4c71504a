"""The usual reasons why an answer is wrong, each with the sentence that a student reads.

Every helper takes what an answer returned (as `course_utils.grading.values` restores it) and gives back something to
compute with, or raises `Wrong`. `what` names it in the message: "the first output", "`slerp(a, b, 0)`".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np

from course_utils.grading.values import Array, Missing, Other, Raised


class Wrong(Exception):
    """An answer is wrong: what the student reads, and the points that it gets all the same."""

    def __init__(self, message: str, points: float = 0, measured: str = "") -> None:
        super().__init__(message)
        self.message, self.points, self.measured = message, points, measured


def described(value: Any) -> str:
    """What a value is, in words: "a list", "a numpy array", "nothing (None)"."""
    if isinstance(value, Array):
        return "a tensor" if value.kind == "tensor" else "a numpy array"
    if isinstance(value, Other):
        return f"an object of type {value.type}"
    if value is None:
        return "nothing (None)"
    names = {"bool": "True or False", "int": "a whole number", "float": "a number", "str": "a text"}
    return names.get(type(value).__name__, f"a {type(value).__name__}")


def returned(output: Any, name: str) -> Any:
    """The output, where there is one: not `Raised`, `Missing`, None or `...`."""
    if isinstance(output, Missing):
        raise Wrong(f"Not yet: {output.why}" + ("" if output.why.endswith("?") else "."))
    if isinstance(output, Raised):
        raise Wrong(_raised(output, name))
    if output is None:
        raise Wrong(f"Not yet: `{name}` returns nothing. Is a `return` missing?")
    if output == Other("ellipsis"):
        raise Wrong(f"Not yet: `{name}` is still `...`.")
    return output


def _raised(output: Raised, name: str) -> str:
    if output.type in ("Late", "TooMuch"):
        return f"`{name}`: {output.message}."
    if output.type == "NotImplementedError":
        return f"Not yet: `{name}` is not implemented."
    where = f" In the line `{output.line}`." if output.line else ""
    return f"`{name}` raised {output.type}: {output.message.rstrip('.')}.{where}"


def scores(output: Any, count: int) -> np.ndarray:
    """One number for each of so many pictures, as an array or a list. Raises `Wrong`, also where all are the same."""
    if isinstance(output, list | tuple):
        found = np.array([number(item, f"score {k}") for k, item in enumerate(output)])
        if len(found) != count:
            raise Wrong(f"{count} pictures need {count} scores, not {len(found)}.")
    else:
        found = array(output, "the result", (count,), kind=getattr(output, "kind", "array"), whole=True)
    if np.ptp(found) == 0:
        raise Wrong("All pictures get the same score.")
    return found


def number(output: Any, what: str = "the result") -> float:
    """One finite number: an int, a float, or a tensor or array of a single entry and no axes."""
    if isinstance(output, Array):
        if output.values is None:
            raise Wrong(f"{start(what)} is on the device {output.device} and holds no numbers.")
        if output.values.ndim:
            shape = output.values.shape
            raise Wrong(f"{start(what)} should be one number, but it is {described(output)} of shape {shape}.")
        output = output.values.item()
    if isinstance(output, bool) or not isinstance(output, int | float):
        raise Wrong(f"{start(what)} should be a number, but it is {described(output)}.")
    if not np.isfinite(output):
        raise Wrong(f"{start(what)} is {'NaN' if np.isnan(output) else 'infinite'}: is something divided by zero?")
    return float(output)


def array(
    output: Any,
    what: str = "the result",
    shape: Sequence[int] | None = None,
    kind: str = "tensor",
    device: str = "cpu",
    whole: bool = False,
) -> np.ndarray:
    """The numbers of a tensor (or of a numpy array for `kind="array"`), float64 and finite.

    `shape` is what it must have; `whole` allows integers and bools where otherwise floats are wanted.
    """
    if not isinstance(output, Array) or output.kind != kind:
        raise Wrong(
            f"{start(what)} is not a {'tensor' if kind == 'tensor' else 'numpy array'} but {described(output)}."
        )
    if output.device != device or output.values is None:
        raise Wrong(f"{start(what)} is on the device {output.device}, but the input was on {device}.")
    values = output.values
    if shape is not None and values.shape != tuple(shape):
        hint = _shape_hint(values, tuple(shape))
        raise Wrong(f"{start(what)} has shape {values.shape}, but it should have {tuple(shape)}.{hint}")
    if values.dtype.kind in "ib" and not whole:
        raise Wrong(f"{start(what)} has whole numbers ({output.dtype}): did something round?")
    if not np.isfinite(values).all():
        kinds = "NaN" if np.isnan(values).any() else "infinite numbers"
        raise Wrong(f"{start(what)} holds {kinds}: a division by zero, or a logarithm or root of something negative?")
    return values.astype(np.float64)


def _shape_hint(values: np.ndarray, shape: tuple[int, ...]) -> str:
    if values.ndim == len(shape) <= 6 and shape in set(permutations(values.shape)):
        return " The same lengths in another order: are two axes swapped?"
    if values.size == np.prod(shape):
        return " As many numbers, but other axes."
    if values.ndim == len(shape) - 1:
        return " An axis is missing: was it summed over?"
    unlike = [abs(a - b) for a, b in zip(values.shape, shape, strict=False) if a != b]
    if values.ndim == len(shape) and unlike == [1]:
        return " One step too few or too many?"
    return ""


def choice(output: Any, allowed: Sequence[str], what: str = "the answer") -> str:
    """A text out of `allowed`, whatever its capitals and the spaces around it."""
    text = words(output, what).casefold()
    if text not in [option.casefold() for option in allowed]:
        raise Wrong(f"{start(what)} should be one of {', '.join(map(repr, allowed))}.")
    return text


def words(output: Any, what: str = "the answer") -> str:
    """A text without the spaces around it."""
    if not isinstance(output, str):
        raise Wrong(f"{start(what)} should be a text in quotes, but it is {described(output)}.")
    return output.strip()


def close(got: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-6) -> bool:
    """Whether |got - expected| <= atol + rtol |expected| everywhere, for numbers or arrays of one shape."""
    got, expected = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    return got.shape == expected.shape and bool(np.allclose(got, expected, rtol=rtol, atol=atol))


def relative_error(got: Any, expected: Any) -> float:
    """The norm of got - expected over that of expected."""
    got, expected = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    return float(np.linalg.norm(got - expected) / max(float(np.linalg.norm(expected)), 1e-12))


def start(what: str) -> str:
    """The same words at the start of a sentence."""
    return what[:1].upper() + what[1:]
