"""The questions of "Check yourself": `book/checks/<notebook>.json`, read and checked."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .common import Malformed, read_json
from .measured import displayed, filled, hold, quoted, resolve

FOLDER = "book/checks"
READINGS = "readings.json"  # what was measured when the pictures were made (scripts/check_pictures.py)
KINDS = ("number", "choice", "slider")


@dataclass(frozen=True)
class Picture:
    """A picture to choose, or one that a slider shows: a file in `book/web/checks`, and what is to be seen on it."""

    file: str
    alt: str


@dataclass(frozen=True)
class Question:
    """One question, with all numbers filled in.

    * `number`: `answer` is right within the share `within` of it;
    * `choice`: one of `options`, which are texts or pictures; `right` is the place of the right one;
    * `slider`: positions `first` to `last` (or one for each of `labels`), right from `low` to `high`; `painter` shows
      its `pictures`.
    """

    id: str
    kind: str
    ask: str
    because: str
    answer: float = 0.0
    within: float = 0.1
    unit: str = ""
    options: tuple[str | Picture, ...] = ()
    right: int = 0
    label: str = ""
    first: int = 0
    last: int = 0
    start: int = 0
    low: float = 0.0
    high: float = 0.0
    labels: tuple[str, ...] = ()
    painter: str = "pictures"
    pictures: tuple[Picture, ...] = ()
    premises: list[str] = field(default_factory=list)

    def graded(self) -> dict[str, Any]:
        """What the page needs to grade an answer."""
        if self.kind == "number":
            return {"kind": "number", "value": self.answer, "within": self.within}
        if self.kind == "choice":
            return {"kind": "choice", "right": self.right}
        return {"kind": "slider", "from": self.low, "to": self.high}


def question(entry: dict[str, Any], values: dict[str, str]) -> Question:
    """One entry of a file. Raises `Malformed`."""
    fields: dict[str, Any] = dict(entry)
    for key in entry:
        if key in ("ask", "because", "label", "unit"):
            fields[key] = filled(entry[key], values)
        elif key in ("answer", "within", "low", "high"):
            fields[key] = resolve(entry[key], values)
        elif key in ("options", "labels", "pictures"):
            fields[key] = tuple(Picture(**one) if isinstance(one, dict) else filled(one, values) for one in entry[key])
    made = Question(**fields)
    hold(made.premises, values)
    sound(made)
    return made


def sound(one: Question) -> None:
    """Check that a question can be answered, and wrongly too. Raises `Malformed`."""
    if one.kind not in KINDS:
        raise Malformed(f"kind {one.kind!r} is none of {', '.join(KINDS)}")
    if one.kind == "number" and (one.answer == 0 or not 0 < one.within < 1):
        raise Malformed("a number needs an answer other than zero and a share between 0 and 1 within which it is right")
    if one.kind == "choice" and not (len(one.options) > 1 and 0 <= one.right < len(one.options)):
        raise Malformed("a choice needs two options or more, one of them right")
    if one.kind == "slider":
        last = len(one.labels) - 1 if one.labels else one.last
        if not one.first <= one.low <= one.high <= last or (one.low <= one.first and one.high >= last):
            raise Malformed(f"a slider from {one.first} to {last} cannot be right from {one.low:g} to {one.high:g}")
        if one.low <= one.start <= one.high:
            raise Malformed("a slider must not begin where it is right")


def values_of(root: Path, notebook: str, wanted: dict[str, str]) -> dict[str, str]:
    """The measured values: by a pattern out of the notebook's outputs, or `reading:name` out of the readings."""
    text = displayed(root / "notebooks" / f"{notebook}.ipynb") if wanted else ""
    readings = read_json(root / FOLDER / READINGS) if any(one.startswith("reading:") for one in wanted.values()) else {}
    return {
        name: str(readings[pattern.removeprefix("reading:")]) if pattern.startswith("reading:")
        else quoted(text, pattern, f"{notebook}.json")
        for name, pattern in wanted.items()
    }  # fmt: skip


def path_of(root: Path, notebook: str) -> Path:
    """Where the questions of a notebook lie."""
    return root / FOLDER / f"{notebook}.json"


def load(root: Path, notebook: str) -> list[Question]:
    """The questions of a notebook, in order; none where it has no file. Raises `Malformed`."""
    path = path_of(root, notebook)
    if not path.exists():
        return []
    content = read_json(path)
    try:
        values = values_of(root, notebook, content.get("values", {}))
        made = []
        for entry in content["questions"]:
            try:
                made.append(question(entry, values))
            except Malformed as error:
                raise Malformed(f"{path.name}, {entry.get('id')}: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"{path.name}: {type(error).__name__} {error}") from error
    if len({one.id for one in made}) < len(made):
        raise Malformed(f"{path.name}: an id stands there twice")
    for picture in (shown for one in made for shown in (*one.options, *one.pictures)):
        if isinstance(picture, Picture) and not (root / "book/web/checks" / picture.file).exists():
            raise Malformed(f"{path.name}: there is no picture book/web/checks/{picture.file}")
    return made
