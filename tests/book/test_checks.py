"""The questions of "Check yourself": what a file may say, where its numbers come from, how they come into the page."""

import json

import pytest
from course_book import checks, measured, questions
from course_book.common import Malformed

from tests.book.toy import code, notebook, prose, settled, write

NUMBER = {"id": "n", "kind": "number", "ask": "How many?", "because": "«ratio» it is.", "answer": "ratio"}
CHOICE = {"id": "c", "kind": "choice", "ask": "Which?", "because": "That.", "options": ["this", "that"], "right": 1}
SLIDER = {"id": "s", "kind": "slider", "ask": "Where?", "because": "There.", "last": 9, "low": 3, "high": 4}
VALUES = {"ratio": "(\\d+) times"}


@pytest.fixture
def root(tmp_path):
    told = settled(sentence="It is 1,024 times as large.", number="48")
    told["data"]["text/markdown"] = "It is 48 times as large."
    told["data"][measured.TOLD[1]]["sentence"] = "It is 48 times as large."
    cells = prose("# One\n\n## Check yourself\n\nWell?"), code("x", told)
    write(tmp_path / "notebooks/01_first.ipynb", notebook(*cells))
    return tmp_path


def asked(root, *entries, **values):
    write(root / "book/checks/01_first.json", {"values": values or VALUES, "questions": list(entries)})
    return questions.load(root, "01_first")


def test_numbers_come_from_what_the_cells_displayed(root):
    (one,) = asked(root, NUMBER)
    assert one.answer == 48
    assert one.because == "48 it is."
    assert one.graded() == {"kind": "number", "value": 48, "within": 0.1}


@pytest.mark.parametrize(("pattern", "found"), [("(\\d+) litres", "nothing"), ("(is|as) ", r"\['as', 'is'\]")])
def test_a_pattern_that_finds_not_one_thing_is_malformed(root, pattern, found):
    with pytest.raises(Malformed, match=found):
        asked(root, NUMBER, ratio=pattern)


def test_a_premise_that_no_longer_holds_is_malformed(root):
    asked(root, CHOICE | {"premises": ["ratio > 40", "ratio < 50"]})
    with pytest.raises(Malformed, match=r"'ratio < 40' no longer holds: 48 and 40"):
        asked(root, CHOICE | {"premises": ["ratio < 40"]})
    with pytest.raises(Malformed, match="not of the form"):
        asked(root, CHOICE | {"premises": ["ratio = 48"]})


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (CHOICE | {"kind": "essay"}, "none of number"),
        (CHOICE | {"right": 2}, "one of them right"),
        (CHOICE | {"options": ["only"]}, "two options"),
        (CHOICE | {"options": [{"file": "gone.webp", "alt": "A."}, {"file": "gone.webp", "alt": "B."}]}, "no picture"),
        (NUMBER | {"answer": "ration"}, "neither a number nor"),
        (NUMBER | {"because": "«gone» it is."}, "«gone» has no value"),
        (NUMBER | {"within": 2}, "between 0 and 1"),
        (SLIDER | {"low": 0, "high": 9}, "cannot be right"),
        (SLIDER | {"high": 12}, "cannot be right"),
        (SLIDER | {"start": 3}, "must not begin"),
        (CHOICE | {"colour": "red"}, "colour"),
        ({"id": "x", "kind": "choice"}, "ask"),
    ],
)
def test_a_question_that_cannot_be_answered_is_malformed(root, entry, complaint):
    with pytest.raises(Malformed, match=complaint):
        asked(root, entry)


def test_an_id_twice_is_malformed(root):
    with pytest.raises(Malformed, match="twice"):
        asked(root, CHOICE, CHOICE)


def test_the_directive_goes_below_the_heading_and_nowhere_else(root):
    book = json.loads((root / "notebooks/01_first.ipynb").read_text())
    assert checks.with_directive(book)
    assert book["cells"][0]["source"] == "# One\n\n## Check yourself\n\n```{check-yourself}\n```\n\n\nWell?"
    assert not checks.with_directive(notebook(prose("# Check yourself"), code("## Check yourself")))


def test_a_section_asks_three_to_five_questions_of_every_kind(repository):
    asking = sorted((repository / "book/checks").glob("[0-9][0-9]_*.json"))
    assert len(asking) >= 3
    for path in asking:
        of = questions.load(repository, path.stem)
        assert 3 <= len(of) <= 5, path.stem
        assert {one.kind for one in of} == set(questions.KINDS), path.stem


def test_no_picture_lies_unused(repository):
    files = {path.name for path in (repository / "book/web/checks").iterdir()}
    text = "".join(path.read_text() for path in (repository / "book/checks").glob("[0-9]*.json"))
    assert {name for name in files if name not in text} == set()
