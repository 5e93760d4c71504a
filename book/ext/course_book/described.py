"""Figures of notebooks get the description that they carry.

A cell's picture has its alternative text in the output's metadata (`show.image.Picture`). MyST-NB keeps width and
height of these and leaves the text: a screen reader would read the name of a file.
"""

from binascii import a2b_base64
from hashlib import sha256
from pathlib import Path, PurePosixPath

from docutils import nodes
from sphinx.application import Sphinx

from .common import read_json


def descriptions(path: Path) -> dict[str, str]:
    """The text of each picture in a notebook's outputs, by the SHA-256 of its bytes: MyST-NB names files by it."""
    found = {}
    for cell in read_json(path).get("cells", []):
        for output in cell.get("outputs", []):
            for mime, facts in output.get("metadata", {}).items():
                if mime.startswith("image/") and isinstance(facts, dict) and facts.get("alt"):
                    content = "".join(output["data"][mime])
                    found[sha256(a2b_base64(content)).hexdigest()] = facts["alt"]
    return found


def describe(app: Sphinx, doctree: nodes.document) -> None:
    """Give a notebook's pictures their texts."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    told = descriptions(path)
    for image in doctree.findall(nodes.image):
        alt = told.get(PurePosixPath(image["uri"]).stem)
        if alt and not image.get("alt"):
            image["alt"] = alt


def setup(app: Sphinx) -> None:
    """Register."""
    app.connect("doctree-read", describe)
