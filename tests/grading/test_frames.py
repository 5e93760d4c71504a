"""What a judged process writes is read to an end, in time and in memory, whoever wrote it."""

import json

import numpy as np
import pytest

from course_utils.grading.running import time_limit
from course_utils.grading.scoring.run import BROKEN, MOST, _outcome, run
from course_utils.grading.values import pack, unpack

ASKED = ("q1", "q2")
ENDLESS = b'["x",-9]\n'


def frame(name, content):
    return json.dumps([name, len(content)]).encode() + b"\n" + content


def fact(name, value):
    return frame(name, json.dumps(value).encode())


GOOD = fact("", ["cell 1 raised ZeroDivisionError"]) + frame("q1", b"first")


def read(data, seconds=10):
    """The outcome, or a `Late` where reading comes to no end."""
    with time_limit(seconds):
        return _outcome(data, ASKED)


def test_what_a_guest_writes_is_read_whole():
    outcome = read(GOOD + frame("q2", b"\n[]") + fact("computed", 1.25))
    assert outcome.answers == {"q1": b"first", "q2": b"\n[]"}
    assert outcome.troubles == ["cell 1 raised ZeroDivisionError"]
    assert outcome.computed == 1.25


@pytest.mark.parametrize(
    "odd",
    [
        ENDLESS,
        b'["q2", 1.0]\nx',
        b'["q2", "1"]\nx',
        b'["q2", null]\nx',
        b'["q2", 1000]\nx',
        b'["q2", 10000000000000000000000]\nx',
        b'["q2", 1, 1]\nx',
        b'{"q2": 1}\nx',
        b'["q2", 1]',
        b'[["q2"], 1]\nx',
        b'["q3", 1]\nx',
        b'["q1", 6]\nsecond',
        b" " * 400 + b'["q2", 1]\nx',
        b"[" * 300,
        b"\xff\n",
        fact("computed", "nan"),
        fact("computed", float("nan")),
        fact("computed", 10**400),
        fact("computed", [1]),
        frame("computed", pack(1.0)),
    ],
    ids=lambda odd: repr(odd[:24]),
)
def test_what_is_no_frame_ends_the_reading_and_what_came_before_counts(odd):
    outcome = read(GOOD + odd + frame("q2", b"never read"))
    assert outcome.answers == {"q1": b"first"}
    assert outcome.troubles == ["cell 1 raised ZeroDivisionError", BROKEN]
    assert outcome.computed == 0


@pytest.mark.parametrize("name", ["x", "q2"])
def test_frames_without_number_take_no_time(name):
    outcome = read(GOOD + frame(name, b"") * (MOST // 20), seconds=2)
    assert outcome.answers["q1"] == b"first"
    assert outcome.troubles[-1] == BROKEN


@pytest.mark.parametrize(
    "content",
    [
        pack([np.zeros(1000, np.uint8)] * 20),
        json.dumps(["x" * 200_000]).encode(),
        b"[" * 90_000,
        b'{"a": 1}',
        b"5",
    ],
    ids=["packed", "too long", "too deep", "no list", "a number"],
)
def test_troubles_are_a_short_list_of_texts_or_none(content):
    outcome = read(frame("", content) + frame("q1", b"never read"))
    assert outcome.troubles == [BROKEN]
    assert outcome.answers == {}


def test_troubles_are_few_short_and_can_be_written_down():
    said = read(fact("", ["\ud800" + "x" * 1000, 5, [[]], *["y"] * 50])).troubles
    assert said[0] == "?" + "x" * 299
    assert len(said) <= 20
    assert all(type(each) is str for each in said)
    "".join(said).encode("utf-8")


def test_a_notebook_that_writes_to_every_file_costs_only_itself(small, double, answers):
    attack = f"import os\nfor fd in range(3, 40):\n    try: os.write(fd, {ENDLESS!r})\n    except OSError: pass"
    with time_limit(60):
        outcome = run([answers["right"], attack], [double], 11, small, isolated=False)
    assert outcome.answers == {}
    assert outcome.troubles == [BROKEN]


def test_an_honest_guest_tells_troubles_seconds_and_answers(small, double, answers):
    cells = [answers["right"], *["raise ValueError('🦊\ud800' * 1000)"] * 30]
    outcome = run(cells, [double], 11, small, isolated=False)
    assert len(unpack(outcome.answers["q1"])) == 2
    assert outcome.troubles[0].startswith("cell 2 raised ValueError: 🦊?")
    assert len(outcome.troubles) == 20
    assert outcome.computed > 0
