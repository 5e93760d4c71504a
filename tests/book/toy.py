"""Small notebooks and repositories for the tests of the book."""

import json
from pathlib import Path
from typing import Any

CLAIM = "application/vnd.course.claim+json"


def settled(**changes: Any) -> dict[str, Any]:
    """The output of a cell that settles a claim."""
    claim = {
        "id": "C01",
        "verdict": "holds",
        "number": "48",
        "sentence": "It is so.",
        "part": None,
        "source": None,
    } | changes
    return {
        "output_type": "execute_result",
        "execution_count": 1,
        "metadata": {},
        "data": {"text/plain": claim["sentence"], "text/markdown": f"**{claim['sentence']}**", CLAIM: claim},
    }


def code(source: str = "1", *outputs: dict[str, Any]) -> dict[str, Any]:
    """A code cell."""
    return {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": source, "outputs": list(outputs)}


def prose(source: str) -> dict[str, Any]:
    """A Markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    """A notebook."""
    cells = tuple({**cell, "id": f"cell-{number}"} for number, cell in enumerate(cells))
    metadata = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write(path: Path, content: Any) -> Path:
    """Write text or JSON, making folders as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path
