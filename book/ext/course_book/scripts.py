"""Which scripts a page loads: those it uses, all from this book's own host."""

import gzip
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

PLOTLY = "plotly.min.js"
UNUSED = ("thebe", "widget-state")
ZIPPED = "mathjax/tex-chtml.js.gz"
"""Kept at a quarter of its bytes in the repository. No script tag reads gzip, so the book has it unpacked."""


def plotly_source() -> Path:
    """The script that the installed plotly brings along."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("plotly is not installed; `make book` installs it")
    return Path(spec.origin).parent / "package_data" / PLOTLY


def draws_plotly(doctree: nodes.document | None) -> bool:
    """Whether a page has a plotly figure."""
    return doctree is not None and any("Plotly.newPlot" in raw.astext() for raw in doctree.findall(nodes.raw))


def is_unused(script: Any) -> bool:
    """Scripts that the theme's stack adds and this book has no use for: live kernels, widget state."""
    attributes = getattr(script, "attributes", {})
    words = " ".join(str(word) for word in (getattr(script, "filename", script), *attributes.values())).lower()
    return any(name in words for name in UNUSED)


def trim(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Drop what the page does not use; add plotly's script, before the figures, where there are any."""
    if draws_plotly(doctree):
        app.add_js_file(PLOTLY, priority=100)
    context["script_files"][:] = [script for script in context["script_files"] if not is_unused(script)]


def copy_plotly(app: Sphinx, error: Exception | None) -> None:
    """Put plotly's script beside the book's own (it is not committed: 5 MB that every installation brings)."""
    if error is None and app.builder.format == "html":
        shutil.copyfile(plotly_source(), Path(app.outdir) / "_static" / PLOTLY)


def unzip_formulas(app: Sphinx, error: Exception | None) -> None:
    """Put MathJax beside the book's own scripts, unpacked, where the book has it."""
    zipped = Path(app.outdir) / "_static" / ZIPPED
    if error is None and app.builder.format == "html" and zipped.exists():
        zipped.with_suffix("").write_bytes(gzip.decompress(zipped.read_bytes()))
        zipped.unlink()


def setup(app: Sphinx) -> None:
    """Register; late, so that every other extension has added its scripts."""
    app.connect("html-page-context", trim, priority=900)
    app.connect("build-finished", copy_plotly)
    app.connect("build-finished", unzip_formulas)
