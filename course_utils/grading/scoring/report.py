"""A page for each student: points, reasons, what the checks in the notebook had shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from course_utils.grading.notebook import inline
from course_utils.grading.questions import questions
from course_utils.grading.scoring.score import Score
from course_utils.grading.scoring.table import UNSAFE, best, flags

_STYLE = """
:root { color-scheme: light dark; --ink: #22252a; --paper: #fdfcf9; --soft: #6a6f78; --rule: #d9d5cb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e1; --paper: #1b1d21; --soft: #a5a9b0; --rule: #3b3f46; } }
body { color: var(--ink); background: var(--paper); font: 17px/1.5 Georgia, serif; max-width: 46em; margin: 2em auto;
  padding: 0 1em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5em .6em; border-bottom: 1px solid var(--rule); }
td.points { white-space: nowrap; font-variant-numeric: tabular-nums; }
.soft { color: var(--soft); } .flag { border-left: 4px solid #b3412f; padding: .3em .8em; }
code { font-size: .9em; overflow-wrap: anywhere; }
"""


def write(scores: Sequence[Score], folder: Path) -> list[Path]:
    """One HTML file a student in `folder`; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    exercises = sorted({score.exercise for score in scores if score.exercise})
    for student, mine in best(scores).items():
        path = folder / f"{_file_name(student)}.html"
        path.write_text(page(student, mine, exercises), encoding="utf-8")
        written.append(path)
    return written


def page(student: str, mine: Sequence[Score], exercises: Sequence[str] = ()) -> str:
    """The page of one student; of the class's `exercises`, those that are not there count as none of their points."""
    absent = [name for name in exercises if name not in {score.exercise for score in mine}]
    total = sum(score.points for score in mine)
    out_of = sum(score.out_of for score in mine) + sum(
        question.points for name in absent for question in questions(name).values()
    )
    marks = "".join(f'<p class="flag">{escape(flag)}</p>' for flag in flags(mine))
    body = "".join(_exercise(score) for score in mine)
    body += "".join(f"<h2>{escape(name)}</h2><p>Not handed in.</p>" for name in absent)
    how = "" if all(score.isolated for score in mine) else f" {UNSAFE}."
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(student)}</title><style>{_STYLE}</style><h1>{escape(student)}</h1>"
        f"<p><strong>{total:g} of {out_of} points.</strong>{how}</p>{marks}{body}</html>\n"
    )


def _exercise(score: Score) -> str:
    rows = ""
    for name, question in (questions(score.exercise) if score.exercise else {}).items():
        verdict = score.verdicts.get(name)
        message = inline(verdict.message) if verdict else "Not asked."
        measured = f"<br>Measured: {inline(verdict.measured)}" if verdict and verdict.measured else ""
        points = f"{verdict.points if verdict else 0:g} of {question.points}"
        shown = (
            f'<br><span class="soft">Your notebook shows {score.shown[name]:g}.</span>' if name in score.shown else ""
        )
        rows += (
            f"<tr><th scope=row>{escape(name)}</th><td>{escape(question.title)}<br>{message}{measured}{shown}</td>"
            f'<td class="points">{points}</td></tr>'
        )
    troubles = "".join(f"<li>{escape(trouble)}</li>" for trouble in score.troubles)
    table = (
        f"<table><tr><th scope=col>Question<th scope=col>Outcome<th scope=col>Points</tr>{rows}</table>" if rows else ""
    )
    notes = f"<p>What happened while it ran:</p><ul>{troubles}</ul>" if troubles else ""
    title = score.exercise or "Not scored"
    return f'<h2>{escape(title)}</h2><p class="soft">{escape(score.file)}</p>{table}{notes}'


def _file_name(student: str) -> str:
    """A name for a file, different for different students."""
    plain = re.sub(r"[^\w.-]+", "_", student).strip(".")[:80]
    return plain if plain == student else f"{plain}-{hashlib.sha256(student.encode()).hexdigest()[:8]}"
