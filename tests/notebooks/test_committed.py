"""What holds for every committed notebook: it ran, it is clean, it speaks to those who cannot see it."""

import json
import re
from statistics import median

import jupytext

from tests.notebooks.reading import EXECUTED, FOLDER, outputs

# A measured quantity: a number with a unit. Such numbers are displayed by cells; prose that is typed has none.
QUANTITY = re.compile(r"\d[\d.,]*\s?(dB|%|bits?\b|bytes|KB|MB|GB|TB|ms\b|FLOPs|TFLOPs|GFLOPs|fps)")
UNFILLED = re.compile(r"\{\w+(\[.*?\])?:[.,\d]*[dfg]\}|\{\w+\(.*?\)\}")  # a string that was to be an f-string
OUTSIDE = re.compile(r"(?<![\w.:/-])/(home|root|tmp|usr|work|mnt|opt|Users|private|var|content)/|[A-Z]:\\\\Users")


def prose(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    sources = {path.stem for path in FOLDER.glob("[0-9]*.py")}
    assert sources
    assert sources == {path.stem for path in EXECUTED}


def test_every_cell_was_run_in_order(notebook):
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))


def test_nothing_failed_or_warned(notebook):
    bad = [o for o in outputs(notebook) if o.output_type == "error" or o.get("name") == "stderr"]
    assert not bad, bad[0]


def test_source_and_notebook_agree(path, notebook):
    source = jupytext.read(path.with_suffix(".py"))
    assert [(c.cell_type, c.source) for c in source.cells] == [(c.cell_type, c.source) for c in notebook.cells]


def test_no_output_tells_where_it_was_run(notebook):
    for output in outputs(notebook):
        shown = {kind: value for kind, value in output.get("data", output).items() if not kind.startswith("image/")}
        text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", json.dumps(shown))
        assert not OUTSIDE.search(text), OUTSIDE.search(text)
        assert not re.search(r"\b0x[0-9a-f]{6,}", text), "an object's address"


def test_every_number_was_filled_in(notebook):
    assert UNFILLED.search("scores are {between:.3f}, with {spread(x, 100)} at them")
    for output in outputs(notebook):
        for kind in ("text/markdown", "text/plain"):
            text = str(output.get("data", {}).get(kind, ""))
            assert not UNFILLED.search(text), UNFILLED.search(text)


def test_cells_are_short(notebook):
    lengths = [len(cell.source.splitlines()) for cell in code(notebook)]
    assert max(lengths) <= 26, sorted(lengths)
    assert median(lengths) <= 12, sorted(lengths)


def test_lines_end_without_semicolon(notebook):
    assert not [cell.source for cell in code(notebook) if cell.source.rstrip().endswith(";")]


def test_every_figure_is_described(notebook):
    pictures = [(output, kind) for output in outputs(notebook) for kind in output.get("data", {}) if "image/" in kind]
    assert pictures
    for output, kind in pictures:
        assert len(output.metadata.get(kind, {}).get("alt", "")) >= 20
    for output in outputs(notebook):
        for tag in re.findall(r"<img\b[^>]*>", str(output.get("data", {}).get("text/html", ""))):
            assert re.search(r'alt="[^"]{20,}', tag)


def test_measured_numbers_are_displayed_and_not_typed(notebook):
    typed = [match[0] for text in prose(notebook) for match in QUANTITY.finditer(text)]
    assert not typed


def test_readers_predict_before_they_look(notebook):
    assert sum("**Predict" in text for text in prose(notebook)) >= 5


def test_a_notebook_has_all_its_parts(notebook):
    text = "\n".join(prose(notebook))
    for part in ("**You will be able to**", "**Time**", "## What the real one does differently", "## Then and now",
                 "## Check yourself", "## Exercises", "## Further reading"):  # fmt: skip
        assert part in text, part
    assert text.count("<details><summary>Answer</summary>") >= 3


def test_a_notebook_is_light(path):
    assert path.stat().st_size < 4_000_000
