"""The extension inside Sphinx: a small book is built, once well-formed and once not."""

import io

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from tests.book.toy import code, notebook, prose, settled, write

PAGE = """# Page

```{claims-table}
```

```{model-cards}
```

```{status-table}
```
"""
CARD = "# The VAE (`vae`)\n\nWhat it is.\n\n![Six animals](sheet.png)\n\n## Numbers\n\nMany.\n"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc33"
    "0000000049454e44ae426082"
)


def build(root, **settings):
    """Build the book in `root`; Sphinx's warnings. What docutils learns from its extensions is forgotten afterwards."""
    warnings = io.StringIO()
    with docutils_namespace():
        app = Sphinx(
            str(root),
            None,
            str(root / "out"),
            str(root / "trees"),
            "html",
            status=None,
            warning=warnings,
            confoverrides={
                "extensions": ["myst_nb", "sphinx_design", "course_book"],
                "nb_execution_mode": "off",
                "project": "toy",
                "myst_enable_extensions": ["colon_fence", "attrs_inline", "dollarmath"],
                "suppress_warnings": ["mystnb.unknown_mime_type"],
                "exclude_patterns": ["course_utils"],
                "nitpicky": True,
                **settings,
            },
        )
        app.build()
    return warnings.getvalue()


@pytest.fixture
def book(tmp_path):
    write(tmp_path / "conf.py", "")
    write(tmp_path / "index.md", "# Front\n\n```{toctree}\npage\nnotebooks/01_first\n```\n")
    write(tmp_path / "page.md", PAGE)
    write(tmp_path / "book/claims.json", [{"id": "C01", "claim": "It is small.", "sections": [1, 2]}])
    write(
        tmp_path / "notebooks/01_first.ipynb",
        notebook(prose("# One"), code("x"), code("y", settled(sentence="So $8$."))),
    )
    folder = tmp_path / "course_utils/models/weights/vae"
    write(folder / "card.md", CARD)
    write(folder / "card.json", {"parameters": 12345})
    (folder / "sheet.png").write_bytes(PNG)
    return tmp_path


def test_a_small_book(book):
    assert build(book) == ""
    page, one = ((book / f"out/{name}.html").read_text() for name in ("page", "notebooks/01_first"))
    assert 'href="notebooks/01_first.html#claim-c01"' in page
    assert 'id="claim-c01"' in one
    assert "not yet measured" in page
    assert 'The VAE (<code class="docutils literal notranslate"><span class="pre">vae</span></code>)' in page
    assert 'id="model-vae"' in page
    assert "12,345" in page
    assert 'alt="Six animals"' in page
    assert (book / "out/_images/sheet.png").exists()
    assert "No notebook has been executed yet" in page
    assert (book / "out/_static/plotly.min.js").exists()


def test_malformed_results_are_warnings(book):
    write(book / "notebooks/01_first.ipynb", notebook(prose("# One"), code("y", settled(verdict="perhaps"))))
    write(book / "notebooks/_status.json", "{")
    (book / "course_utils/models/weights/vae/card.json").unlink()
    warnings = build(book)
    assert "claims-table: 01_first.ipynb, cell 1: verdict 'perhaps'" in warnings
    assert "status-table: _status.json: not readable" in warnings
    assert "model-cards: course_utils/models/weights/vae has weights but no card.json" in warnings


def test_an_invisible_chart_is_a_warning(book):
    bare = {"output_type": "display_data", "metadata": {}, "data": {"application/vnd.plotly.v1+json": {}}}
    write(book / "notebooks/01_first.ipynb", notebook(prose("# One"), code("y", settled()), code("z", bare)))
    assert "01_first.ipynb, cell 2: application/vnd.plotly.v1+json has no text/html" in build(book)
