"""Instant checks in a student's notebook: `check = exercise("01_vae_compression")`, then `check("q1")`.

What is shown is a piece of HTML or a line of text, so it looks the same in Jupyter, on Colab and in plain IPython.
"""

from __future__ import annotations

import html
import re
import sys
from dataclasses import asdict, dataclass
from typing import Any

from course_utils.grading.judging import cases_of, judge
from course_utils.grading.question import Question
from course_utils.grading.questions import questions
from course_utils.grading.running import answers

MIME = "application/vnd.course.check+json"
SEED = 0  # of the checks; an official score draws other inputs


@dataclass(frozen=True)
class Checked:
    """The outcome of one check; as a cell's last line it shows itself."""

    exercise: str
    question: str
    title: str
    points: float
    out_of: int
    message: str
    measured: str
    so_far: float
    total: int

    @property
    def mark(self) -> str:
        """Right, in part, or not yet."""
        return "✔" if self.points == self.out_of else "◐" if self.points else "✘"

    def __str__(self) -> str:
        """One line of text."""
        measured = f" ({self.measured})" if self.measured else ""
        return (
            f"{self.mark} {self.question}: {self.points:g} of {self.out_of} points. {self.message}{measured} "
            f"So far {self.so_far:g} of {self.total} points."
        )

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": str(self), "text/html": self._html(), MIME: asdict(self)}

    def _html(self) -> str:
        colour = {"✔": "#1a7f4b", "◐": "#b07a00", "✘": "#b3412f"}[self.mark]
        measured = f"<br>Measured: {inline(self.measured)}" if self.measured else ""
        return (
            f'<div role="status" style="border-left:4px solid {colour};padding:.4em .8em;margin:.3em 0;max-width:44em">'
            f"<strong>{self.mark} Question {self.question[1:]}: {self.points:g} of {self.out_of} points.</strong> "
            f'{inline(self.message)}{measured}<br><span style="opacity:.75">So far {self.so_far:g} of {self.total} '
            "points.</span></div>"
        )


class Hint(str):
    """A hint, which shows itself as Markdown."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Without quotation marks."""
        return str(self)

    def _repr_markdown_(self) -> str:
        return f"> {self}"


class Exercise:
    """The checks of one exercise: `check("q1")` looks at what the notebook has by now; `check.hint("q1")` helps."""

    def __init__(self, name: str, namespace: dict[str, Any] | None = None) -> None:
        self.name = name
        self.questions = questions(name)
        self._namespace = namespace
        self._earned: dict[str, float] = {}
        self._hints: dict[str, int] = {}

    def __call__(self, question: str) -> Checked:
        """Check one question. Raises `KeyError` that names the questions there are."""
        asked = self._asked(question)
        namespace = sys._getframe(1).f_globals if self._namespace is None else self._namespace
        cases = cases_of(asked, SEED)
        given = answers(asked.answer, cases, namespace, SEED, asked.framework, asked.seconds)
        verdict = judge(asked, cases, given)
        self._earned[question] = verdict.points
        total = sum(each.points for each in self.questions.values())
        so_far = sum(self._earned.values())
        return Checked(
            self.name,
            question,
            asked.title,
            verdict.points,
            asked.points,
            verdict.message,
            verdict.measured,
            so_far,
            total,
        )

    def hint(self, question: str) -> Hint:
        """The next of the question's three hints; after the third, the first again."""
        number = self._hints.get(question, 0) % 3
        hint = self._asked(question).hints[number]
        self._hints[question] = number + 1
        return Hint(f"Hint {number + 1} of 3: {hint}")

    def _asked(self, question: str) -> Question:
        if question not in self.questions:
            raise KeyError(f"no question {question!r} in {self.name}; there are {', '.join(self.questions)}")
        return self.questions[question]


def exercise(name: str) -> Exercise:
    """The checks of an exercise, by its notebook's name: "01_vae_compression". Raises `KeyError` for an unknown one."""
    return Exercise(name)


def inline(text: str) -> str:
    """Text as HTML; what stands between backticks becomes code, between asterisks emphasis."""
    code = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
    return re.sub(r"(?<![\w*])\*([^*<>]+)\*(?![\w*])", r"<em>\1</em>", code)
