"""Control maps of many scenes, drawn in parallel and kept on disk."""
from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from course_utils.critters import CONDITIONS, Scene, sample
from course_utils.critters.dataset import renderer_version


def as_picture(drawn: UInt8[np.ndarray, "n h w *c"]) -> UInt8[np.ndarray, "n h w 3"]:
    """Maps as pictures: grey ones in three equal channels."""
    return drawn if drawn.ndim == 4 else np.repeat(drawn[..., None], 3, axis=3)


def control_maps(condition: str, n: int, seed: int, cache: Path) -> UInt8[np.ndarray, "n 128 128 *c"]:
    """Maps of `sample(n, seed)`, drawn once; `[n, 128, 128, 3]` for poses, `[n, 128, 128]` for the others.

    Raises `ValueError` for an unknown condition.
    """
    if condition not in CONDITIONS:
        raise ValueError(f"no condition called {condition!r}; known ones: {', '.join(CONDITIONS)}")
    path = cache / f"{condition}-{n}-{seed}-{renderer_version()}.npy"
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        cache.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as file:
            np.save(file, drawn(condition, sample(n, seed)))
        unfinished.replace(path)
    return np.load(path, mmap_mode="r")


def drawn(condition: str, scenes: list[Scene], chunk: int = 64) -> np.ndarray:
    """Maps of the scenes, by all cores where there are many."""
    paint = CONDITIONS[condition]
    if len(scenes) <= chunk:
        return np.stack([paint(scene) for scene in scenes])
    with ProcessPoolExecutor() as pool:
        return np.stack(list(pool.map(paint, scenes, chunksize=chunk)))
