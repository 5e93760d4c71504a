"""Latents as a file: quantised, predicted from their neighbours, entropy-coded, and read back exactly.

The file holds everything a decoder needs but the autoencoder: sizes, step, and for each channel a model of a
dozen bytes (which distribution, how wide, which predictor), chosen by the encoder as the one that makes the
file smallest. It is what PNG and JPEG do for pixels, so that bytes are compared with bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product

import numpy as np
from jaxtyping import Int
from scipy.special import expit, ndtr

from course_utils.measure import ans

Grid = Int[np.ndarray, "h w"]


def _laplace(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, 0.5 * np.exp(-np.abs(x)), 1 - 0.5 * np.exp(-np.abs(x)))


DISTRIBUTIONS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (ndtr, _laplace, expit)  # cumulative, of unit scale


@dataclass(frozen=True)
class ChannelModel:
    """How one channel is coded: value = base + prediction + residual, the residual drawn from a bell.

    The prediction is \\((a W + b N + c\\,NW) / 64\\), rounded, of the neighbours already known, less the base.
    """

    distribution: int  # index into DISTRIBUTIONS
    width: int  # its scale is 2 ** (width / 8 - 4)
    centre: int  # of the bell, in sixteenths
    base: int
    lowest: int  # of the residual
    count: int  # of the residual's possible values
    weights: tuple[int, int, int]  # a, b, c

    @cached_property
    def table(self) -> Int[np.ndarray, " symbols"]:
        """Frequencies of the residuals from lowest to highest."""
        edges = self.lowest + np.arange(self.count + 1) - 0.5 - self.centre / 16
        scaled = np.clip(edges * 2.0 ** (4 - self.width / 8), -600, 600)
        return ans.frequencies(np.diff(DISTRIBUTIONS[self.distribution](scaled)) + 1e-9)

    def bits(self, counts: Int[np.ndarray, " symbols"]) -> float:
        """Cost of residuals that occur so often."""
        return float(counts @ (ans.PRECISION - np.log2(self.table)))

    def to_bytes(self) -> bytes:
        """The side information, about ten bytes."""
        head = bytes([self.distribution + 4 * any(self.weights), self.width])
        tail = struct.pack("<3b", *self.weights) if any(self.weights) else b""
        return head + b"".join(map(_varint, (self.centre, self.base, self.lowest, self.count))) + tail


def encode(levels: Int[np.ndarray, "c h w"], step: float) -> bytes:
    """The file. Raises `ValueError` where a channel has more levels than can be coded (a larger step then)."""
    models = [_fit(grid) for grid in levels]
    symbols = [_residual(grid, m) - m.lowest for grid, m in zip(levels, models, strict=True)]
    tables = [m.table for m, s in zip(models, symbols, strict=True) for _ in range(s.size)]
    header = struct.pack("<f", step) + b"".join(map(_varint, levels.shape))
    side = b"".join(model.to_bytes() for model in models)
    return header + side + ans.encode(np.concatenate([s.ravel() for s in symbols]).tolist(), tables)


def decode(data: bytes) -> tuple[Int[np.ndarray, "c h w"], float]:
    """Levels and step, exactly as they were encoded. Raises `ValueError` for a file that was cut short."""
    source = iter(data)
    step, (h, w), models = _read_header(source)
    decoder = ans.Decoder(bytes(source))
    return np.stack([_decode_channel(decoder, model, h, w) for model in models]), step


def side_bytes(data: bytes) -> int:
    """How many of a file's bytes come before the entropy-coded numbers: sizes, step and the channels' models."""
    source = iter(data)
    _read_header(source)
    return len(data) - len(bytes(source))


def _read_header(source: Iterator[int]) -> tuple[float, tuple[int, int], list[ChannelModel]]:
    step = struct.unpack("<f", _take(source, 4))[0]
    channels, h, w = (_read_varint(source) for _ in range(3))
    return step, (h, w), [_read_model(source) for _ in range(channels)]


def _decode_channel(decoder: ans.Decoder, model: ChannelModel, h: int, w: int) -> Grid:
    cumulative = [0, *np.cumsum(model.table).tolist()]
    a, b, c = model.weights
    above, rows = [0] * (w + 1), []
    for _ in range(h):
        row = [0]
        for x in range(w):
            predicted = (a * row[x] + b * above[x + 1] + c * above[x] + 32) >> 6
            row.append(predicted + model.lowest + decoder.read(cumulative))
        rows.append(row[1:])
        above = row
    return np.array(rows, dtype=np.int64) + model.base


def _residual(grid: Grid, model: ChannelModel) -> Grid:
    a, b, c = model.weights
    centred = grid.astype(np.int64) - model.base
    west, north, corner = _neighbours(centred)
    return centred - ((a * west + b * north + c * corner + 32) >> 6)


def _neighbours(grid: Grid) -> tuple[Grid, Grid, Grid]:
    """West, north and north-west of each cell, zero beyond the border."""
    padded = np.pad(grid, ((1, 0), (1, 0)))
    return padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]


def _fit(grid: Grid) -> ChannelModel:
    """The model with which this channel, its side information included, takes the fewest bits."""
    base = int(np.rint(grid.mean()))
    choices = {(0, 0, 0), _predictor(grid - base)}
    fitted = [_fit_bell(grid, base, weights) for weights in sorted(choices)]
    return min(fitted, key=lambda pair: pair[0])[1]


def _predictor(centred: Grid) -> tuple[int, int, int]:
    """Least squares for the neighbours' weights, in sixty-fourths."""
    x = np.stack([n.ravel() for n in _neighbours(centred)], axis=1)
    best = np.linalg.lstsq(x, centred.ravel(), rcond=None)[0]
    a, b, c = np.rint(64 * best).clip(-127, 127).astype(int).tolist()
    return a, b, c


def _fit_bell(grid: Grid, base: int, weights: tuple[int, int, int]) -> tuple[float, ChannelModel]:
    residual = _residual(grid, ChannelModel(0, 0, 0, base, 0, 1, weights))
    lowest = int(residual.min())
    ans.refuse_many(int(residual.max()) - lowest + 1)  # before they are counted, one place of memory for each
    counts = np.bincount((residual - lowest).ravel())
    centre = int(np.rint(16 * residual.mean()))
    guess = 8 * (np.log2(residual.std() + 0.05) + 4)
    widths = range(max(0, int(guess) - 12), min(255, int(guess) + 8))
    tried = (ChannelModel(d, width, centre, base, lowest, len(counts), weights)
             for d, width in product(range(len(DISTRIBUTIONS)), widths))
    priced = [(model.bits(counts) + 8 * len(model.to_bytes()), model) for model in tried]
    return min(priced, key=lambda pair: pair[0])


def _varint(value: int) -> bytes:
    """A whole number in as few bytes as it needs: sign in the lowest bit, seven bits a byte."""
    left, out = (value << 1) ^ (value >> 63), bytearray()
    while left > 127:
        out.append(left & 127 | 128)
        left >>= 7
    return bytes([*out, left])


def _read_varint(source: Iterator[int]) -> int:
    value = shift = 0
    for byte in source:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return (value >> 1) ^ -(value & 1)
    raise ValueError(ans.CUT_SHORT)


def _take(source: Iterator[int], count: int) -> bytes:
    taken = bytes(islice(source, count))
    if len(taken) < count:
        raise ValueError(ans.CUT_SHORT)
    return taken


def _read_model(source: Iterator[int]) -> ChannelModel:
    kind, width = _take(source, 2)
    centre, base, lowest, count = (_read_varint(source) for _ in range(4))
    a, b, c = struct.unpack("<3b", _take(source, 3)) if kind & 4 else (0, 0, 0)
    return ChannelModel(kind & 3, width, centre, base, lowest, count, (a, b, c))
