"""A question that needs no torch, for tests that ask how a submission is run rather than what it says."""

import os

import numpy as np
import pytest

from course_utils.grading.judging import cases_of
from course_utils.grading.question import Mistake
from course_utils.grading.scoring.isolation import Limits, NoIsolation, require
from course_utils.grading.scoring.judges import verdict
from course_utils.grading.scoring.run import run
from course_utils.grading.values import Unfit, unpack
from tests.grading.toy import question


def double(x):
    return 2 * x


DOUBLE = question(
    double,
    lambda rng: [{"x": rng.normal(size=(3, 2))} for _ in range(2)],
    mistakes=(Mistake("squared", lambda x: x**2, "That is the square."),),
    framework="numpy",
    seconds=1,
)
SMALL = Limits(seconds=2, memory=1000, disk=16, file=8, start=4)


@pytest.fixture(scope="session")
def isolation():
    """Skip where the kernel or bubblewrap cannot isolate; `-ra` shows why. In the scheduled jobs it is no excuse."""
    try:
        require()
    except NoIsolation as why:
        if os.environ.get("GITHUB_ACTIONS"):
            pytest.fail(str(why), pytrace=False)
        pytest.skip(str(why))


@pytest.fixture
def small():
    """Limits that make a test short."""
    return SMALL


@pytest.fixture(name="double")
def the_question():
    """The question itself."""
    return DOUBLE


@pytest.fixture
def submit(isolation):
    """Run cells in the sandbox and judge them: verdict, outputs, troubles."""

    def submit(*cells, question=DOUBLE, seed=11, limits=SMALL, isolated=True, hidden=()):
        outcome = run(cells, [question], seed, limits, hidden, isolated)
        packed = outcome.answers.get(question.id)
        try:
            outputs = unpack(packed) if packed else []
        except Unfit:
            outputs = []
        return verdict(question, seed, packed), outputs, outcome.troubles

    return submit


@pytest.fixture
def answers():
    """Honest and wrong answers to the question."""
    assert np.isfinite(cases_of(DOUBLE, 0)[0]["x"]).all()
    return {"right": "def double(x):\n    return 2 * x", "wrong": "def double(x):\n    return 3 * x"}
