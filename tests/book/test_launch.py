"""The launch buttons: hidden without an address, and derived from it with one."""

import io

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from tests.book.toy import code, notebook, prose, write


def built(root, **options):
    """A page of a toy book in the book's theme; Sphinx's warnings."""
    write(root / "conf.py", "")
    write(root / "index.md", "# Front\n\n```{toctree}\nnotebooks/01_first\n```\n")
    write(root / "notebooks/01_first.ipynb", notebook(prose("# First"), code("1 + 1")))
    warnings = io.StringIO()
    launch = {"colab_url": "https://colab.research.google.com", "notebook_interface": "classic"}
    theme = {"path_to_docs": "", "repository_branch": "main", "launch_buttons": launch, **options}
    with docutils_namespace():  # several books in one process
        app = Sphinx(str(root), None, str(root / "out"), str(root / "trees"), "html", status=None, warning=warnings,
                     confoverrides={"extensions": ["myst_nb", "course_book"], "html_theme": "sphinx_book_theme",
                                    "nb_execution_mode": "off", "html_theme_options": theme})  # fmt: skip
        app.build()
    return (root / "out/notebooks/01_first.html").read_text(), warnings.getvalue()


@pytest.mark.parametrize("address", ["", None])
def test_without_an_address_there_are_no_buttons_and_no_complaint(tmp_path, address):
    page, warnings = built(tmp_path, repository_url=address)
    assert "colab" not in page.lower()
    assert warnings == ""


@pytest.mark.parametrize("address", ["https://github.com/name/course", "https://github.com/name/course.git"])
def test_with_an_address_every_notebook_has_one(tmp_path, address):
    page, warnings = built(tmp_path, repository_url=address)
    assert "https://colab.research.google.com/github/name/course/blob/main/notebooks/01_first.ipynb" in page
    assert warnings == ""


def test_an_address_that_colab_cannot_open_is_a_warning(tmp_path):
    page, warnings = built(tmp_path, repository_url="https://example.org/course")
    assert "Colab opens https://github.com/NAME/REPOSITORY alone" in warnings
    assert "colab" not in page.lower()
