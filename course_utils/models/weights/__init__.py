"""The embedded weights, and the check that they are what was trained: a damaged file is refused, never guessed at."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SUMS = "SHA256SUMS.json"


class WeightsError(RuntimeError):
    """A weights' file is missing or is not the one that was shipped; the message says what to do."""


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def expected() -> dict[str, str]:
    """The recorded hashes: path inside this folder to hexadecimal SHA-256."""
    sums = FOLDER / SUMS
    if not sums.exists():
        raise WeightsError(f"{sums} is missing, so no weights can be checked. {_REMEDY}")
    try:
        return dict(json.loads(sums.read_text()))
    except ValueError as error:
        raise WeightsError(f"{sums} is damaged ({error}). {_REMEDY}") from None


def verified(path: str) -> Path:
    """The file `path` (such as `vae/config.json`) if its hash is the recorded one.

    Raises:
        WeightsError: naming the file, the expected and the found hash, and what to do.
    """
    file, wanted = FOLDER / path, expected().get(path)
    if wanted is None:
        raise WeightsError(f"{SUMS} records no hash for {path}. {_REMEDY}")
    if not file.is_file():
        raise WeightsError(f"{file} is missing: expected SHA-256 {wanted}, found no file. {_REMEDY}")
    found = sha256(file)
    if found != wanted:
        raise WeightsError(
            f"{file} is damaged ({file.stat().st_size:,} bytes): expected SHA-256 {wanted}, found {found}. {_REMEDY}")
    return file


def recorded(folder: str) -> list[str]:
    """The files of `weights/<folder>` that have a hash, as paths for `verified`; none if it was never shipped."""
    return [path for path in expected() if path.startswith(f"{folder}/")]


def shipped(folder: str) -> bool:
    """Whether this copy of the course holds that model's weights."""
    return any(path.endswith(".safetensors") for path in recorded(folder))


def checked(folder: str) -> Path:
    """`weights/<folder>`, each recorded file of it checked against its hash. Raises `WeightsError` as `verified`."""
    for path in recorded(folder):
        verified(path)
    return FOLDER / folder


def card(role: str) -> dict[str, Any]:
    """What was measured of an embedded model when it was shipped: the facts behind its model card.

    Raises `WeightsError` if that model has no card.
    """
    file = FOLDER / role / "card.json"
    if not file.is_file():
        have = ", ".join(sorted(path.parent.name for path in FOLDER.glob("*/card.json")))
        raise WeightsError(f"no card for {role!r}; there are cards for: {have}")
    return dict(json.loads(file.read_text()))


_REMEDY = (
    "Restore it with `git checkout -- course_utils/models/weights` in a clone, or install the package again"
    " (pip install --force-reinstall --no-deps). A model is never made up in its place."
)
