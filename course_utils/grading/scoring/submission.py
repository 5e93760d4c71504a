"""What lies in a file that was handed in: its code, its exercise, the points that the student's own checks showed."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_utils.grading.notebook import MIME
from course_utils.grading.questions import exercises, questions
from course_utils.grading.values import writable

LARGEST = 20_000_000  # bytes of a notebook
_EXERCISE = re.compile(r"""\bexercise\(\s*["'](\w+)["']""")
_SHOWN = re.compile(r"^[✔◐✘] (q\d+): ([\d.]+) of \d+ points")
_SKIPPED = (".ipynb_checkpoints", "__pycache__", "__MACOSX")


@dataclass(frozen=True)
class Submission:
    """One file. `exercise` is empty and `trouble` says why where it is no notebook of the course."""

    path: Path
    student: str
    digest: str = ""
    exercise: str = ""
    cells: tuple[str, ...] = ()
    shown: dict[str, float] = field(default_factory=dict)
    trouble: str = ""


def files(folder: Path) -> list[tuple[str, Path]]:
    """Student and file of everything that was handed in, sorted: a file counts for the student that it is named after,
    files in a folder for the student that the folder is named after. Hidden files are left out."""
    found = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part in _SKIPPED for part in parts):
            found.append((writable(Path(parts[0]).stem if len(parts) == 1 else parts[0]), path))
    return found


def read(student: str, path: Path, otherwise: str = "") -> Submission:
    """Read one file; whatever it holds, this returns. `otherwise` is the exercise where the notebook does not say."""
    if path.is_symlink() or path.stat().st_size > LARGEST:
        return Submission(path, student, trouble="not read: a link, or larger than 20 MB")
    try:
        data = path.read_bytes()
    except OSError as error:
        return Submission(path, student, trouble=f"not read: {error.strerror}")
    digest = hashlib.sha256(data).hexdigest()
    try:
        notebook = json.loads(data)
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        texts = tuple(_text(cell["source"]) for cell in cells)
    except Exception:
        return Submission(path, student, digest, trouble="empty" if not data.strip() else "this is no notebook")
    exercise = _exercise(notebook, texts) or otherwise
    if exercise not in exercises():
        why = "it does not say which exercise it is: its cell `check = exercise(...)` is missing or changed"
        return Submission(path, student, digest, cells=texts, trouble=why)
    return Submission(path, student, digest, exercise, texts, _shown(cells, exercise))


def _text(source: Any) -> str:
    return source if isinstance(source, str) else "".join(map(str, source))


def _exercise(notebook: dict[str, Any], cells: Sequence[str]) -> str:
    """The exercise's name, from the cell that makes `check`."""
    named = [name for cell in cells for name in _EXERCISE.findall(cell)]
    return next((name for name in named if name in exercises()), "")


def _shown(cells: Sequence[dict[str, Any]], exercise: str) -> dict[str, float]:
    """Points by question, as the notebook's own checks showed them; none where what stands there cannot be read."""
    try:
        marks = dict(_marks(cells, exercise))
    except Exception:  # anybody can write anything there, and one notebook must not end the scoring of a class
        return {}
    return {name: points for name, points in marks.items() if name in questions(exercise) and math.isfinite(points)}


def _marks(cells: Sequence[dict[str, Any]], exercise: str) -> Iterator[tuple[str, float]]:
    """Question and points of each check whose outcome stands in the notebook; later ones follow earlier ones."""
    for cell in cells:
        outputs = cell.get("outputs", [])
        for output in outputs if isinstance(outputs, list) else []:
            data = output.get("data", {}) if isinstance(output, dict) else {}
            kept, text = data.get(MIME), _SHOWN.match(_text(data.get("text/plain", "")))
            if isinstance(kept, dict) and kept.get("exercise") == exercise:
                if isinstance(kept.get("points"), int | float):
                    yield str(kept.get("question")), float(kept["points"])
            elif text:
                yield text.group(1), float(text.group(2))
