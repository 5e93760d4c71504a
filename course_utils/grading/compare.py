"""Comparing what an answer gave with what is right: the form first, then the numbers, then the usual reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from course_utils.grading import faults
from course_utils.grading.faults import Wrong, described, start
from course_utils.grading.values import Array

_COARSE = {"float16": 4e-3, "bfloat16": 3e-2}  # a few units in the last place of 16-bit results


class Tolerance(NamedTuple):
    """|answer - right| <= atol + rtol |right|."""

    rtol: float
    atol: float


def same_form(output: Any, right: Any, name: str) -> None:
    """Raise `Wrong` where an output has another form than the right one: type, length, shape, device, NaN."""
    if isinstance(right, Array) and right.values is not None:
        shape, whole = right.values.shape, right.values.dtype.kind in "ib"
        faults.array(output, name, shape, right.kind, right.device, whole)
    elif isinstance(right, bool):
        if not isinstance(output, bool) and not (isinstance(output, Array) and output.dtype.endswith("bool")):
            raise Wrong(f"{start(name)} should be True or False, but it is {described(output)}.")
    elif isinstance(right, int | float):
        faults.number(output, name)
    elif isinstance(right, str):
        faults.words(output, name)
    elif isinstance(right, list | tuple):
        _same_entries(output, right, name)
    elif isinstance(right, dict):
        if not isinstance(output, dict) or set(output) != set(right):
            raise Wrong(f"{start(name)} should be a dictionary with the keys {', '.join(map(repr, right))}.")
        for key in right:
            same_form(output[key], right[key], f"{key!r} of {name}")


def _same_entries(output: Any, right: list[Any] | tuple[Any, ...], name: str) -> None:
    if not isinstance(output, list | tuple):
        raise Wrong(f"{start(name)} should be a {type(right).__name__}, but it is {described(output)}.")
    if len(output) != len(right):
        hint = " One too few or too many?" if abs(len(output) - len(right)) == 1 else ""
        raise Wrong(f"{start(name)} has {len(output)} entries, but it should have {len(right)}.{hint}")
    for number, (mine, theirs) in enumerate(zip(output, right, strict=True)):
        same_form(mine, theirs, f"entry {number} of {name}")


def equal(output: Any, right: Any, tolerance: Tolerance) -> bool:
    """Whether two outputs say the same within the tolerance; lists and tuples are alike."""
    if isinstance(right, list | tuple):
        return (
            isinstance(output, list | tuple)
            and len(output) == len(right)
            and all(equal(mine, theirs, tolerance) for mine, theirs in zip(output, right, strict=True))
        )
    if isinstance(right, dict):
        return (
            isinstance(output, dict)
            and set(output) == set(right)
            and all(equal(output[key], right[key], tolerance) for key in right)
        )
    if isinstance(right, str):
        return isinstance(output, str) and output.strip().casefold() == right.strip().casefold()
    mine, theirs = numbers(output), numbers(right)
    if mine is None or theirs is None:
        return type(output) is type(right) and output == right
    coarse = _COARSE.get(output.dtype, 0) if isinstance(output, Array) else 0
    scale = float(np.abs(theirs).max()) if theirs.size else 0
    return faults.close(mine, theirs, max(tolerance.rtol, coarse), max(tolerance.atol, coarse * scale))


def coarse(output: Any) -> bool:
    """Whether there are 16-bit floats in it, which are compared with patience."""
    if isinstance(output, Array):
        return output.dtype in _COARSE
    entries = output.values() if isinstance(output, dict) else output if isinstance(output, list | tuple) else ()
    return any(coarse(entry) for entry in entries)


def numbers(value: Any) -> np.ndarray | None:
    """The numbers of a leaf as float64, or None for anything else."""
    if isinstance(value, Array):
        return None if value.values is None else value.values.astype(np.float64)
    return np.asarray(float(value)) if isinstance(value, bool | int | float) else None


def usual_fault(outputs: Sequence[Any], expected: Sequence[Any], tolerance: Tolerance) -> str:
    """What can be said about outputs of the right form with wrong numbers, without giving the right ones away."""
    right = sum(equal(mine, theirs, tolerance) for mine, theirs in zip(outputs, expected, strict=True))
    got, wanted = _flat(outputs), _flat(expected)
    if got is not None and wanted is not None and got.shape == wanted.shape and wanted.any():
        if faults.close(-got, wanted, *tolerance):
            return "The numbers are right, but for the sign of all of them."
        factor = float(got @ wanted / (wanted @ wanted))
        if got.size > 3 and factor and faults.close(got / factor, wanted, 10 * tolerance.rtol, tolerance.atol):
            return "Proportional to what it should be: all numbers are off by one and the same factor."
    if 0 < right < len(outputs):
        return f"Right for {right} of {len(outputs)} fresh inputs, but not for all of them."
    if got is not None and wanted is not None and got.shape == wanted.shape:
        percent = 100 * faults.relative_error(got, wanted)
        return f"The form is right, the numbers are not: they differ by {percent:.3g} % from what they should be."
    return "The form is right, what it says is not."


def _flat(values: Any) -> np.ndarray | None:
    """All numbers of nested outputs in one row, or None where something is no number."""
    if isinstance(values, dict):
        values = [values[key] for key in sorted(values)]
    if not isinstance(values, list | tuple):
        leaf = numbers(values)
        return None if leaf is None else leaf.ravel()
    rows = [_flat(value) for value in values]
    kept = [row for row in rows if row is not None]
    return np.concatenate(kept) if kept and len(kept) == len(rows) else None
