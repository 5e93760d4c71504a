"""The scores of a class: each submission run in isolation, judged elsewhere, kept as soon as it is done."""

from __future__ import annotations

import hashlib
import json
import queue
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from course_utils.grading.question import Verdict
from course_utils.grading.questions import questions
from course_utils.grading.scoring.isolation import PACKAGE, Limits
from course_utils.grading.scoring.judges import Judge, Unjudged
from course_utils.grading.scoring.run import run
from course_utils.grading.scoring.submission import Submission, files, read
from course_utils.grading.values import writable
from course_utils.models.weights import FOLDER, SUMS


@dataclass(frozen=True)
class Settings:
    """What a class is scored with. The same settings give the same scores, in any order, with any number of jobs."""

    seed: int
    limits: Limits = field(default_factory=Limits)
    isolated: bool = True
    exercise: str = ""
    hidden: tuple[Path, ...] = ()


@dataclass
class Score:
    """One submission's verdicts by question, and what is to be told about it."""

    student: str
    file: str
    exercise: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    shown: dict[str, float] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    isolated: bool = True
    judged: bool = True
    seconds: float = 0.0
    computed: float = 0.0

    @property
    def points(self) -> float:
        """Points of all questions."""
        return sum(verdict.points for verdict in self.verdicts.values())

    @property
    def out_of(self) -> int:
        """Points that were to be had."""
        return sum(question.points for question in questions(self.exercise).values()) if self.exercise else 0

    @property
    def differing(self) -> list[str]:
        """Questions whose check in the student's notebook showed other points than the official score gives."""
        return [name for name, points in self.shown.items() if points != self.verdicts.get(name, Verdict(0, "")).points]


def score(submission: Submission, root: Path, settings: Settings, judge: Judge) -> Score:
    """Score one submission; whatever it is, this returns."""
    done = Score(submission.student, writable(submission.path.relative_to(root)), submission.exercise)
    done.isolated, done.shown = settings.isolated, submission.shown
    if submission.trouble:
        done.troubles = [submission.trouble]
        return done
    asked = list(questions(submission.exercise).values())
    outcome = run(submission.cells, asked, settings.seed, settings.limits, settings.hidden, settings.isolated)
    done.troubles, done.seconds, done.computed = outcome.troubles, outcome.seconds, outcome.computed
    try:
        done.verdicts = judge(submission.exercise, settings.seed, outcome.answers)
    except Unjudged as mishap:
        done.judged = False
        message = f"The answers could not be judged ({mishap})."
        done.verdicts = {question: Verdict(0, message) for question in questions(submission.exercise)}
        done.troubles = [*outcome.troubles, "not judged: the same command tries again"]
    return done


def score_all(root: Path, store: Path, settings: Settings, jobs: int, tell: Callable[[int, int], Any]) -> list[Score]:
    """Score all of a folder, sorted by student and file; what `store` has from an interrupted run is not run again.

    `tell` is called with the number done and the number of all, after each.
    """
    store.mkdir(parents=True, exist_ok=True)
    submissions = [read(student, path, settings.exercise) for student, path in files(root)]
    done: list[Score] = []
    pool = ThreadPoolExecutor(jobs)
    with judges(jobs) as free:
        try:
            tasks = [pool.submit(_kept, submission, root, store, settings, free) for submission in submissions]
            for task in as_completed(tasks):
                done.append(task.result())
                tell(len(done), len(tasks))
        finally:  # interrupted, those under way are finished and kept, and the others left to the next run
            pool.shutdown(wait=True, cancel_futures=True)
    return sorted(done, key=lambda each: (each.student, each.file))


@contextmanager
def judges(count: int) -> Iterator[queue.Queue[Judge]]:
    """So many judges, to be taken and put back; ended at the end."""
    free: queue.Queue[Judge] = queue.Queue()
    all_of_them = [Judge() for _ in range(count)]
    for judge in all_of_them:
        free.put(judge)
    try:
        yield free
    finally:
        for judge in all_of_them:
            judge.close()


def _kept(submission: Submission, root: Path, store: Path, settings: Settings, free: queue.Queue[Judge]) -> Score:
    """The score from the store, or made now and stored, unless it could not be judged: then it is tried again."""
    path = store / f"{_key(submission, root, settings)}.json"
    if path.exists():
        return _load(path)
    judge = free.get()
    try:
        done = score(submission, root, settings, judge)
    finally:
        free.put(judge)
    if not done.judged:
        return done
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(asdict(done), indent=1), encoding="utf-8")
    temporary.replace(path)
    return done


def _load(path: Path) -> Score:
    kept = json.loads(path.read_text(encoding="utf-8"))
    verdicts = {name: Verdict(**verdict) for name, verdict in kept.pop("verdicts").items()}
    return Score(verdicts=verdicts, **kept)


def _key(submission: Submission, root: Path, settings: Settings) -> str:
    """What a stored score is valid for: this file, these settings, these questions."""
    what = [writable(submission.path.relative_to(root)), submission.digest, settings.seed, settings.isolated]
    what += [asdict(settings.limits), settings.exercise, code_version()]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def code_version() -> str:
    """A hash of the course's code and weights, with which questions ask and judge: scores by others are not its own."""
    together = hashlib.sha256()
    for path in [*sorted(PACKAGE.rglob("*.py")), FOLDER / SUMS]:
        together.update(path.read_bytes())
    return together.hexdigest()


def remembered_seed(store: Path, seed: int | None) -> int:
    """The seed to score with: the given one, or an interrupted run's, or a fresh secret one; kept in the store."""
    path = store / "seed.txt"
    if seed is None:
        seed = int(path.read_text()) if path.exists() else secrets.randbelow(2**63)
    store.mkdir(parents=True, exist_ok=True)
    path.write_text(str(seed))
    return seed
