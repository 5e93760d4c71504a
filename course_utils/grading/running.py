"""Calling a student's answer: the one part of grading that runs in the student's process.

It knows a question's name, its inputs and a seed, and nothing of what is expected. Whatever happens becomes a plain
value: what the function returned, `Raised`, `Missing`.
"""

from __future__ import annotations

import contextlib
import linecache
import random
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from course_utils.grading.givens import arguments
from course_utils.grading.values import Missing, Raised, Unfit, pack, unpack

PATIENCE = 6
_ABSENT = object()


class Late(BaseException):
    """The time for a question is over. No `Exception`, so that `except Exception:` in an answer does not swallow it."""


def answers(
    name: str,
    cases: Sequence[dict[str, Any]] | None,
    namespace: dict[str, Any],
    seed: int = 0,
    framework: str = "torch",
    seconds: float = 10,
) -> list[Any]:
    """What `namespace[name]` answers to each case, as plain values; for `cases=None` its own value, as a list of one.

    After the first exception or time-out the rest is not tried: the list is then shorter than `cases`.
    """
    value = namespace.get(name, _ABSENT)
    if value is _ABSENT:
        return [Missing(f"there is no `{name}` yet: has its cell been run?")]
    if cases is None:
        return [_plain(value)]
    if not callable(value):
        return [Missing(f"`{name}` should be a function, but it is of type {type(value).__name__}")]
    outputs: list[Any] = []
    if framework == "torch":
        import_module("torch")  # before the clock runs, and so that it gets its seed
    try:
        with time_limit(seconds):
            for number, case in enumerate(cases):
                outputs.append(_called(value, arguments(case, framework), seed + number))
                if isinstance(outputs[-1], Raised):
                    break
    except Late:
        outputs.append(Raised("Late", f"took longer than {seconds:g} seconds and was stopped"))
    return outputs


def _called(function: Any, given: dict[str, Any], seed: int) -> Any:
    seed_everything(seed)
    try:
        return _plain(function(**given))
    except Exception as error:
        return Raised(type(error).__name__, _message(error), _line(error))
    except SystemExit:
        return Raised("SystemExit", "the function ended the whole program")


def _plain(value: Any) -> Any:
    """The value as it arrives at the judge's; a copy, so that no later call can change it."""
    try:
        return unpack(pack(value))
    except Unfit as error:
        return Raised("TooMuch", f"the result is {error}")


def seed_everything(seed: int) -> None:
    """Seed python, numpy and, where it is loaded, torch: an answer that draws noise draws the same each time."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `Late` in the block after `seconds` of computing (what other processes take does not count), or after
    `PATIENCE` times as long by the clock; without effect off the main thread or where there are no alarms."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise Late

    alarms = {signal.SIGPROF: (signal.ITIMER_PROF, seconds), signal.SIGALRM: (signal.ITIMER_REAL, PATIENCE * seconds)}
    before = {number: signal.signal(number, ring) for number in alarms}
    for timer, length in alarms.values():
        signal.setitimer(timer, length)
    try:
        yield
    finally:
        for number, (timer, _) in alarms.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def _message(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except Exception:
        return ""


def _line(error: BaseException) -> str:
    """The last line of the student's own that stands in the traceback, as text."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = [frame for frame in frames if "site-packages" not in frame.filename and "course_utils" not in frame.filename]
    if not own:
        return ""
    return (own[-1].line or linecache.getline(own[-1].filename, own[-1].lineno or 0)).strip()[:200]
