"""The frames that a guest writes, see `guest.py`: read to an end, in time and in memory, whoever wrote them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from course_utils.grading.values import Unfit, writable

LONGEST_LINE = 300  # bytes
LARGEST_FACT = 100_000  # bytes; twenty troubles of 300 characters fit, however JSON escapes them


def frames(data: bytes, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each frame.

    Raises `Unfit` at one that is broken, has another name or comes a second time: so there are never more than `names`,
    however many were written.
    """
    awaited, at = set(names), 0
    while at < len(data):
        name, length, at = _head(data, at)
        if name not in awaited:
            raise Unfit("a frame that nobody waits for")
        awaited.remove(name)
        yield name, data[at : at + length]
        at += length


def _head(data: bytes, at: int) -> tuple[str, int, int]:
    """Name and length of the frame at an offset, and the offset of its content. Raises `Unfit` if none is there."""
    line = data[at : at + LONGEST_LINE].partition(b"\n")[0]
    start = at + len(line) + 1
    match _fact(line):
        case [str(name), int(length)] if 0 <= length <= len(data) - start:
            return name, length, start
    raise Unfit("no frame")


def troubles(content: bytes) -> list[str]:
    """What went wrong, as the guest says: few texts, cut short. Raises `Unfit` for anything but a list in JSON."""
    told = _fact(content)
    if not isinstance(told, list):
        raise Unfit("no list")
    return [writable(each[:300]) for each in told[:20] if isinstance(each, str)]


def seconds(content: bytes) -> float:
    """How long the guest says that it computed. Raises `Unfit` for anything but a finite number in JSON."""
    told = _fact(content)
    if not isinstance(told, float) or not math.isfinite(told):
        raise Unfit("no number of seconds")
    return told


def _fact(written: bytes) -> Any:
    """A small fact, out of JSON. Raises `Unfit` where it is none, or too large to be looked at outside of a sandbox."""
    if len(written) > LARGEST_FACT:
        raise Unfit(f"more than {LARGEST_FACT:,} bytes")
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        raise Unfit("no JSON") from None
