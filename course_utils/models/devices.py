"""Where a model runs, and whether that will take minutes or hours."""

from __future__ import annotations

import ctypes
import os
import platform
import warnings

import torch

from course_utils.models.entries import Entry

LARGE, HUGE = 100, 1000
"""Megabytes from which a CPU is warned about, and from which one is asked."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, KEPT = -1, -3, 10**9
"""Of glibc's `mallopt`, see its manual page; bytes."""

_told: set[str] = set()
_asked: set[str] = set()


class StoppedError(RuntimeError):
    """A large model was not loaded on a CPU, as was answered."""


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """The device asked for, or a GPU where there is one, or the CPU."""
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if place.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' was asked for, and PyTorch sees no GPU: leave device out, or say device='cpu'"
                         " (on Colab: Runtime, Change runtime type, T4 GPU)")
    return place


def keep_memory() -> bool:
    """Let this process keep large blocks of memory that it freed, for the next tensor; whether that could be arranged.

    Left alone, glibc hands large blocks back to the system, and asks for them again, page by page, convolution for
    convolution. Kept, a tenth to a quarter of the time of sampling on a CPU is saved. Where there is no glibc, or the
    environment has a say already (`MALLOC_MMAP_THRESHOLD_`), nothing is done.
    """
    if platform.libc_ver()[0] != "glibc" or "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(M_MMAP_THRESHOLD, KEPT) and libc.mallopt(M_TRIM_THRESHOLD, 2 * KEPT))


def mind_the_time(chosen: Entry, place: torch.device) -> None:
    """Warn that a large model on a CPU takes minutes; ask before a huge one takes hours; each once a scale.

    Nobody is asked where nobody can answer (a script, a test), nor where `COURSE_CPU` is set to `yes`: there it warns.
    Raises `StoppedError` if the answer is no.
    """
    huge = chosen.megabytes >= HUGE
    if place.type != "cpu" or chosen.megabytes < LARGE or chosen.scale in (_asked if huge else _told):
        return
    slow = f"scale {chosen.scale!r} runs on the CPU here"
    must_ask = huge and os.environ.get("COURSE_CPU") != "yes"
    if must_ask and answered_no(f"{slow}: a picture takes minutes, a notebook hours."):
        raise StoppedError("stopped before it takes hours: choose a GPU (on Colab: Runtime, Change runtime type, T4"
                           " GPU), or scale='critters', which is made for a CPU; COURSE_CPU=yes goes on without asking")
    if chosen.scale not in _told:
        warnings.warn(f"{slow}: expect minutes where a GPU takes seconds; 'critters' is made for a CPU", stacklevel=5)
    _told.add(chosen.scale)
    _asked.update({chosen.scale} if huge else ())


def answered_no(said: str) -> bool:
    """Ask whether to go on; where there is nobody to ask, it goes on."""
    try:
        answer = input(f"{said} Go on all the same? [y/N] ")
    except Exception:  # a kernel without a front end, a script without a keyboard: each has an error of its own
        return False
    return answer.strip().lower() not in ("y", "yes")
