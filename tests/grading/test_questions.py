"""Every question of every exercise: what is right, what is wrong, and what is said about it."""

import inspect

import numpy as np
import pytest

from course_utils.grading.judging import cases_of, judge, own
from course_utils.grading.questions import exercises, questions
from course_utils.grading.running import answers
from course_utils.grading.values import Hidden, Missing, Other, pack, unpack

ALL = [(exercise, question) for exercise in exercises() for question in questions(exercise).values()]
EACH = pytest.mark.parametrize(("exercise", "question"), ALL, ids=[f"{e}-{q.id}" for e, q in ALL])
SEEDS = (0, 20_260_801)
# A stretch question's judge measures for a while: one seed for its many mistakes, both for what is right.
SEEDED = [(exercise, question, seed) for exercise, question in ALL for seed in SEEDS[question.stretch :]]


def verdict(question, answer, seed):
    cases = cases_of(question, seed)
    return judge(question, cases, own(question, answer, cases))


@EACH
@pytest.mark.parametrize("seed", SEEDS)
def test_the_reference_gets_all_points(exercise, question, seed):
    result = verdict(question, question.reference, seed)
    assert result.points == question.points, result.message


@EACH
@pytest.mark.parametrize("seed", SEEDS)
def test_right_answers_written_otherwise_get_all_points(exercise, question, seed):
    assert len(question.alternatives) >= 3
    for number, answer in enumerate(question.alternatives):
        result = verdict(question, answer, seed)
        assert result.points == question.points, f"alternative {number}: {result.message}"


@EACH
def test_nothing_gets_nothing(exercise, question):
    cases = cases_of(question, 1)
    for blank in ({}, {question.answer: lambda **_: None}, {question.answer: ...}, {question.answer: None}):
        result = judge(question, cases, answers(question.answer, cases, blank))
        assert result.points == 0
        assert result.message


@pytest.mark.parametrize(("exercise", "question", "seed"), SEEDED, ids=[f"{e}-{q.id}-{s}" for e, q, s in SEEDED])
def test_each_mistake_gets_what_it_deserves_and_is_told_its_own(exercise, question, seed):
    assert len({mistake.name for mistake in question.mistakes}) == len(question.mistakes) >= 8
    for mistake in question.mistakes:
        assert 0 <= mistake.points < question.points
        assert len(mistake.message) > 10
        result = verdict(question, mistake.answer, seed)
        assert (mistake.name, result.points) == (mistake.name, mistake.points), result.message
        assert mistake.message in result.message, f"{mistake.name}: {result.message}"


@EACH
def test_inputs_are_plain_and_follow_from_the_seed(exercise, question):
    if question.cases is None:
        return
    first, again, other = (pack(cases_of(question, seed)) for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert not any(isinstance(value, Other | Missing) for case in unpack(first) for value in _leaves(case))


@EACH
def test_a_question_says_what_it_must(exercise, question):
    assert len(question.hints) == 3
    assert all(len(hint) > 20 for hint in question.hints)
    assert 5 <= question.minutes <= 30
    assert question.points >= 1
    assert question.answer.isidentifier()
    assert bool(question.target) == question.stretch
    if question.cases is not None:
        names = set(inspect.signature(question.reference).parameters)
        for case in cases_of(question, 0):
            assert {name for name, value in case.items() if not isinstance(value, Hidden)} == names


def test_what_is_hidden_neither_leaves_the_judge_nor_reaches_an_answer():
    case = {"x": 1, "truth": Hidden(np.arange(3))}
    assert unpack(pack([case])) == [{"x": 1}]
    assert answers("f", [case], {"f": lambda **given: sorted(given)}) == [["x"]]


@EACH
def test_junk_is_judged_without_a_stack_trace(exercise, question):
    cases = cases_of(question, 2)
    for junk in (object(), float("nan"), np.zeros((0, 3)), [[]], {"a": b"1"}, 10**30, "x", ..., True, 1j):
        result = judge(question, cases, own(question, (lambda junk=junk, **_: junk) if cases else junk, cases))
        assert result.points < question.points
        assert "Traceback" not in result.message


def _leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list | tuple) else [value]
