"""What may pass between a student's process and a judge's: numbers, text and plain arrays, never objects.

`pack` turns a nested value into bytes (safetensors: a header in JSON and raw numbers) and `unpack` brings it back, with
every tensor or array as an `Array` that remembers what it was, and everything that has no plain form as an `Other`.
Nothing is ever unpickled, so nothing in those bytes can run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import safetensors.numpy

LIMIT = 32_000_000  # bytes of one packed value
DEEPEST = 8
LONGEST = 100_000  # characters of a text, entries of a list
_TREE = "tree"
_KINDS = "biuf"


@dataclass(frozen=True)
class Array:
    """Numbers that left a process, and what they were there.

    `values` has float64, int64 or bool entries; it is None where the numbers were out of reach (torch's meta device).
    `kind` is "tensor" or "array"; `dtype` and `device` are what the owner saw ("float16", "cuda:0").
    """

    values: np.ndarray | None
    kind: str = "tensor"
    dtype: str = "float32"
    device: str = "cpu"


@dataclass(frozen=True)
class Given:
    """An object made on either side from a name and plain arguments, see `course_utils.grading.givens`."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Hidden:
    """What of a case the judge alone may see: `pack` leaves it out, and no student's function is handed it."""

    value: Any


@dataclass(frozen=True)
class Other:
    """Something without a plain form; only the name of its type passes."""

    type: str


@dataclass(frozen=True)
class Raised:
    """The answer raised an exception instead of returning: its type, its message, the line that did it."""

    type: str
    message: str
    line: str = ""


@dataclass(frozen=True)
class Missing:
    """The notebook has no such name, or what has it cannot be called."""

    why: str


class Unfit(ValueError):
    """Bytes that are no packed value, or more than may pass."""


_RECORDS: dict[str, type] = {"other": Other, "raised": Raised, "missing": Missing}


def pack(value: Any) -> bytes:
    """A nested value as bytes. Raises `Unfit` where it is larger than `LIMIT` or nested deeper than `DEEPEST`."""
    arrays: dict[str, np.ndarray] = {}
    tree = json.dumps(_tree(value, arrays, 0))
    if sum(array.nbytes for array in arrays.values()) + len(tree) > LIMIT:
        raise Unfit(f"more than {LIMIT:,} bytes")
    arrays[_TREE] = np.frombuffer(tree.encode(), dtype=np.uint8)
    return safetensors.numpy.save(arrays)


def unpack(data: bytes) -> Any:
    """The value that `pack` made bytes of. Raises `Unfit` for anything else, whoever made it."""
    if len(data) > 2 * LIMIT:
        raise Unfit(f"more than {2 * LIMIT:,} bytes")
    try:
        arrays = safetensors.numpy.load(data)
        return _value(json.loads(arrays.pop(_TREE).tobytes()), arrays, 0)
    except Unfit:
        raise
    except Exception as error:
        raise Unfit(f"no packed value ({type(error).__name__})") from None


def writable(text: Any) -> str:
    """The text with "?" for halves of surrogate pairs, which JSON and file names may hold and no UTF-8 file can."""
    return str(text).encode("utf-8", "replace").decode()


def _tree(value: Any, arrays: dict[str, np.ndarray], depth: int) -> Any:
    if depth > DEEPEST:
        raise Unfit(f"nested deeper than {DEEPEST}")
    kind = type(value)
    if value is None or kind in (bool, int, float):
        return value if kind is not int or abs(value) < 2**63 else {"is": "other", "type": "huge int"}
    if kind is str:
        return {"is": "text", "text": writable(value[:LONGEST])}
    if kind in (list, tuple):
        return {"is": kind.__name__, "items": [_tree(item, arrays, depth + 1) for item in value[:LONGEST]]}
    if kind is dict:
        shown = [(key, item) for key, item in value.items() if type(item) is not Hidden]
        items = [[str(key), _tree(item, arrays, depth + 1)] for key, item in shown[:LONGEST]]
        return {"is": "dict", "items": items}
    if kind is bytes:
        return {"is": "bytes", "at": _keep(np.frombuffer(value, dtype=np.uint8), arrays)}
    if kind is Given:
        return {"is": "given", "name": value.name, "arguments": _tree(value.arguments, arrays, depth + 1)}
    for name, record in _RECORDS.items():
        if kind is record:
            return {"is": name, **{key: str(text)[:2000] for key, text in vars(value).items()}}
    return _numbers(value, arrays) or {"is": "other", "type": kind.__name__[:100]}


def _numbers(value: Any, arrays: dict[str, np.ndarray]) -> dict[str, Any] | None:
    """The leaf for a tensor, an array or a numpy number; None for anything else."""
    values: np.ndarray | None
    if isinstance(value, Array):
        values = None if value.values is None else np.asarray(value.values)
        kind, dtype, device = value.kind, value.dtype, value.device
    elif isinstance(value, np.ndarray | np.generic):
        values, kind, dtype, device = np.asarray(value), "array", str(value.dtype), "cpu"
    elif hasattr(value, "detach") and hasattr(value, "device"):
        kind, dtype, device = "tensor", str(value.dtype).removeprefix("torch."), str(value.device)
        values = None if device == "meta" else _as_numpy(value)
    else:
        return None
    if values is not None and values.dtype.kind not in _KINDS:
        return {"is": "other", "type": f"{kind} of {dtype}"}
    at = None if values is None else _keep(values, arrays)
    return {"is": "array", "at": at, "kind": kind, "dtype": dtype, "device": device}


def _as_numpy(tensor: Any) -> np.ndarray:
    """The numbers of a torch tensor; bfloat16, which numpy lacks, as float32."""
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point() and tensor.element_size() <= 2:
        tensor = tensor.float()
    return tensor.resolve_conj().resolve_neg().numpy()


def _keep(values: np.ndarray, arrays: dict[str, np.ndarray]) -> str:
    """Put a contiguous copy in native byte order among the arrays; the name it has there."""
    if values.dtype == np.longdouble:
        values = values.astype(np.float64)
    name = f"a{len(arrays)}"
    arrays[name] = np.array(values, dtype=values.dtype.newbyteorder("="), order="C", copy=True)
    return name


def _value(tree: Any, arrays: dict[str, np.ndarray], depth: int) -> Any:
    if depth > 2 * DEEPEST:
        raise Unfit(f"nested deeper than {DEEPEST}")
    if tree is None or isinstance(tree, bool | int | float):
        return tree
    match tree["is"]:
        case "text":
            return writable(tree["text"])[:LONGEST]
        case "list":
            return [_value(item, arrays, depth + 1) for item in tree["items"]]
        case "tuple":
            return tuple(_value(item, arrays, depth + 1) for item in tree["items"])
        case "dict":
            return {writable(key): _value(item, arrays, depth + 1) for key, item in tree["items"]}
        case "bytes":
            return arrays[tree["at"]].tobytes()
        case "given":
            return Given(str(tree["name"]), _value(tree["arguments"], arrays, depth + 1))
        case "array":
            values = None if tree["at"] is None else _wide(arrays[tree["at"]])
            return Array(values, *(writable(tree[name]) for name in ("kind", "dtype", "device")))
        case name:
            return _RECORDS[name](**{key: writable(text)[:2000] for key, text in tree.items() if key != "is"})


def _wide(values: np.ndarray) -> np.ndarray:
    """The same numbers as float64, int64 or bool (unsigned integers above int64's range become floats)."""
    if values.dtype.kind == "b":
        return values
    if values.dtype.kind == "f" or (values.size and values.dtype == np.uint64 and values.max() >= 2**63):
        return values.astype(np.float64)
    return values.astype(np.int64)
