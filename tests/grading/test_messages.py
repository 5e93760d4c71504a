"""The usual mistakes, each told in its own words; and what must not be told."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from course_utils.grading.judging import cases_of, judge, own
from course_utils.grading.question import Verdict
from course_utils.grading.scoring import seccomp
from tests.grading.toy import question


def mean_of_rows(x):
    return x.mean(-1) + 1


QUESTION = question(mean_of_rows, lambda rng: [{"x": rng.normal(size=(4, 5))} for _ in range(3)], points=3)


def said(answer, question=QUESTION):
    cases = cases_of(question, 4)
    return judge(question, cases, own(question, answer, cases))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: mean_of_rows(x).tolist(), "not a tensor but a list"),
        (lambda x: mean_of_rows(x).numpy(), "not a tensor but a numpy array"),
        (lambda x: mean_of_rows(x).to("meta"), "on the device meta, but the input was on cpu"),
        (lambda x: x.mean(0), "has shape (5,), but it should have (4,). One step too few or too many?"),
        (lambda x: mean_of_rows(x)[None], "As many numbers, but other axes"),
        (lambda x: x.mean(), "An axis is missing"),
        (lambda x: mean_of_rows(x).log() * 0 / 0, "NaN"),
        (lambda x: mean_of_rows(x).round().long(), "did something round"),
        (lambda x: -mean_of_rows(x), "the sign of all of them"),
        (lambda x: mean_of_rows(x) / 0.18215, "one and the same factor"),
        (lambda x: mean_of_rows(x) if x[0, 0] > -0.5 else x.sum(-1), "fresh inputs, but not for all"),
        (lambda x: mean_of_rows(x) ** 2, "they differ by"),
        (lambda x: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda y: y, "unexpected keyword argument"),
        (lambda x: exit(), "ended the whole program"),
        (lambda x: torch.zeros(10_000_000), "more than 32,000,000 bytes"),
    ],
)
def test_each_usual_mistake_is_named(answer, words):
    verdict = said(answer)
    assert verdict.points == 0
    assert words in verdict.message


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_another_precision_is_right_too(dtype):
    assert said(lambda x: mean_of_rows(x.to(dtype))).points == 3


def test_half_precision_is_no_way_round_the_numbers():
    assert said(lambda x: (mean_of_rows(x) * 1.1).half()).points == 0


def test_no_message_holds_the_right_numbers():
    verdict = said(lambda x: mean_of_rows(x) + 0.5)
    right = own(QUESTION, mean_of_rows, cases_of(QUESTION, 4))[0].values
    assert not any(f"{number:.3f}" in verdict.message for number in np.ravel(right))


@pytest.mark.parametrize(
    ("odd", "points"), [(Verdict(99, "x"), 3), (Verdict(-1, "x"), 0), (Verdict(float("nan"), "x"), 0), (None, 0)]
)
def test_points_stay_between_none_and_all_even_where_a_judge_errs(odd, points):
    assert said(mean_of_rows, replace(QUESTION, judge=lambda cases, outputs: odd)).points == points


def test_an_answer_may_change_its_input():
    def in_place(x):
        x += 1
        return x.mean(-1)

    assert said(in_place).points == 3


def test_the_filter_of_system_calls_is_whole_for_both_machines():
    for machine in ("x86_64", "aarch64"):
        code = seccomp.program(machine)
        assert len(code) % 8 == 0
        assert code[-8:] == seccomp._step(seccomp._RETURN, seccomp._ALLOW)
    with pytest.raises(KeyError):
        seccomp.program("z80")
