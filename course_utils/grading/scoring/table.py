"""The scores of a class as a table: one line a student, with reasons; and as Canvas imports it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from course_utils.grading.questions import questions
from course_utils.grading.scoring.score import Score

UNSAFE = "NOT ISOLATED"


def best(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """Each student's scores, one an exercise: of several files for the same one, that with most points counts."""
    kept: dict[str, dict[str, Score]] = {}
    unread: dict[str, list[Score]] = {}
    for score in scores:
        if not score.exercise:
            unread.setdefault(score.student, []).append(score)
        mine = kept.setdefault(score.student, {})
        other = mine.get(score.exercise)
        if other is None:
            mine[score.exercise] = score
            continue
        winner, loser = (score, other) if score.points > other.points else (other, score)
        if score.exercise:
            note = f"there is also {loser.file}, with {loser.points:g} points"
            winner = replace(winner, troubles=[*winner.troubles, note])  # a new one: table and pages each ask for it
        mine[score.exercise] = winner
    return {student: _told(mine, unread.get(student, [])) for student, mine in sorted(kept.items())}


def _told(mine: dict[str, Score], unread: list[Score]) -> list[Score]:
    """The scores in order; files of no exercise, beside others, are told with the first, lest one vanish."""
    found = [score for _, score in sorted(mine.items()) if score.exercise or len(mine) == 1]
    if unread and found[0].exercise:
        notes = [f"{score.file}: {trouble}" for score in unread for trouble in score.troubles]
        found[0] = replace(found[0], troubles=[*found[0].troubles, *notes])
    return found


def write(scores: Sequence[Score], path: Path, only: str = "") -> None:
    """The CSV: student, points, out of, one column a question, flags, reasons. The same scores give the same bytes."""
    exercises = sorted({score.exercise for score in scores if score.exercise} | ({only} if only else set()))
    asked = [(exercise, question) for exercise in exercises for question in questions(exercise)]
    header = ["student", "points", "out of", *(f"{exercise} {question}" for exercise, question in asked)]
    header += ["shown in notebook", "flags", "reasons", "files", "isolated"]
    with path.open("w", newline="", encoding="utf-8-sig") as file:  # by the mark Excel knows that it is no Latin-1
        table = csv.writer(file)
        table.writerow(header)
        for student, mine in best(scores).items():
            table.writerow([_harmless(cell) for cell in _row(student, mine, exercises, asked)])


def _row(student: str, mine: list[Score], exercises: list[str], asked: list[tuple[str, str]]) -> list[str]:
    by_exercise = {score.exercise: score for score in mine}
    out_of = sum(question.points for exercise in exercises for question in questions(exercise).values())
    cells = [student, f"{sum(score.points for score in mine):g}", str(out_of)]
    for exercise, question in asked:
        score = by_exercise.get(exercise)
        verdict = score.verdicts.get(question) if score else None
        cells.append(f"{verdict.points:g}" if verdict else "0")
    shown = [points for score in mine for points in score.shown.values()]
    cells.append(f"{sum(shown):g}" if shown else "")
    isolated = "yes" if all(score.isolated for score in mine) else UNSAFE
    return [*cells, "; ".join(flags(mine)), " | ".join(_reasons(mine)), "; ".join(s.file for s in mine), isolated]


def flags(mine: Sequence[Score]) -> list[str]:
    """What an instructor should look at: checks that showed other points than the official score, answers that
    could not be judged, and no isolation."""
    found = [f"{score.exercise} {name}: the notebook shows other points" for score in mine for name in score.differing]
    found += [f"{score.exercise}: not judged" for score in mine if not score.judged]
    return found + [UNSAFE for score in mine[:1] if not score.isolated]


def _reasons(mine: Sequence[Score]) -> list[str]:
    lines = []
    for score in mine:
        lines += [f"{score.file}: {trouble}" for trouble in score.troubles]
        for name, question in (questions(score.exercise) if score.exercise else {}).items():
            verdict = score.verdicts.get(name)
            if verdict and verdict.points < question.points:
                lines.append(f"{name}: {verdict.message}")
    return lines


def canvas(scores: Sequence[Score], path: Path, assignment: str) -> None:
    """A CSV for Canvas's grade book: ID and points. The ID is the number in the file's name that Canvas put there.

    All files with one ID are one student's. Where an answer could not be judged, no points stand: 0 would be a score.
    """
    names = {_id(score.student) or score.student: score.student for score in scores}
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment])
        for student, mine in best(replace(s, student=_id(s.student) or s.student) for s in scores).items():
            points = f"{sum(score.points for score in mine):g}" if all(score.judged for score in mine) else ""
            table.writerow([_harmless(names[student]), _id(names[student]), "", "", "", points])


def _id(student: str) -> str:
    """The number that Canvas puts into a file's name, or nothing."""
    return next((part for part in student.split("_") if part.isdecimal()), "")


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula, on one line."""
    text = " ".join(cell.split())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
