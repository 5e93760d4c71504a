r"""Weights as the page fetches them: matrices in 8 bits, one scale for each output; the rest in half precision.

\(W_{oi} \approx s_o\,q_{oi}\) with \(q\) from -127 to 127 and \(s_o = \max_i |W_{oi}|/127\), or coarser where the
network's answer does not suffer: few levels are frequent then, and gzip needs fewer bits (Jacob et al., Quantization
and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018; here only the file is quantised,
the page computes in float32). A file is a gzipped safetensors file: `NAME` in int8 beside `NAME.scale`, or `NAME` alone
in float16; its header holds the layout of the graph's external data.
"""
from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
import onnx
from safetensors.numpy import load, save

from course_utils.demos.graphs import Slot

SCALE = ".scale"
SMALL = 4096
"""Tensors with fewer numbers, and all vectors, stay in float16: little to win, and much to lose where a picture enters
a network or leaves it."""

Tensors = Mapping[str, np.ndarray]


def quantised(weight: np.ndarray, step: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """int8 values of the weight's shape, and a float16 scale for each of its first axis: no finer than `step`."""
    rows = weight.reshape(len(weight), -1).astype(np.float32)
    scale = np.maximum(np.abs(rows).max(1) / 127, max(step, 1e-7)).astype(np.float16)
    levels = np.rint(rows / scale.astype(np.float32)[:, None]).clip(-127, 127).astype(np.int8)
    return levels.reshape(weight.shape), scale


def packed(
    tensors: Tensors, steps: Mapping[str, float] | None = None, matrices_from: int = SMALL
) -> dict[str, np.ndarray]:
    """Tensors as the file keeps them: those with so many numbers or more in 8 bits or less, as fine as `steps` asks
    (`fineness`; as 8 bits allow where it does not say)."""
    kept: dict[str, np.ndarray] = {}
    for name, weight in tensors.items():
        if weight.ndim > 1 and weight.size >= max(matrices_from, 1):
            kept[name], kept[name + SCALE] = quantised(weight, (steps or {}).get(name, 0.0))
        else:
            kept[name] = weight.astype(np.float16)
    return {name: np.ascontiguousarray(value) for name, value in kept.items()}


def unpacked(kept: Tensors) -> dict[str, np.ndarray]:
    """What the page makes of it: float32 again."""
    return {name: value.astype(np.float32) * scale_of(kept, name, value.ndim) for name, value in kept.items()
            if not name.endswith(SCALE)}  # fmt: skip


def scale_of(kept: Tensors, name: str, axes: int) -> np.ndarray:
    """The scales of a tensor, shaped to be multiplied with it; 1 for one in float16."""
    scale = kept.get(name + SCALE)
    return np.ones(1, np.float32) if scale is None else scale.astype(np.float32).reshape(-1, *[1] * (axes - 1))


def write(path: Path, kept: Tensors, slots: Sequence[Slot] = ()) -> None:
    """Into a gzipped safetensors file, the same bytes for the same tensors (of the same zlib)."""
    facts = {"layout": json.dumps([astuple(slot) for slot in slots], separators=(",", ":"))} if slots else None
    compress(path, save(dict(kept), facts))


def compress(path: Path, content: bytes) -> None:
    """A file as the page unpacks it, whatever its host does."""
    path.write_bytes(gzip.compress(content, 9, mtime=0))


def tightened(path: Path) -> bool:
    """Write a gzipped file anew in fewer bytes, if there are any to save: zopfli looks longer for the same format (some
    four hundredths less, a second for each hundred kilobytes). Returns whether it did; a kill leaves the file whole.
    """
    from zopfli.gzip import compress as search  # only who exports needs it

    before = path.read_bytes()
    found = search(gzip.decompress(before), numiterations=5)
    if len(found) < len(before):
        beside = path.with_suffix(".part")
        try:
            beside.write_bytes(found)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    return len(found) < len(before)


def read(path: Path) -> tuple[dict[str, np.ndarray], list[Slot]]:
    """What `write` wrote."""
    content = gzip.decompress(path.read_bytes())
    size = int.from_bytes(content[:8], "little")
    facts = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    slots = [Slot(name, tuple(shape), turned) for name, shape, turned in json.loads(facts.get("layout", "[]"))]
    return load(content), slots


def whole(graph: bytes, tensors: Tensors, slots: Sequence[Slot]) -> onnx.ModelProto:
    """The graph with its weights inside again, for any runtime."""
    model, filled = onnx.load_model_from_string(graph), iter(slots)
    for weight in model.graph.initializer:
        if weight.data_location == onnx.TensorProto.EXTERNAL:
            slot = next(filled)
            values = tensors[slot.tensor]
            weight.raw_data = np.ascontiguousarray(values.T if slot.transposed else values, np.float32).tobytes()
            weight.data_location = onnx.TensorProto.DEFAULT
            del weight.external_data[:]
    return model
