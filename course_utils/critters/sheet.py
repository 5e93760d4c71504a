"""Contact sheets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def sheet(pictures: Sequence[np.ndarray], columns: int, scale: int = 1, pad: int = 2) -> np.ndarray:
    """Lay pictures of one size out in rows on white: ``[h, w, 3]`` uint8.

    Grey pictures ``[h, w]`` are shown in grey; each pixel is drawn ``scale`` times as large.
    """
    tiles = [np.repeat(p[..., None], 3, axis=2) if p.ndim == 2 else p for p in pictures]
    tiles = [t.repeat(scale, axis=0).repeat(scale, axis=1) for t in tiles]
    h, w = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    page = np.full((rows * (h + pad) - pad, columns * (w + pad) - pad, 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        y, x = number // columns * (h + pad), number % columns * (w + pad)
        page[y : y + h, x : x + w] = tile
    return page
