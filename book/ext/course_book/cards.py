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
    return sorted({path.parent for pattern in ("card.*", "*.safetensors") for path in (root / WEIGHTS).glob(f"*/{pattern}")})


def shifted(markdown: str) -> str:
    """The card one heading level lower, so that its title becomes a section of the page; code blocks stay."""
    fenced, lines = False, []
    for line in markdown.splitlines():
        fenced ^= line.lstrip().startswith("```")
        lines.append("#" + line if re.match(r"#{1,5} ", line) and not fenced else line)
    return "\n".join(lines)


def flat(card: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested facts as rows of two: `{"psnr": {"scenes": 27.1}}` becomes `("psnr · scenes", "27.1")`."""
    rows: list[tuple[str, str]] = []
    for key, value in card.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, dict):
            rows += flat(value, f"{name} · ")
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


def card(folder: Path) -> str:
    """One model's card as Markdown: its text, then its facts folded away. Raises `Malformed`."""
    text, facts = folder / "card.md", folder / "card.json"
    for file in (text, facts):
        if not file.exists():
            raise Malformed(f"{WEIGHTS}/{folder.name} has weights but no {file.name}")
    numbers = read_json(facts)
    if not isinstance(numbers, dict) or not text.read_text(encoding="utf-8").startswith("# "):
        raise Malformed(f"{WEIGHTS}/{folder.name}: card.json must be an object and card.md begin with a title")
    return "\n".join([f"(model-{folder.name})=", shifted(text.read_text(encoding="utf-8")), "",
                      "````{dropdown} All recorded facts", table(("Fact", "Value"), flat(numbers)), "````", ""])


class ModelCards(Generated):
    """`{model-cards}`."""

    def files(self) -> Iterable[Path]:
        """Every card."""
        return [folder / name for folder in folders(self.root) for name in ("card.md", "card.json")]

    def markdown(self) -> str:
        """All cards, or a kind word."""
        return "\n\n".join(card(folder) for folder in folders(self.root)) or NOTHING

    def parsed(self, text: str) -> list[nodes.Node]:
        """As always, with pictures found beside their card."""
        found = super().parsed(text)
        for top in found:
            for image in top.findall(nodes.image):
                image["uri"] = self.beside_card(image["uri"])
        return found

    def beside_card(self, uri: str) -> str:
        """A picture's path from the source folder's root."""
        homes = [folder for folder in folders(self.root) if (folder / uri).exists()]
        return "/" + (homes[0] / uri).relative_to(self.root).as_posix() if homes else uri


def setup(app: Sphinx) -> None:
    """Register."""
    app.add_directive("model-cards", ModelCards)
