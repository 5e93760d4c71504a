"""The front page's look inside: `{findings}`, one figure of each section and what its cell's claim came to."""

import base64
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from .claims import badge
from .common import Generated, Malformed, read_json
from .results import Result, notebooks, results

TAG = "front-page"
"""A notebook's author gives it to the cell whose figure stands for the section."""


@dataclass(frozen=True)
class Finding:
    """A section's title, its figure as PNG with the words for those who do not see it, and the claim it led to."""

    title: str
    png: bytes
    alt: str
    result: Result


def finding(path: Path) -> Finding | None:
    """What a notebook shows on the front page: the tagged cell's picture, and the next claim that is settled.

    None if no cell is tagged. Raises `Malformed` for two tagged cells, one without a picture or without a claim after.
    """
    cells = read_json(path).get("cells", [])
    tagged = [k for k, cell in enumerate(cells) if TAG in cell.get("metadata", {}).get("tags", ())]
    if not tagged:
        return None
    if len(tagged) > 1:
        raise Malformed(f"{path.name}: {len(tagged)} cells are tagged {TAG}; one stands for the section")
    png, alt = picture(cells[tagged[0]], f"{path.name}, cell {tagged[0]}")
    after = [one for one in results(path) if one.cell >= tagged[0]]
    if not after:
        raise Malformed(f"{path.name}: no claim is settled after the cell tagged {TAG}")
    return Finding(heading(cells, path), png, alt, after[0])


def picture(cell: Any, where: str) -> tuple[bytes, str]:
    """A cell's first picture and its description. Raises `Malformed`."""
    for output in cell.get("outputs", []):
        if "image/png" in output.get("data", {}):
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            return base64.b64decode("".join(output["data"]["image/png"])), alt
    raise Malformed(f"{where}: tagged {TAG}, and shows no picture")


def heading(cells: list[Any], path: Path) -> str:
    """The notebook's title. Raises `Malformed`."""
    for cell in cells:
        for line in "".join(cell.get("source", "")).splitlines():
            if cell.get("cell_type") == "markdown" and line.startswith("# "):
                return line[2:].strip()
    raise Malformed(f"{path.name}: no title")


def card(one: Finding, image: str) -> str:
    """A finding as a Markdown card with a link to the cell."""
    alt = one.alt.replace("[", "(").replace("]", ")")
    return "\n".join([
        "::::{grid-item-card}", f"**{one.title}**", "", f"![{alt}]({image})", "",
        f"{one.result.claim}: {badge(one.result.verdict)} [{one.result.number}]{{.measured}}"
        f" {{ref}}`see the cell <{one.result.anchor}>`", "::::"])  # fmt: skip


class Findings(Generated):
    """`{findings}`."""

    def files(self) -> Iterable[Path]:
        """The notebooks."""
        return notebooks(self.root)

    def markdown(self) -> str:
        """A grid of cards, in the order of the sections; nothing where no notebook has a tagged cell."""
        found = [one for path in self.files() if (one := finding(path))]
        cards = [card(one, self.kept(one)) for one in found]
        grid = [":::::{grid} 1 2 2 2", ":gutter: 3", ":class-container: findings", "", *cards, ":::::"]
        return "\n".join(grid) if cards else ""

    def kept(self, one: Finding) -> str:
        """The picture as a file beside the built book, and its address from this page: as MyST-NB keeps its own."""
        folder = Path(self.env.doctreedir).parent / "findings"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{one.result.notebook}.png"
        file.write_bytes(one.png)
        page = Path(self.env.doc2path(self.env.docname)).parent
        return Path(os.path.relpath(file, page)).as_posix()


def setup(app: Sphinx) -> None:
    """Register."""
    app.add_directive("findings", Findings)
