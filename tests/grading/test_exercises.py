"""Exercises and what comes of their sources: stub and solution match, and say the same as the questions."""

import ast
import inspect
import json
import time

import exercises
import pytest

from course_utils.grading.notebook import MIME, Exercise
from course_utils.grading.questions import exercises as names
from course_utils.grading.questions import questions

INSTANT = 2  # seconds of computing that a check may take, several times what any takes
EACH = pytest.mark.parametrize("name", names())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What the generator makes of each source, once."""
    done = {}

    def make(name):
        if name not in done:
            source = exercises.FOLDER / f"{name}.py"
            done[name] = exercises.generated(source, tmp_path_factory.mktemp(name))
        return done[name]

    return make


def checks(notebook, name):
    """The checks of an exercise after running the notebook's cells."""
    namespace = {"exercise": None}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "check" not in cell["source"] and "sys.modules" not in cell["source"]:
            exec(cell["source"], namespace)
    return Exercise(name, namespace)


def points(check):
    """The points of each question."""
    return {question: check(question).points for question in check.questions}


@EACH
def test_the_committed_notebooks_are_the_sources(made, name):
    for file, notebook in made(name).items():
        assert not exercises.unlike(exercises.FOLDER / file, notebook), f"{file}: run `make exercises`"


@EACH
def test_the_solution_gets_all_points_and_the_stub_none(made, name):
    stubs, solved = (checks(notebook, name) for notebook in made(name).values())
    assert points(solved) == {question.id: question.points for question in questions(name).values()}
    assert set(points(stubs).values()) == {0}
    for question in solved.questions:  # once more, now that what they load is there: an answer comes at once
        began = time.process_time()
        solved(question)
        assert time.process_time() - began < INSTANT, question


def signature(cells, name):
    """Names of the arguments of a function that one of the cells defines."""
    (source,) = ["".join(cell["source"]) for cell in cells
                 if cell["cell_type"] == "code" and f"def {name}(" in "".join(cell["source"])]  # fmt: skip
    (made,) = [part for part in ast.parse(source).body if getattr(part, "name", "") == name]
    return [argument.arg for argument in (*made.args.args, *made.args.kwonlyargs)]


@EACH
def test_stubs_tell_nothing_and_keep_their_signature(made, name):
    stubs, solved = (notebook["cells"] for notebook in made(name).values())
    assert "SOLUTION" not in json.dumps([stubs, solved])
    lines = [line for cell in stubs for line in "".join(cell["source"]).splitlines()]
    for question in questions(name).values():
        assert f'check("{question.id}")' in lines
        if question.cases is not None:
            assert signature(stubs, question.answer) == list(inspect.signature(question.reference).parameters)


@EACH
def test_the_page_of_solutions_was_executed_and_all_checks_passed(name):
    page = json.loads((exercises.FOLDER / f"{name}_solution.ipynb").read_text())
    found = [output.get("data", {}).get(MIME) for cell in page["cells"] for output in cell.get("outputs", [])]
    assert [(each["question"], each["points"]) for each in found if each] == [
        (question.id, question.points) for question in questions(name).values()
    ]


def test_a_source_that_forgets_a_question_or_its_points_is_named(tmp_path):
    text = (exercises.FOLDER / "01_vae_compression.py").read_text()
    path = tmp_path / "01_vae_compression.py"
    path.write_text(text.replace("name: q1\n", "name: q77\n"))
    with pytest.raises(exercises.Mismatch, match="asks q77"):
        exercises.source(path)
    path.write_text(text.replace("(2 points, ", "(3 points, ", 1))
    with pytest.raises(exercises.Mismatch, match="q1"):
        exercises.source(path)
