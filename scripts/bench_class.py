"""A class is made up, scored, interrupted, gone on with, and scored again otherwise: what it costs, whether it agrees.

    python scripts/bench_class.py [--students 200] [--jobs 2] [--folder DIR]

Of every twenty submissions nine are solved, three have answers that are wrong, two have failing cells, one each dies
in the middle, asks for far too much memory, loops for ever, is blank as it was handed out, is an empty file, is no
notebook. All exercises take turns. The command runs as an instructor runs it; it is killed in the middle and started
again. Then every tenth submission is scored anew, one at a time: its line must be the same, byte by byte.
Interrupted itself, this goes on where it was if it has the same `--folder`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import nbformat
from tqdm import tqdm

from course_utils.grading.questions import exercises, questions

EXERCISES = Path(__file__).resolve().parent.parent / "notebooks" / "exercises"
KINDS = ("solved",) * 9 + ("wrong",) * 3 + ("failing cells",) * 2 + (
    "dies", "memory", "loops", "blank", "empty", "no notebook")  # fmt: skip
SEED, SECONDS = 20_261, 20
FAILING, MEMORY = "1 / 0", "bytearray(10**12)"
LAST = {"failing cells": FAILING, "memory": MEMORY, "dies": "import os; os._exit(3)"}


def submission(kind: str, exercise: str) -> str:
    """What such a student hands in."""
    if kind in ("empty", "no notebook"):
        return "" if kind == "empty" else "%PDF-1.4 A scan of my notes."
    notebook = nbformat.read(EXERCISES / f"{exercise}{'' if kind == 'blank' else '_solution'}.ipynb", as_version=4)
    cells = notebook.cells
    if kind == "loops":
        cells.insert(1, nbformat.v4.new_code_cell("while True:\n    pass"))
    elif kind == "wrong":
        cells += [nbformat.v4.new_code_cell(f"{name} = lambda **given: 0") for name in spoiled(exercise)]
    elif kind in LAST:
        cells.append(nbformat.v4.new_code_cell(LAST[kind]))
    return nbformat.writes(notebook)


def spoiled(exercise: str) -> list[str]:
    """The answers that the wrong submissions get wrong: the first and the last."""
    asked = list(questions(exercise).values())
    return [asked[0].answer, asked[-1].answer]


def deserved(kind: str, exercise: str) -> int:
    """The points that such a submission must get."""
    asked = questions(exercise).values()
    if kind in ("solved", "failing cells", "memory"):
        return sum(question.points for question in asked)
    return sum(q.points for q in asked if q.answer not in spoiled(exercise)) if kind == "wrong" else 0


def handed_in(folder: Path, students: int) -> dict[str, tuple[str, str]]:
    """Write the class's files where they are not yet; student with kind and exercise."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(exercises())
    made = {f"student {n:03}": (KINDS[n % len(KINDS)], names[n // len(KINDS) % len(names)]) for n in range(students)}
    for student, (kind, exercise) in made.items():
        path = folder / f"{student}.ipynb"
        if not path.exists():
            path.write_text(submission(kind, exercise), encoding="utf-8")
    return made


def command(submissions: Path, out: Path, jobs: int) -> subprocess.Popen:
    """The scorer, started on a folder."""
    more = ["--seed", str(SEED), "--seconds", str(SECONDS), "--jobs", str(jobs)]
    words = [sys.executable, "-m", "course_utils.grading", "score", str(submissions), "--out", str(out), *more]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def until(process: subprocess.Popen, state: Path, wanted: int, bar: tqdm) -> None:
    """Wait for the scorer's end, or until so many submissions are done."""
    while process.poll() is None and (done := kept(state)) < wanted:
        bar.update(done - bar.n)
        time.sleep(1)
    bar.update(kept(state) - bar.n)


def kept(state: Path) -> int:
    """How many scores have been stored."""
    return len(list(state.glob("*.json")))


def rows(path: Path) -> dict[str, dict[str, str]]:
    """A table's lines by student."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def ended(process: subprocess.Popen) -> None:
    """The scorer has come to its end, and well; or this ends, too."""
    _, said = process.communicate()
    if process.returncode:
        sys.exit(said.decode()[-2000:])


def told(made: dict[str, tuple[str, str]], state: Path) -> None:
    """Median seconds of computing in the sandbox, by kind."""
    by_kind = defaultdict(list)
    for path in state.glob("*.json"):
        score = json.loads(path.read_text(encoding="utf-8"))
        by_kind[made[score["student"]][0]].append((score["computed"], score["seconds"]))
    for kind in sorted(by_kind, key=KINDS.index):
        computed, clock = (statistics.median(each) for each in zip(*by_kind[kind], strict=True))
        print(f"  {kind:<14} {len(by_kind[kind]):4}   {computed:6.2f} s computing, {clock:6.2f} s by the clock")


def bench_class(root: Path, students: int, jobs: int) -> None:
    """Score the class; what differs from what it should be ends this with a message."""
    made, out = handed_in(root / "in", students), root / "scores.csv"
    state, began = root / "scores_state", time.monotonic()
    with tqdm(total=students, initial=kept(state), unit="submission", disable=None) as bar:
        first = command(root / "in", out, jobs)
        until(first, state, students // 2, bar)
        first.kill()
        first.communicate()
        halfway = kept(state)
        second = command(root / "in", out, jobs)
        until(second, state, students, bar)
        ended(second)
    seconds = time.monotonic() - began
    table = rows(out)
    for student, (kind, exercise) in made.items():
        if float(table[student]["points"]) != deserved(kind, exercise) or table[student]["isolated"] != "yes":
            sys.exit(f"{student} ({kind}, {exercise}) deserves {deserved(kind, exercise)}: {table[student]}")
    print(f"{students} submissions, killed at {halfway} and gone on with, {jobs} at a time, have what they deserve.")
    print(f"{seconds / 60:.1f} minutes by the clock, {seconds / students:.2f} s each; in the sandbox (median):")
    told(made, state)
    again(root, table, list(made)[::10])


def again(root: Path, table: dict[str, dict[str, str]], some: list[str]) -> None:
    """Score some anew, one at a time, and compare their lines with those of the class."""
    folder, out = root / "again" / "in", root / "again" / "scores.csv"
    folder.mkdir(parents=True, exist_ok=True)
    for student in some:
        shutil.copy(root / "in" / f"{student}.ipynb", folder)
    ended(command(folder, out, 1))
    for student, row in rows(out).items():
        full = table[student]
        differs = [key for key in row if key not in ("out of",) and row[key] != full[key]]
        if differs:
            sys.exit(f"{student}: scored again, {differs} differ")
    print(f"{len(some)} of them, one at a time in a folder of their own: the same lines")


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.folder:
        bench_class(options.folder.resolve(), options.students, options.jobs)
    else:
        with tempfile.TemporaryDirectory() as folder:
            bench_class(Path(folder), options.students, options.jobs)


if __name__ == "__main__":
    main()
