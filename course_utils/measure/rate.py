"""Bytes: of latents in three precisions, and of PNG, JPEG and WebP files, all at a known quality.

A picture file's bytes are given whole; `container_bytes` says how many of them are headers and tables, some
600 of a JPEG's, which weigh on small pictures and could be shared between many.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from course_utils.measure import latent_file
from course_utils.measure.pictures import psnr

Picture = UInt8[np.ndarray, "h w 3"]
Latent = Float[np.ndarray, "c h w"]
Codec = Literal["jpeg", "webp"]


class RatePoint(NamedTuple):
    """A file, its size and quality: `container` of its `bytes` are headers and tables."""

    codec: str
    setting: str
    bytes: int
    container: int
    psnr: float


def empirical_entropy(symbols: Int[np.ndarray, "*shape"]) -> float:
    r"""\(H = -\sum_s p_s \log_2 p_s\) in bits a symbol, \(p_s\) the frequency of \(s\) (Shannon 1948).

    No coder that takes each symbol by itself, with one table for all, does better; sending the table not
    counted.
    """
    _, counts = np.unique(symbols, return_counts=True)
    shares = counts / counts.sum()
    return float(abs(shares @ np.log2(shares)))


def entropy_bytes(latent: Latent, step: float) -> float:
    """Bytes at the empirical entropy of each quantised channel: the bound, nothing sent but the symbols."""
    return sum(empirical_entropy(channel) * channel.size for channel in quantise(latent, step)) / 8


def quantise(latent: Float[np.ndarray, "*shape"], step: float) -> Int[np.ndarray, "*shape"]:
    """Nearest multiples of `step`, as whole numbers.

    Raises `ValueError` for a step that is not positive, and for numbers that are not finite or too many steps.
    """
    if not step > 0:
        raise ValueError(f"a quantiser's step is positive, got {step}")
    levels = np.rint(np.asarray(latent, dtype=np.float64) / step)
    if not (np.abs(levels) < 2.0**53).all():  # NaN, too, is not below; above, neighbours fall together
        raise ValueError(f"the latent holds numbers that are not finite or more than 2^53 steps of {step:g} from zero:"
                         " did half precision overflow?")
    return levels.astype(np.int64)


def dequantise(levels: Int[np.ndarray, "*shape"], step: float) -> Float[np.ndarray, "*shape"]:
    """`step` times `levels`: at most half a step from what was quantised."""
    return (levels * step).astype(np.float32)


def entropy_coded(latent: Latent, step: float) -> bytes:
    """The quantised latent as a file (see `latent_file`), after checking that it decodes to the same levels."""
    step = float(np.float32(step))  # as the file stores it
    levels = quantise(latent, step)
    data = latent_file.encode(levels, step)
    again, _ = latent_file.decode(data)
    if not np.array_equal(again, levels):
        raise AssertionError("the entropy coder did not give back what went in: please report this latent")
    return data


def entropy_decoded(data: bytes) -> Latent:
    """The latent in such a file, every number a multiple of its step."""
    return dequantise(*latent_file.decode(data))


def entropy_coded_bytes(latent: Latent, step: float) -> int:
    """Size of `entropy_coded`, header and side information included."""
    return len(entropy_coded(latent, step))


def half_precision(latent: Latent) -> tuple[Latent, int]:
    """The latent rounded to float16, and its bytes: two a number."""
    return latent.astype(np.float16).astype(np.float32), 2 * latent.size


def eight_bit(latent: Latent) -> tuple[Latent, int]:
    """The latent in 256 equal steps between each channel's extremes, and its bytes: one a number and 8 a channel."""
    low, high = (f(latent, axis=(1, 2), keepdims=True).astype(np.float32) for f in (np.min, np.max))
    step = np.where(high > low, (high - low) / 255, 1)
    return np.rint((latent - low) / step) * step + low, latent.size + 8 * len(latent)


def latent_point(picture: Picture, latent: Latent, decode: Callable[[Latent], Picture], step: float) -> RatePoint:
    """The entropy-coded latent as a file and what `decode` makes of it (the autoencoder, whose weights do not count).

    Its container is everything but the entropy-coded numbers: sizes, step and the channels' models.
    """
    data = entropy_coded(latent, step)
    quality = psnr(picture, decode(entropy_decoded(data)))
    return RatePoint("latent", f"step {step:.3g}", len(data), latent_file.side_bytes(data), float(quality[0]))


def latent_curve(
    picture: Picture, latent: Latent, decode: Callable[[Latent], Picture], steps: Iterable[float]
) -> list[RatePoint]:
    """`latent_point` for each step."""
    return [latent_point(picture, latent, decode, step) for step in steps]


def png_bytes(picture: Picture) -> bytes:
    """A PNG file: lossless, the reference."""
    return _saved(picture, "PNG", optimize=True)


def jpeg_bytes(picture: Picture, quality: int, full_colour: bool = False) -> bytes:
    """A JPEG file of quality 1 to 100: optimised tables, progressive where smaller, no metadata.

    Colour is kept at half size a side (4:2:0), as nearly all JPEGs do, or at full size (4:4:4).
    """
    save = partial(_saved, picture, "JPEG", quality=quality, subsampling=0 if full_colour else 2, optimize=True)
    return min(save(progressive=False), save(progressive=True), key=len)


def webp_bytes(picture: Picture, quality: int, sharp_colour: bool = False) -> bytes:
    """A lossy WebP file of quality 0 to 100, by its slowest and best method; `sharp_colour` halves colour with care."""
    return _saved(picture, "WEBP", quality=quality, method=6, use_sharp_yuv=sharp_colour)


def decoded(data: bytes) -> Picture:
    """The picture in a file."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def file_point(picture: Picture, codec: str, setting: str, data: bytes) -> RatePoint:
    """Size and quality of `data`, a file that was made of `picture`."""
    return RatePoint(codec, setting, len(data), container_bytes(data), float(psnr(picture, decoded(data))[0]))


def file_curve(picture: Picture, codec: Codec, qualities: Iterable[int]) -> list[RatePoint]:
    """Rate and distortion at each quality, with colour kept as the codec does by default."""
    save = _treatments(picture, codec)[0][1]
    return [file_point(picture, codec, f"quality {quality}", save(quality)) for quality in qualities]


def smallest_at_equal_quality(picture: Picture, psnr_target: float, codec: Codec = "jpeg") -> RatePoint:
    """The smallest file with at least `psnr_target` dB: the lowest quality that reaches it, over ways to keep colour.

    Found by bisection, then by looking at the qualities just below, since PSNR need not rise at every step.
    Raises `ValueError` where even the best quality falls short of the target.
    """
    found = [point for name, save in _treatments(picture, codec)
             if (point := _lowest(picture, codec, name, save, psnr_target)) is not None]
    if not found:
        raise ValueError(f"{codec} cannot reach {psnr_target:.1f} dB on this picture; ask for less, or use PNG")
    return min(found, key=lambda point: point.bytes)


def container_bytes(data: bytes) -> int:
    """How many of a PNG, JPEG or WebP file's bytes are headers and tables rather than coded pixels.

    JPEG: all marker segments, quantisation and Huffman tables with them; PNG: all but the contents of IDAT;
    WebP: the first 20 bytes.
    """
    if data.startswith(b"\xff\xd8"):
        return len(data) - _jpeg_scans(data)
    if data.startswith(b"\x89PNG"):
        return len(data) - _png_pixels(data)
    if data[8:12] == b"WEBP":
        return 20
    raise ValueError("not a PNG, JPEG or WebP file")


def bits_per_pixel(n_bytes: int, picture: Picture) -> float:
    """Bits a pixel of a file of `n_bytes` for `picture`; the raw picture has 24."""
    return 8 * n_bytes / (picture.shape[0] * picture.shape[1])


def _saved(picture: Picture, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, kind, **options)
    return out.getvalue()


def _treatments(picture: Picture, codec: Codec) -> list[tuple[str, Callable[[int], bytes]]]:
    if codec == "jpeg":
        return [("", partial(jpeg_bytes, picture)), (", 4:4:4", partial(jpeg_bytes, picture, full_colour=True))]
    if codec == "webp":
        return [("", partial(webp_bytes, picture)), (", sharp colour", partial(webp_bytes, picture, sharp_colour=True))]
    raise ValueError(f"unknown codec {codec!r}; there are 'jpeg' and 'webp'")


def _lowest(
    picture: Picture, codec: Codec, name: str, save: Callable[[int], bytes], target: float, look_back: int = 2
) -> RatePoint | None:
    """The smallest point that reaches `target`, or None."""
    seen: dict[int, RatePoint] = {}

    def at(quality: int) -> RatePoint:
        if quality not in seen:
            seen[quality] = file_point(picture, codec, f"quality {quality}{name}", save(quality))
        return seen[quality]

    low, high = 1, 100
    if at(high).psnr < target:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if at(middle).psnr >= target else (middle + 1, high)
    for quality in range(max(1, high - look_back), high):
        at(quality)
    return min((point for point in seen.values() if point.psnr >= target), key=lambda point: point.bytes)


def _jpeg_scans(data: bytes) -> int:
    """Bytes of entropy-coded data: all that is not a marker segment (ITU T.81, annex B)."""
    at, coded = 2, 0
    while data[at : at + 2] != b"\xff\xd9":
        is_scan = data[at + 1] == 0xDA
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        start = at
        while is_scan and (data[at] != 0xFF or data[at + 1] in (0, *range(0xD0, 0xD8))):
            at += 1
        coded += at - start
    return coded


def _png_pixels(data: bytes) -> int:
    """Bytes inside the IDAT chunks."""
    at, coded = 8, 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        coded += length if data[at + 4 : at + 8] == b"IDAT" else 0
        at += 12 + length
    return coded
