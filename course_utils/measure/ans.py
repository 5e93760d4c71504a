"""A real entropy coder in thirty lines: asymmetric numeral systems (Duda 2013, arXiv:1311.2540), the range variant.

Exact integers throughout: what goes in comes out. It spends log2(total / frequency) bits on a symbol, within
a fraction of a per cent, so a message takes its model's cross-entropy and four bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

PRECISION = 14
TOTAL = 1 << PRECISION  # frequencies of a table add up to this
CUT_SHORT = "the file of latents ends too early: it was cut short; encode the latents anew"
_LOW = 1 << 23  # between symbols the state lies in [_LOW, 256 _LOW)


def refuse_many(symbols: int) -> None:
    """Raise `ValueError` for more symbols than a table can tell apart, or none."""
    if not 0 < symbols <= TOTAL // 4:
        raise ValueError(f"a table holds 1 to {TOTAL // 4} symbols, not {symbols}: take a larger step")


def frequencies(weights: Float[np.ndarray, " symbols"]) -> Int[np.ndarray, " symbols"]:
    """Whole frequencies that add up to `TOTAL`, in proportion to `weights`, at least 1 each so that all can be coded.

    Raises `ValueError` for more symbols than a table can tell apart.
    """
    refuse_many(len(weights))
    shares = weights / weights.sum() * (TOTAL - len(weights))
    table = 1 + np.floor(shares).astype(np.int64)
    table[np.argmax(table)] += TOTAL - table.sum()
    return table


def encode(symbols: Sequence[int], tables: Sequence[Int[np.ndarray, " symbols"]]) -> bytes:
    """Bytes for `symbols`, the i-th drawn from the frequencies `tables[i]`."""
    starts = {id(table): np.concatenate([[0], np.cumsum(table)]).tolist() for table in tables}
    state, out = _LOW, bytearray()
    for symbol, table in zip(reversed(symbols), reversed(tables), strict=True):
        cumulative = starts[id(table)]
        start, frequency = cumulative[symbol], cumulative[symbol + 1] - cumulative[symbol]
        while state >= (_LOW >> PRECISION << 8) * frequency:
            out.append(state & 255)
            state >>= 8
        state = (state // frequency << PRECISION) + state % frequency + start
    return state.to_bytes(4, "big") + bytes(reversed(out))


class Decoder:
    """Reads symbols back in the order in which they were written."""

    def __init__(self, data: bytes) -> None:
        self._state, self._rest = int.from_bytes(data[:4], "big"), iter(data[4:])

    def read(self, cumulative: list[int]) -> int:
        """The next symbol; `cumulative` is 0 followed by the running sum of its table's frequencies."""
        slot = self._state & (TOTAL - 1)
        symbol = bisect_right(cumulative, slot) - 1
        frequency = cumulative[symbol + 1] - cumulative[symbol]
        self._state = frequency * (self._state >> PRECISION) + slot - cumulative[symbol]
        while self._state < _LOW:
            byte = next(self._rest, None)
            if byte is None:
                raise ValueError(CUT_SHORT)
            self._state = self._state << 8 | byte
        return symbol
