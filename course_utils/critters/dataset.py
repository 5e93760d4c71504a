"""Many pictures at once: rendered in parallel, and kept on disk if asked."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import PIL

from .render import render
from .scene import Scene, sample

TRAINING_SEED = 1
"""Scenes of every training set; those of the seeds below were never trained on."""
HELD_OUT_SEED = 2
"""What models are judged on: their captions are the prompts, their pictures the truth."""
VALIDATION_SEED = 3
"""Watched while a model trains."""
REFERENCE_SEED = 4
"""Real pictures that generated ones are compared with: no prompt was taken from them."""

_CHUNK = 64
_SOURCES = ("scene", "shapes", "anatomy", "parts", "heads", "placement", "texture", "palette", "render")


def pictures(
    n: int, seed: int, size: int = 128, workers: int | None = None, cache: str | Path | None = None
) -> np.ndarray:
    """Render ``sample(n, seed)``: ``[n, size, size, 3]`` uint8.

    Args:
        n: number of pictures.
        seed: as for ``sample``.
        size: pixels a side.
        workers: processes; ``None`` takes one for each core, 0 or 1 renders in this process.
        cache: folder in which the pictures are kept as a memory-mapped file, so that the next call with the same
            arguments (and the same renderer) reads instead of rendering. An interrupted call leaves nothing behind
            that a later one could mistake for a complete file.
    """
    if cache is None:
        return np.array(list(_rendered(sample(n, seed), size, workers)), np.uint8).reshape(-1, size, size, 3)
    path = Path(cache) / f"critters-{n}-{seed}-{size}-{renderer_version()}.npy"
    if not path.exists():
        _write(path, sample(n, seed), size, workers)
    return np.load(path, mmap_mode="r")


def renderer_version() -> str:
    """Eight hexadecimal digits that change when the code that paints changes, or Pillow, which fills its shapes."""
    folder = Path(__file__).parent
    text = b"".join((folder / f"{name}.py").read_bytes() for name in _SOURCES)
    return hashlib.sha256(text + PIL.__version__.encode()).hexdigest()[:8]


def _rendered(scenes: list[Scene], size: int, workers: int | None):
    """Pictures in the order of the scenes."""
    workers = os.cpu_count() or 1 if workers is None else workers
    paint = partial(render, size=size)
    if workers <= 1 or len(scenes) <= _CHUNK:
        yield from map(paint, scenes)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(paint, scenes, chunksize=_CHUNK)


def _write(path: Path, scenes: list[Scene], size: int, workers: int | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    try:
        out = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=(len(scenes), size, size, 3))
        stream = _rendered(scenes, size, workers)
        for start in range(0, len(scenes), _CHUNK):
            block = list(islice(stream, _CHUNK))
            out[start : start + len(block)] = block
        out.flush()
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
