"""What stands around the text: playground, feedback, the list of sections, repairs; the front end's own unit tests."""

import shutil
import subprocess

import pytest
from course_book import accessible, playground
from course_book.common import Malformed
from docutils import nodes

from tests.book.test_sphinx import book, build  # noqa: F401
from tests.book.toy import code, notebook, prose, write

FIGURE = '<figure class="course-demo" data-demo="zip" data-state="poster"><img src="data:," alt="A poster"></figure>'
DEMOS = [
    {"name": "zip", "title": "The zip file", "section": 1, "ideas": ["Paint & see."]},
    {"name": "plane", "title": "The plane", "section": 2, "ideas": ["Drag."]},
]
CHECKS = {
    "values": {},
    "questions": [
        {"id": "which", "kind": "choice", "ask": "Which $x^2$?", "because": "*This.*", "options": ["this", "that"]},
        {"id": "many", "kind": "number", "ask": "How many?", "because": "Two.", "answer": 2},
        {"id": "where", "kind": "slider", "ask": "Where?", "because": "There.", "last": 9, "low": 3, "high": 4},
    ],
}


@pytest.fixture
def around(book):  # noqa: F811
    shown = {"output_type": "display_data", "metadata": {}, "data": {"text/html": FIGURE, "text/plain": "a demo"}}
    cells = prose("# One"), code("x", shown), prose("## Check yourself\n\nWell?")
    write(book / "notebooks/01_first.ipynb", notebook(*cells))
    write(book / "book/playground.md", "# Playground\n\n```{playground}\n```\n")
    write(book / "index.md", "# Front\n\n```{toctree}\nnotebooks/01_first\nbook/playground\n```\n")
    (book / "page.md").unlink()
    write(book / "book/demos.json", DEMOS)
    write(book / "book/checks/01_first.json", CHECKS)
    return book


def test_the_playground_shows_every_demo_of_the_book_and_says_what_is_to_come(around):
    assert build(around) == ""
    page = (around / "out/book/playground.html").read_text()
    assert page.count(FIGURE) == 1
    assert 'href="../notebooks/01_first.html">Section 1' in page
    assert "Paint &amp; see." in page
    assert page.count("playground-missing") == 1
    assert FIGURE in (around / "out/notebooks/01_first.html").read_text()


def test_questions_stand_below_their_heading_and_can_be_read_without_scripts(around):
    assert build(around) == ""
    page = (around / "out/notebooks/01_first.html").read_text()
    assert page.count('<section class="course-check"') == 3
    assert page.index("<h2>Check yourself") < page.index('data-check="which"') < page.index("Well?")
    assert "<details><summary>Answer</summary>" in page
    assert "<em>This.</em>" in page
    assert '"page": "notebooks/01_first"' in (around / "out/_static/course/contents.js").read_text()
    contents = (around / "out/_static/course/contents.js").read_text()
    assert '"which"' in contents
    assert '"zip"' in contents


def test_questions_without_their_heading_are_a_warning(around):
    write(around / "notebooks/01_first.ipynb", notebook(prose("# One"), code("x")))
    assert "01_first.json: 01_first.ipynb has no heading" in build(around)


def test_feedback_is_hidden_until_there_is_an_address(around):
    build(around)
    assert "course-feedback" not in (around / "out/notebooks/01_first.html").read_text()
    build(around, html_theme="sphinx_book_theme", html_theme_options={"repository_url": "https://github.com/a/b.git"})
    page = (around / "out/notebooks/01_first.html").read_text()
    assert 'href="https://github.com/a/b/discussions"' in page
    assert 'href="../book/playground.html"' in page.partition("<article")[0]


def test_demos_are_found_by_name():
    html = f"<p>{FIGURE}</p>", "<figure></figure>"
    page = nodes.section("", *(nodes.raw("", one, format="html") for one in html))
    assert playground.figures(page) == {"zip": FIGURE}


def test_malformed_demos(tmp_path):
    with pytest.raises(Malformed, match="ideas"):
        playground.demos(write(tmp_path / "demos.json", [{"name": "zip"}]))


def test_repairs_leave_the_rest_alone():
    page = '<summary aria-label="Toggle hidden content"><th class="head text-left"><p></p></th><th class="head">n</th>'
    assert accessible.repaired(page) == '<summary><td class="head text-left"></td><th class="head">n</th>'
    unfolds = '<details><summary><span class="toctree-toggle" role="presentation">'
    assert accessible.repaired(unfolds) == unfolds.replace("<summary>", '<summary aria-label="The solutions">')


def test_the_front_end_passes_its_own_tests(repository):
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not here; nobody needs it, but then the front end's unit tests do not run")
    tests = sorted(str(path) for path in (repository / "tests/book/js").glob("*.test.js"))
    assert tests
    result = subprocess.run([node, "--test", *tests], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-6000:]


def test_a_demo_that_no_notebook_shows_may_stand_in_the_playground_with_a_poster(tmp_path):
    (tmp_path / "p.webp").write_bytes(b"abc")
    demo = playground.Demo("steps", "Steps", 5, ("Try.",), "p.webp", 'Two "pictures".')
    html = playground.alone(demo, tmp_path)
    assert 'data-demo="steps" data-state="poster"' in html
    assert "data:image/webp;base64,YWJj" in html
    assert 'alt="Two &quot;pictures&quot;."' in html
    assert playground.FIGURE.search(html)
    assert "playground-missing" not in playground.place(demo, None, html, "../")
    assert playground.alone(playground.Demo("steps", "Steps", 5, ()), tmp_path) == ""
