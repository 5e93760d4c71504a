"""The front page's findings: which cell stands for a section, and what is refused."""

import base64

import pytest
from course_book.common import Malformed
from course_book.findings import card, finding

from tests.book.toy import code, notebook, prose, settled, write

PNG = b"\x89PNG not really"


def shown(alt="A long description of what is seen.", tags=("front-page",)):
    picture = {"output_type": "display_data", "metadata": {"image/png": {"alt": alt}},
               "data": {"image/png": base64.b64encode(PNG).decode(), "text/plain": alt}}  # fmt: skip
    return {**code("show()", picture), "metadata": {"tags": list(tags)}}


def section(tmp_path, *cells):
    return write(tmp_path / "notebooks/01_first.ipynb", notebook(prose("# What is kept\n\nMuch."), *cells))


def test_the_tagged_cell_stands_for_its_section_with_the_next_claim(tmp_path):
    path = section(tmp_path, code("x", settled()), shown(tags=()), shown(), code("y", settled(id="C02", number="17")))
    found = finding(path)
    assert (found.title, found.png, found.result.claim) == ("What is kept", PNG, "C02")
    text = card(found, "x.png")
    assert "{ref}`see the cell <claim-c02>`" in text
    assert "![A long description of what is seen.](x.png)" in text
    assert "C02: [✓ holds]{.verdict .holds} [17]{.measured}" in text


def test_a_notebook_without_such_a_cell_shows_nothing(tmp_path):
    assert finding(section(tmp_path, code("x", settled()), shown(tags=()))) is None


@pytest.mark.parametrize(("cells", "complaint"), [
    ((shown(), shown(), code("x", settled())), "2 cells are tagged"),
    ((code("x", settled()), shown()), "no claim is settled after"),
    (({**code("x", settled()), "metadata": {"tags": ["front-page"]}},), "shows no picture"),
], ids=["two", "no claim", "no picture"])  # fmt: skip
def test_what_cannot_stand_for_a_section_is_refused(tmp_path, cells, complaint):
    with pytest.raises(Malformed, match=complaint):
        finding(section(tmp_path, *cells))


def test_brackets_in_a_description_do_not_end_it(tmp_path):
    found = finding(section(tmp_path, shown(alt="Joints [share] below each error."), code("y", settled())))
    assert "![Joints (share) below each error.](x.png)" in card(found, "x.png")
