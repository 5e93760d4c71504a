"""What official scoring costs: seconds a submission, of which the sandbox, Python and torch; part of `make bench`."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat

from course_utils.grading.questions import exercises, questions
from course_utils.grading.scoring.isolation import Limits, require
from course_utils.grading.scoring.run import Outcome, run
from course_utils.grading.scoring.score import Score, Settings, score_all

EXERCISES = Path(__file__).resolve().parent.parent / "notebooks" / "exercises"


def bench_scoring(copies: int = 4) -> None:
    """Every exercise's solution as a submission, so many times, two at a time."""
    require()
    for what, cells in (("an empty notebook", []), ("one that imports torch", ["import torch"])):
        told(f"{what}, isolated", [run(cells, [], 0, Limits()) for _ in range(3)])
    for name in exercises():
        began = time.perf_counter()
        scores = class_of(name, copies)
        whole = (time.perf_counter() - began) / copies
        told(f"{name}, {len(questions(name))} questions, a submission", scores)
        print(f"{'    with two jobs, judging included':<58} {whole:8.3g} s for each")


def class_of(name: str, copies: int) -> list[Score]:
    """The scores of so many copies of an exercise's solution."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "in")
        root.mkdir()
        for number in range(copies):
            notebook = nbformat.read(EXERCISES / f"{name}_solution.ipynb", as_version=4)
            nbformat.write(notebook, root / f"{number}.ipynb")
        return score_all(root, Path(folder, "state"), Settings(seed=1), 2, lambda *_: None)


def told(what: str, done: Sequence[Outcome | Score]) -> None:
    """Median seconds by the clock and of computing inside the sandbox."""
    clock, computed = (statistics.median(each) for each in zip(*((d.seconds, d.computed) for d in done), strict=True))
    print(f"{what:<58} {clock:8.3g} s by the clock, {computed:.3g} s of computing")


if __name__ == "__main__":
    bench_scoring(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
