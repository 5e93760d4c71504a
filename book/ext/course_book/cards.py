"""The models page: `{model-cards}`, the card of each embedded model."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from .common import Generated, Malformed, read_json
from .status import table

WEIGHTS = "course_utils/models/weights"
NOTHING = "No model has been trained yet; each brings its card here: what it is, how it was trained, what was measured."


def folders(root: Path) -> list[Path]:
    """The model folders that hold weights or a card, in order."""
    return sorted(
        {path.parent for pattern in ("card.*", "*.safetensors") for path in (root / WEIGHTS).glob(f"*/{pattern}")}
    )


def rubrics(markdown: str) -> str:
    """Headings as rubrics, which may stand in the middle of a page; code blocks stay."""
    fenced, lines = False, []
    for line in markdown.splitlines():
        fenced ^= line.lstrip().startswith("```")
        heading = re.fullmatch(r"#{1,6} (.+)", line)
        lines.append(f"```{{rubric}} {heading[1]}\n```" if heading and not fenced else line)
    return "\n".join(lines)


def flat(card: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested facts as rows of two: `{"psnr": {"scenes": 27.1}}` becomes `("psnr · scenes", "27.1")`."""
    rows: list[tuple[str, str]] = []
    for key, value in card.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, dict):
            rows += flat(value, f"{name} · ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            rows += [row for place, item in enumerate(value, 1) for row in flat(item, f"{name} {place} · ")]
        elif isinstance(value, list):
            rows.append((name, ", ".join(told(item) for item in value)))
        else:
            rows.append((name, told(value)))
    return rows


def told(value: Any) -> str:
    """A fact for people: three significant digits, yes and no, long hashes broken softly."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).replace("|", "\\|")


def card(folder: Path) -> tuple[str, str]:
    """One model's card: its title, and its text with the facts folded away as Markdown. Raises `Malformed`."""
    text, facts = folder / "card.md", folder / "card.json"
    for file in (text, facts):
        if not file.exists():
            raise Malformed(f"{WEIGHTS}/{folder.name} has weights but no {file.name}")
    title, _, body = text.read_text(encoding="utf-8").partition("\n")
    numbers = read_json(facts)
    if not isinstance(numbers, dict) or not title.startswith("# "):
        raise Malformed(f"{WEIGHTS}/{folder.name}: card.json must be an object and card.md begin with a title")
    folded = ["````{dropdown} All recorded facts", table(("Fact", "Value"), flat(numbers)), "````", ""]
    return title.removeprefix("# "), "\n".join([rubrics(body), "", *folded])


class ModelCards(Generated):
    """`{model-cards}`: a section of the page for each model."""

    def files(self) -> Iterable[Path]:
        """Every card."""
        return [folder / name for folder in folders(self.root) for name in ("card.md", "card.json")]

    def content_nodes(self) -> list[nodes.Node]:
        """All cards, or a kind word."""
        return [self.section(folder) for folder in folders(self.root)] or self.parsed(NOTHING)

    def section(self, folder: Path) -> nodes.section:
        """One card as a section, with pictures found beside it."""
        title, text = card(folder)
        section = nodes.section(
            "",
            nodes.title(title, "", *self.state.inline_text(title, self.lineno)[0]),
            *self.parsed(text),
            ids=[nodes.make_id(f"model-{folder.name}")],
        )
        for image in section.findall(nodes.image):
            if (folder / image["uri"]).exists():
                image["uri"] = "/" + (folder / image["uri"]).relative_to(self.root).as_posix()
        return section


def setup(app: Sphinx) -> None:
    """Register."""
    app.add_directive("model-cards", ModelCards)
