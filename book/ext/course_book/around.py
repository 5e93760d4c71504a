"""What stands around every page's text: scripts and style, the list of sections, the playground's button, feedback."""

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from . import playground, questions
from .common import Malformed

SECTION = re.compile(r"notebooks/\d\d_\w+")
PLAYGROUND = "book/playground"
FEEDBACK = (
    '<p class="course-feedback">Found a mistake, or something unclear? '
    '<a href="{address}/discussions">Tell the others, in the discussions of the repository</a>.</p>'
)


def repository(app: Sphinx) -> str:
    """The one configured address (`repository: url` in `_config.yml`), or nothing."""
    return str(app.config.html_theme_options.get("repository_url") or "").rstrip("/").removesuffix(".git")


def sections(app: Sphinx) -> list[dict[str, Any]]:
    """Every section of the book: page, title, the ids of its questions, its demos."""
    found = []
    for page in sorted(name for name in app.env.found_docs if SECTION.fullmatch(name)):
        try:
            checks = [one.id for one in questions.load(Path(app.srcdir), page.split("/")[1])]
        except Malformed:  # the page itself has warned
            checks = []
        demos = sorted(playground.known(app.env).get(page, {}))
        found.append({"page": page, "title": app.env.titles[page].astext(), "checks": checks, "demos": demos})
    return found


def write_contents(app: Sphinx, error: Exception | None) -> None:
    """The list of sections as a module beside the book's own scripts, which import it."""
    if error is None and app.builder.format == "html":
        path = Path(app.outdir) / "_static" / "course" / "contents.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        listed = json.dumps(sections(app), ensure_ascii=False, indent=1)
        path.write_text(f"/** The sections, as the book was built. */\nexport const sections = {listed};\n", "utf-8")


def surround(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add the link to the playground, one click from every page, and, given an address, the one to the discussions."""
    if PLAYGROUND in app.env.found_docs and "header_buttons" in context:
        context["header_buttons"].insert(0, {
            "type": "link", "url": context["pathto"](PLAYGROUND), "icon": "fas fa-flask",
            "tooltip": "Playground: all demos together", "label": "playground-button",
        })  # fmt: skip
    if (address := repository(app)) and doctree is not None:
        context["body"] += FEEDBACK.format(address=address)


def setup(app: Sphinx) -> None:
    """Register; the button after the theme's own."""
    app.add_js_file("course/main.js", type="module")
    app.add_css_file("course/around.css")
    app.connect("html-page-context", surround, priority=800)
    app.connect("build-finished", write_contents)
