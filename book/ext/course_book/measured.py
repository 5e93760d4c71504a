"""Numbers that a page quotes, read at build time out of what a notebook's cells displayed; none is typed."""

import re
from pathlib import Path
from typing import Any

from .common import Malformed, read_json

TOLD = ("text/markdown", "application/vnd.course.claim+json")


def displayed(path: Path) -> str:
    """All sentences and tables that a notebook's cells displayed, and its settled claims' numbers, as one text."""
    texts = []
    for cell in read_json(path).get("cells", []):
        for output in cell.get("outputs", []):
            for kind in TOLD:
                told = output.get("data", {}).get(kind)
                if isinstance(told, dict):
                    texts += [str(told.get(key) or "") for key in ("number", "sentence")]
                elif told:
                    texts.append(told if isinstance(told, str) else "".join(told))
    return "\n".join(texts)


def quoted(text: str, pattern: str, where: str) -> str:
    """The one thing that a pattern's only group finds in a text. Raises `Malformed`."""
    found = sorted(set(re.findall(pattern, text)))
    if len(found) != 1 or not isinstance(found[0], str):
        raise Malformed(f"{where}: {pattern!r} finds {found or 'nothing'} in what the notebook displays, not one thing."
                        " Was it saved without its results, or changed? `make notebooks` executes it again")
    return found[0]


def number(text: str) -> float:
    """`1,024` as a number. Raises `ValueError`."""
    return float(text.replace(",", "").replace("−", "-"))


def filled(text: str, values: dict[str, str]) -> str:
    """A text with each `«name»` replaced by its value. Raises `Malformed` for a name without one."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise Malformed(f"«{match[1]}» has no value")
        return values[match[1]]

    return re.sub(r"«([^»]*)»", value, text)


def resolve(given: Any, values: dict[str, str]) -> float:
    """A number that is given as such or by the name of a measured value. Raises `Malformed`."""
    try:
        return number(values[given]) if isinstance(given, str) and given in values else number(str(given))
    except ValueError as error:
        raise Malformed(f"{given!r} is neither a number nor a measured value") from error


def hold(premises: list[str], values: dict[str, str]) -> None:
    """Check that what a question takes for granted is still measured. Raises `Malformed`."""
    for premise in premises:
        match = re.fullmatch(r"(\S+) ([<>]) (\S+)", premise)
        if match is None:
            raise Malformed(f"premise {premise!r} is not of the form 'name < number'")
        left, right = resolve(match[1], values), resolve(match[3], values)
        if not (left < right if match[2] == "<" else left > right):
            raise Malformed(f"the premise {premise!r} no longer holds: {left:g} and {right:g}")
