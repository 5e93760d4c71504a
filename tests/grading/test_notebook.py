"""The instant check, as a student meets it."""

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from course_utils.grading import exercise
from course_utils.grading.notebook import MIME, Exercise
from course_utils.grading.otter import earns
from course_utils.grading.questions.vae_compression.q1_compression_ratio import compression_ratio

NAME = "01_vae_compression"


def test_a_check_reads_the_notebook_and_counts_points():
    assert exercise(NAME)("q1").points == 2  # this module has the reference under its name
    namespace = {}
    check = Exercise(NAME, namespace)
    assert check("q1").message == "Not yet: there is no `compression_ratio` yet: has its cell been run?"
    namespace["compression_ratio"] = compression_ratio
    checked = check("q1")
    assert (checked.points, checked.so_far) == (2, 2)
    assert checked.total == sum(question.points for question in check.questions.values())
    namespace["compression_ratio"] = lambda config, height, width: 48
    assert check("q1").so_far == 0


def test_in_ipython_it_finds_the_cells_names_and_tells_in_every_form():
    shell = InteractiveShell.instance()
    shell.run_cell("from course_utils.grading import exercise")
    shell.run_cell("def compression_ratio(config, height, width):\n    return height / 0\n")
    result = shell.run_cell(f"check = exercise({NAME!r})\ncheck('q1')").result
    bundle = result._repr_mimebundle_()
    assert "ZeroDivisionError" in bundle["text/plain"]
    assert "return height / 0" in bundle["text/plain"]
    assert "<code>return height / 0</code>" in bundle["text/html"]
    assert (bundle[MIME]["question"], bundle[MIME]["points"]) == ("q1", 0)


def test_html_in_an_answer_stays_text():
    def compression_ratio(config, height, width):
        raise ValueError("<script>alert(1)</script>")

    html = Exercise(NAME, {"compression_ratio": compression_ratio})("q1")._html()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_hints_come_one_by_one_and_unknown_questions_name_the_known():
    check = Exercise(NAME, {})
    hints = [check.hint("q1") for _ in range(4)]
    assert len(set(hints)) == 3
    assert hints[3] == hints[0]
    with pytest.raises(KeyError, match="q1"):
        check("q99")
    with pytest.raises(KeyError, match=NAME):
        exercise("99_nothing")


def test_otters_test_files_get_the_check():
    earns(NAME, "q1", 2, {"compression_ratio": compression_ratio})
    with pytest.raises(AssertionError, match="any configuration"):
        earns(NAME, "q1", 1, {"compression_ratio": lambda config, height, width: np.float64(48)})
