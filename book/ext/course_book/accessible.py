"""Small repairs of the theme's markup, without which axe-core complains of every page."""

import re
from pathlib import Path

from sphinx.application import Sphinx

REPAIRS = (
    # a name that hides the words which are shown: the words are the better name
    (re.compile(r'<summary aria-label="Toggle hidden content">'), "<summary>"),
    (re.compile(r'(<button class="[^"]*search-button-field[^>]*) aria-label="Search"'), r"\1"),
    # titles of icons, which become text inside a button that has a name of its own
    (re.compile(r'(<i class="theme-switch [^>]*) title="[^"]*"'), r"\1"),
    # the sidebar's logo and title belong to a landmark too
    (
        re.compile(r'<div id="pst-primary-sidebar" class="'),
        '<div id="pst-primary-sidebar" role="region" aria-label="Sidebar" class="',
    ),
    # a button that leads to a page of the book opens no second window
    (re.compile(r'target="_blank"(\s+class="btn btn-sm btn-playground-button")'), r'aria-label="Playground"\1'),
    # a role that its standard has withdrawn, on an entry of a list
    (re.compile(r'role="doc-biblioentry"'), 'role="listitem"'),
    # what unfolds the pages below an entry of the sidebar has an arrow and no words
    (re.compile(r'<summary>(<span class="toctree-toggle")'), r'<summary aria-label="The solutions">\1'),
    # the empty corner of a table is no heading
    (re.compile(r'<th class="(head[^"]*)">(?:<p></p>)?</th>'), r'<td class="\1"></td>'),
)  # fmt: skip


def repaired(page: str) -> str:
    """A page's HTML with all repairs made."""
    for wrong, right in REPAIRS:
        page = wrong.sub(right, page)
    return page


def repair(app: Sphinx, error: Exception | None) -> None:
    """Repair every page that was written."""
    if error is None and app.builder.format == "html":
        for path in sorted(Path(app.outdir).rglob("*.html")):
            page = path.read_text(encoding="utf-8")
            if (better := repaired(page)) != page:
                path.write_text(better, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Register."""
    app.connect("build-finished", repair)
