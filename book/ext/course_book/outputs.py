"""Outputs that a static page cannot show: a bare plotly figure or a widget without a picture renders as nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from .common import logger, read_json

SHOWN = ("text/html", "text/markdown", "text/latex", "image/")
ALIVE = ("application/vnd.plotly", "application/vnd.jupyter.widget-view", "application/javascript")


def invisible(data: dict[str, Any]) -> str | None:
    """The type of an output that needs a script or a kernel, where nothing beside it can be shown without."""
    alive = next((mime for mime in data if mime.startswith(ALIVE)), None)
    return None if any(mime.startswith(SHOWN) for mime in data) else alive


def invisible_outputs(notebook: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Cell number and type of each output that the page would swallow."""
    for number, cell in enumerate(notebook.get("cells", [])):
        for output in cell.get("outputs", []):
            if mime := invisible(output.get("data", {})):
                yield number, mime


def warn(app: Sphinx, doctree: nodes.document) -> None:
    """Warn about each of them."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix == ".ipynb":
        for number, mime in invisible_outputs(read_json(path)):
            logger.warning(
                "%s, cell %d: %s has no text/html or picture beside it and would not be seen",
                path.name,
                number,
                mime,
                type="course_book",
            )


def setup(app: Sphinx) -> None:
    """Register."""
    app.connect("doctree-read", warn)
