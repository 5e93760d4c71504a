"""Out of memory: the next thrifty setting, said in one line, and another try.

Pictures stay the same with fewer at once and with parts that take turns; tiles may leave faint seams.
"""
from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

T = TypeVar("T")


def thrifty(draw: Any, run: Callable[[], T]) -> T:
    """`run()`; each time the GPU's memory does not suffice, `draw` saves some more and it is run again.

    Args:
        draw: has `batch`, `vae`, `text`, `unet`, `control` and `apart`, see `generate.TextToImage`.
        run: makes the same result whenever it is called.

    Raises `torch.OutOfMemoryError` when nothing is left to save, with the advice that remains.
    """
    while True:
        try:
            return run()
        except torch.OutOfMemoryError as error:
            said = save(draw)
            if said is None:
                raise torch.OutOfMemoryError("the GPU's memory does not suffice for this scale with any setting:"
                                             " restart the runtime, take a larger GPU or a smaller scale") from error
        print(f"out of GPU memory: {said} from now on")  # out of the except block, which keeps tensors alive
        gc.collect()
        torch.cuda.empty_cache()


def save(draw: Any) -> str | None:
    """Switch on the next setting that saves memory, the mildest first; what it is, or `None` if all are on."""
    if draw.batch > 1:
        draw.batch //= 2
        return f"{draw.batch} picture{'s' if draw.batch > 1 else ''} at a time"
    if hasattr(draw.vae, "enable_tiling") and not getattr(draw.vae, "use_tiling", True):
        tiled(draw.vae)
        return "decoding in tiles (faint seams are possible)"
    if draw.apart is None:
        draw.apart = draw.unet.device
        return "the parts take turns on the GPU and wait in main memory (slower)"
    return None


def tiled(vae: Any) -> None:
    """Tiles of half the usual side, which is that of the pictures an autoencoder was made for: then these are tiled."""
    vae.enable_tiling()
    vae.tile_sample_min_size = vae.tile_sample_min_size // 2
    vae.tile_latent_min_size = vae.tile_sample_min_size // 2 ** (len(vae.config.block_out_channels) - 1)


@contextmanager
def turn(draw: Any, *names: str) -> Iterator[None]:
    """While parts take turns: those named on the GPU, the others in main memory. Otherwise nothing moves."""
    if draw.apart is not None:
        parts = {"unet": draw.unet, "control": draw.control, "vae": draw.vae, "text": getattr(draw.text, "model", None)}
        for name, part in parts.items():  # first make room
            if name not in names and part is not None:
                part.to("cpu")
        for name in names:
            if parts[name] is not None:
                parts[name].to(draw.apart)
        if draw.apart.type == "cuda":
            torch.cuda.empty_cache()
    yield
