"""The judge's process: it gets packed values, never code, and gives points and messages.

It is a process of its own, so that whatever a submission's values do to it (memory, time) costs that submission alone.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

from course_utils.grading.judging import cases_of, judge
from course_utils.grading.question import Question, Verdict
from course_utils.grading.questions import questions
from course_utils.grading.values import Missing, Unfit, unpack

PATIENCE = 1800  # seconds by the clock: a machine that is busy with other work must not cost anybody points
MEMORY = 8_000_000_000


class Unjudged(RuntimeError):
    """The judge's process gave no verdicts; says what happened to it."""


class Judge:
    """A judge's process, started when first needed and again after a mishap."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def __call__(self, exercise: str, seed: int, answers: dict[str, bytes]) -> dict[str, Verdict]:
        """The verdict on each question of the exercise.

        Raises `Unjudged` if the process ended or came to no end: that may be the answers' doing, or the machine's.
        """
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_quiet)
        try:
            return self._pool.submit(verdicts, exercise, seed, answers).result(timeout=PATIENCE)
        except Exception as error:
            self.close()
            raise Unjudged(type(error).__name__) from error

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            for process in list((self._pool._processes or {}).values()):
                process.kill()
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def verdicts(exercise: str, seed: int, answers: dict[str, bytes]) -> dict[str, Verdict]:
    """The verdict on each question, from packed outputs; the inputs are drawn again, none comes from a submission."""
    return {name: verdict(question, seed, answers.get(name)) for name, question in questions(exercise).items()}


def verdict(question: Question, seed: int, packed: bytes | None) -> Verdict:
    """The verdict on one question; no bytes, or bytes that are no packed value, get nothing."""
    if packed is None:
        return Verdict(0, "The notebook ended before this question was asked.")
    try:
        outputs = unpack(packed)
    except Unfit:
        outputs = [Missing("what came out of the notebook is no plain value")]
    return judge(question, cases_of(question, seed), outputs if isinstance(outputs, list) else [outputs])


def _quiet() -> None:
    """One thread, limited memory, nothing said beside the progress bar, and no life of its own."""
    threading.Thread(target=_end_with_the_scorer, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the scorer's: it lets what is under way be judged
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    os.environ.update({"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"})
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _end_with_the_scorer() -> None:
    """A scorer that is killed cannot end its judges: they would wait for answers for ever."""
    if (scorer := multiprocessing.parent_process()) is not None:
        scorer.join()
        os._exit(1)
