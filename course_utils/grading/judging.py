"""From a question, its cases and an answer's outputs to a verdict. Nothing here runs a student's code."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from course_utils.grading import faults
from course_utils.grading.compare import Tolerance, coarse, equal, same_form, usual_fault
from course_utils.grading.faults import Wrong
from course_utils.grading.question import Case, Question, Verdict
from course_utils.grading.running import answers

PRAISE = "Right."


def cases_of(question: Question, seed: int) -> list[Case] | None:
    """The question's inputs for a seed: the same for every student, different for every question."""
    if question.cases is None:
        return None
    return question.cases(np.random.default_rng([seed, zlib.crc32(f"{question.id} {question.answer}".encode())]))


def judge(question: Question, cases: Sequence[Case] | None, outputs: Sequence[Any]) -> Verdict:
    """What the outputs are worth; never raises, whatever they are."""
    try:
        verdict = _judged(question, cases, outputs)
    except Wrong as wrong:
        verdict = Verdict(wrong.points, wrong.message, wrong.measured)
    except Exception as error:
        kind = type(error).__name__
        verdict = Verdict(0, f"This result could not be judged ({kind}): does it have the form that was asked for?")
    points = float(verdict.points)
    points = min(max(points, 0.0), float(question.points)) if np.isfinite(points) else 0.0
    return Verdict(points, verdict.message, verdict.measured)


def _judged(question: Question, cases: Sequence[Case] | None, outputs: Sequence[Any]) -> Verdict:
    if not outputs:
        raise Wrong(f"Not yet: `{question.answer}` gave no result.")
    for output in outputs:
        faults.returned(output, question.answer)
    if len(outputs) != (1 if cases is None else len(cases)):
        raise Wrong(f"`{question.answer}` was called {len(cases or [0])} times but answered {len(outputs)} times.")
    verdict = question.judge(cases or [], outputs) if question.judge else by_reference(question, cases, outputs)
    if not isinstance(verdict, Verdict):
        raise TypeError("a judge gives a Verdict")
    return verdict


def by_reference(question: Question, cases: Sequence[Case] | None, outputs: Sequence[Any]) -> Verdict:
    """All points where every output is the reference's; else raises `Wrong` with the message of the mistake that gives
    the same outputs, or with the first usual fault."""
    tolerance = Tolerance(question.rtol, question.atol)
    expected = own(question, question.reference, cases)
    names = _names(question, len(outputs))
    for output, right, name in zip(outputs, expected, names, strict=True):
        same_form(output, right, name)
    if equal(list(outputs), expected, tolerance):
        faulty = (own(question, mistake.answer, cases) for mistake in question.mistakes) if coarse(outputs) else ()
        if any(equal(list(outputs), wrong, tolerance) for wrong in faulty):
            raise Wrong("16-bit numbers are too coarse to tell this from a common mistake: answer in float32.")
        return Verdict(question.points, PRAISE)
    for mistake in question.mistakes:
        if equal(list(outputs), own(question, mistake.answer, cases), tolerance):
            raise Wrong(mistake.message, mistake.points)
    raise Wrong(usual_fault(outputs, expected, tolerance))


def own(question: Question, answer: Any, cases: Sequence[Case] | None) -> list[Any]:
    """What one of the course's own answers gives, by the same way as a student's."""
    return answers(question.answer, cases, {question.answer: answer}, 0, question.framework, seconds=60)


def _names(question: Question, count: int) -> list[str]:
    if question.cases is None:
        return [f"`{question.answer}`"]
    return ["the result"] if count == 1 else [f"the result of call {number + 1}" for number in range(count)]
