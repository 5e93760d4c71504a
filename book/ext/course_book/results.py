"""Claims as the notebooks settled them: read out of the outputs of the executed `.ipynb` files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .common import Malformed, read_json

MIME = "application/vnd.course.claim+json"
VERDICTS = {"holds": "holds", "holds within limits": "limits", "does not hold": "fails"}


@dataclass(frozen=True)
class Result:
    """One settled claim (or part of one): what was found, and the cell that found it."""

    claim: str
    verdict: str
    number: str
    sentence: str
    part: str
    source: str
    notebook: str
    cell: int

    @property
    def anchor(self) -> str:
        """The id of the cell on the notebook's page."""
        return slug(f"claim-{self.claim}-{self.part}" if self.part else f"claim-{self.claim}")

    @property
    def section(self) -> int:
        """The section that the notebook belongs to, from its file name (`01_...`)."""
        return int(Path(self.notebook).name[:2])


def slug(text: str) -> str:
    """Lower-case words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def notebooks(root: Path) -> list[Path]:
    """The section notebooks, in order; not the copies that file managers and Jupyter make ("-Copy1", " copy")."""
    found = (root / "notebooks").glob("[0-9][0-9]_*.ipynb")
    return sorted(path for path in found if re.fullmatch(r"\w+", path.stem))


def results(path: Path) -> Iterator[Result]:
    """Every claim that a notebook's outputs settle, in order. Raises `Malformed`."""
    cells = read_json(path).get("cells", [])
    for number, cell in enumerate(cells):
        for output in cell.get("outputs", []):
            settled = output.get("data", {}).get(MIME)
            if settled is not None:
                yield result(settled, path.stem, number)


def result(settled: Any, notebook: str, cell: int) -> Result:
    """One output's JSON as a `Result`. Raises `Malformed` naming notebook and cell."""
    where = f"{notebook}.ipynb, cell {cell}"
    if not isinstance(settled, dict) or not all(settled.get(key) for key in ("id", "verdict", "sentence")):
        raise Malformed(f"{where}: a settled claim needs id, verdict and sentence")
    if settled["verdict"] not in VERDICTS:
        raise Malformed(f"{where}: verdict {settled['verdict']!r} is none of {', '.join(VERDICTS)}")
    words = {
        key: "" if settled.get(key) is None else str(settled[key]) for key in ("number", "sentence", "part", "source")
    }
    return Result(claim=settled["id"], verdict=settled["verdict"], notebook=notebook, cell=cell, **words)


def all_results(root: Path) -> list[Result]:
    """The results of all notebooks; the same part of a claim settled twice is `Malformed`."""
    found: list[Result] = []
    for path in notebooks(root):
        for new in results(path):
            twin = next((old for old in found if old.anchor == new.anchor), None)
            if twin:
                raise Malformed(
                    f"{new.claim} {new.part} is settled twice: {twin.notebook}.ipynb cell {twin.cell} "
                    f"and {new.notebook}.ipynb cell {new.cell}; give each a part of its own"
                )
            found.append(new)
    return found
