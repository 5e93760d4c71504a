"""What the page computes with (`book/web`), for a notebook whose front end has no server to ask for it."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = next((folder for folder in (HERE.parents[1] / "book" / "web", HERE / "web")
               if (folder / "live" / "notebook.js").exists()), HERE / "web")  # fmt: skip
"""In a checkout the book's own; in an installed package what its wheel brought (see `setup.py`)."""

MODULES = "modules"
"""Asked for under this name: all scripts and styles at once."""

PARTS = ("live/*.js", "live/demos/*.js", "live/*.css", "ort/*.mjs")


@cache
def modules() -> dict[str, str]:
    """Scripts and styles of the demos: path to text."""
    return {path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
            for pattern in PARTS for path in sorted(FOLDER.glob(pattern))}


@cache
def version() -> str:
    """Changes whenever one of the files does."""
    index = FOLDER / "models" / "models.json"
    listed = index.read_text(encoding="utf-8") if index.exists() else ""
    return hashlib.sha256((json.dumps(modules()) + listed).encode()).hexdigest()[:12]


def content(path: str) -> bytes:
    """A file of the folder, or all `MODULES` as JSON.

    Raises `FileNotFoundError` for a file that is not there, or lies outside of the folder.
    """
    if path == MODULES:
        return json.dumps(modules()).encode()
    file = (FOLDER / path).resolve()
    if not file.is_relative_to(FOLDER.resolve()) or not file.is_file():
        raise FileNotFoundError(f"this copy of the course has no file {path} for its demos")
    return file.read_bytes()
