"""The form in which a graded question is written.

A question is one module, `course_utils/grading/questions/<exercise>/q1_some_name.py`, with one constant `QUESTION`;
it is found by itself. Its text, its stub and its solution stand in the exercise's source,
`notebooks/exercises/NN_<exercise>.py`, under the same id; `tests/grading` holds every question to what is said here.

A question has three parts, because a student's code and the judge never share a process:

1. `cases(rng)` draws fresh inputs: a list of dictionaries, each one call, by argument name. Allowed are plain values:
   None, bool, int, float, str, bytes, numpy arrays (given to the student as torch tensors, float64 as float32, unless
   `framework="numpy"`), lists, tuples and dictionaries with text keys of these, and `Given("name", {arguments})` for an
   object both sides can make, see `givens.py` (a model, a toy network, a scene). A model is the small one on the CPU,
   `load(role, "critters", "cpu")`: a machine with a GPU, or with `COURSE_SCALE`, gives the same points. A
   `Hidden(value)` is for the judge alone: the truth that an open answer is measured against. Draw from `rng` alone. For
   an answer that is a *variable* (a choice, a number, a text), leave `cases` out: its value is the only output.
2. The student's function is called once a case, in the student's process, after torch, numpy and random have been
   seeded; what it returns leaves as plain values: text, numbers, `Array`s (see `values.py`), lists, tuples,
   dictionaries.
3. `judge(cases, outputs)` gives a `Verdict` or raises `faults.Wrong("what is wrong", points)`. Leave it out for the
   common case: outputs equal to `reference`'s get all points; outputs that are those of a `Mistake` get its message;
   for the rest, `judging.py` finds the usual reasons (not a tensor, NaN, shape, axes swapped, device, dtype, sign,
   factor). Write one for open answers; `faults.py` has the helpers; what they return can be computed with at once.

`mistakes` are at least eight plausible wrong answers. Each names itself, is a function (or value) as a student might
have written it, and says the points it deserves and the message that must come back. Without a judge of your own
`message` is what the student reads where the outputs are this mistake's; where the form gives it away first (a list,
NaN, a wrong shape) it need only be a part of the message. It says what is wrong, never what is right. `alternatives`
are at least three correct answers written otherwise: a loop, another dtype, in place.

Every function of a question is a pure function of what it is given, and a whole check takes well under two seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Case = dict[str, Any]
Cases = Callable[[np.random.Generator], list[Case]]
Judge = Callable[[Sequence[Case], Sequence[Any]], "Verdict"]


@dataclass(frozen=True)
class Verdict:
    """What an answer is worth, and why, for the student to read; `measured` is the figure of an open question."""

    points: float
    message: str
    measured: str = ""


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer: its name, the answer, (a part of) the message meant for it, the points it deserves."""

    name: str
    answer: Any
    message: str
    points: float = 0


@dataclass(frozen=True)
class Question:
    """A graded question; the module's docstring says what each field must be.

    Args:
        id: "q1", "q2", ... in the order of the notebook.
        title: a few words.
        answer: name of the function or variable that the student defines.
        points: what a right answer gets, a whole number.
        minutes: what it takes, 5 to 30.
        hints: three steps, each tells a little more, none the answer.
        reference: the course's own answer (a function, or the value).
        mistakes: at least eight.
        alternatives: at least three, right and written otherwise.
        cases: draws the inputs; None for a variable.
        judge: None compares with the reference.
        rtol, atol: |answer - reference| <= atol + rtol |reference|, widened for 16-bit answers.
        framework: what arrays are when they reach the student.
        seconds: longest that all calls together may compute.
        stretch: an open question, measured against a target that `target` states, with the reference's own result.
    """

    id: str
    title: str
    answer: str
    points: int
    minutes: int
    hints: tuple[str, str, str]
    reference: Any
    mistakes: tuple[Mistake, ...]
    alternatives: tuple[Any, ...]
    cases: Cases | None = None
    judge: Judge | None = None
    rtol: float = 1e-4
    atol: float = 1e-6
    framework: Literal["torch", "numpy"] = "torch"
    seconds: float = 10
    stretch: bool = False
    target: str = ""
