"""The claims page's Markdown: what is said of each claim, and that malformed results are loud."""

import pytest
from course_book.claims import Claim, badge, ledger, open_sections, table
from course_book.common import Malformed
from course_book.results import all_results, results

from tests.book.toy import code, notebook, prose, settled, write

LEDGER = [
    Claim("C01", "It is small.", (1,), ("someone2022",)),
    Claim("C05", "It is spatial.", (1, 2)),
    Claim("C26", "It has a name.", (0,), page="name"),
]


def found(tmp_path, *outputs, name="01_first"):
    write(tmp_path / f"notebooks/{name}.ipynb", notebook(prose("# One"), *(code("x", output) for output in outputs)))
    return all_results(tmp_path)


def test_results_are_read_with_cell_and_anchor(tmp_path):
    first, second = found(tmp_path, settled(), settled(id="C05", part="Where it lands"))
    assert (first.claim, first.cell, first.anchor) == ("C01", 1, "claim-c01")
    assert (second.cell, second.anchor, second.section) == (2, "claim-c05-where-it-lands", 1)


def test_a_settled_claim_shows_verdict_number_sentence_link_and_papers(tmp_path):
    text = table(LEDGER, found(tmp_path, settled(number="48×", source="a paper")), {"notebooks/01_first"})
    assert "✓ holds" in text
    assert "[48×]{.measured}" in text
    assert "It is so. {ref}`see the cell <claim-c01>`" in text
    assert "*Source:* a paper" in text
    assert "{cite}`someone2022`" in text


def test_what_is_not_settled_says_so_section_by_section(tmp_path):
    text = table(LEDGER, found(tmp_path, settled(id="C05")), set())
    block = text.split("**C05**")[1]
    assert "✓ holds" in block
    assert "not yet measured]{.verdict .open} section 2" in block
    assert "section 1" not in block
    assert "not yet measured]{.verdict .open} section 1" in text.split("**C01**")[1].split("**C05**")[0]
    assert text.startswith("**2 of 3** claims")


def test_a_rest_stays_open_even_when_a_part_is_settled(tmp_path):
    claim = Claim("C01", "It is small.", (1,), open="in bytes")
    assert "not yet measured]{.verdict .open} in bytes" in table([claim], found(tmp_path, settled()), set())


def test_without_notebooks_everything_is_open(tmp_path):
    assert all_results(tmp_path) == []
    text = table(LEDGER, [], set())
    assert text.startswith("**1 of 3**")
    assert "see the cell" not in text


def test_a_claim_settled_by_a_text_points_at_it():
    assert "{doc}`the text that settles it <name>`" in table(LEDGER, [], set())


def test_no_link_to_a_notebook_that_is_no_page(tmp_path):
    assert "see the cell" not in table(LEDGER, found(tmp_path, settled()), set())


def test_each_verdict_has_a_mark_and_a_class():
    assert badge("holds within limits") == "[◐ holds within limits]{.verdict .limits}"
    assert badge("does not hold") == "[✗ does not hold]{.verdict .fails}"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"verdict": "perhaps"}, "verdict 'perhaps' is none of holds, holds within limits, does not hold"),
        ({"sentence": ""}, "needs id, verdict and sentence"),
        ({"id": None}, "needs id, verdict and sentence"),
    ],
)
def test_malformed_results_name_the_cell(tmp_path, changes, says):
    with pytest.raises(Malformed, match=r"01_first\.ipynb, cell 1") as error:
        found(tmp_path, settled(**changes))
    assert says in str(error.value)


def test_a_part_settled_twice_is_malformed(tmp_path):
    with pytest.raises(Malformed, match="settled twice"):
        found(tmp_path, settled(), settled())


def test_a_result_outside_the_ledger_is_malformed(tmp_path):
    with pytest.raises(Malformed, match="C99"):
        table(LEDGER, found(tmp_path, settled(id="C99")), set())


def test_a_broken_notebook_is_malformed(tmp_path):
    path = write(tmp_path / "notebooks/01_first.ipynb", "{")
    with pytest.raises(Malformed, match=r"01_first\.ipynb: not readable"):
        list(results(path))


@pytest.mark.parametrize(
    "entries",
    [
        [{"id": "C01"}],
        [{"id": "C01", "claim": "x", "sections": [1], "sorces": []}],
        ["C01"],
        [{"id": "C01", "claim": "x", "sections": [1]}] * 2,
    ],
)
def test_a_malformed_ledger(tmp_path, entries):
    with pytest.raises(Malformed):
        ledger(write(tmp_path / "claims.json", entries))


def test_the_ledger_has_all_claims_with_known_papers(repository):
    claims = ledger(repository / "book/claims.json")
    assert [claim.id for claim in claims] == [f"C{number:02d}" for number in range(1, 28)]
    papers = (repository / "book/references.bib").read_text(encoding="utf-8")
    assert all(f"{{{source}," in papers for claim in claims for source in claim.sources)
    assert all(open_sections(claim, []) == list(claim.sections) for claim in claims)


def test_copies_that_file_managers_make_settle_nothing(tmp_path):
    for name in ("01_first", "01_first-Copy1", "01_first copy"):
        write(tmp_path / f"notebooks/{name}.ipynb", notebook(prose("# One"), code("x", settled())))
    assert [result.notebook for result in all_results(tmp_path)] == ["01_first"]
