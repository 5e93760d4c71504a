"""The memory page: `{memory-table}`, what each role needs of a GPU, and with which setting it fits."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from .common import Generated, Malformed, read_json
from .status import table

BUDGETS = "course_utils/measure/budgets.json"
NOTHING = "Not computed yet: `python -m course_utils.measure budget` writes what stands here."
HEAD = ("Scale and role", "Sections", "Side", "Text encoder", "Denoiser", "Decoder", "Step", "Decoding", "in tiles")


def name(found: dict[str, Any]) -> str:
    """Scale and role in words that may be broken."""
    return f"{found['scale']}: {found['role'].replace('_', ' ')}"


def row(found: dict[str, Any]) -> tuple[str, ...]:
    """What is on the GPU, and the peaks of what is computed there, in MB."""
    weights = (f"{found['weights'][part]:,}" for part in ("text", "denoiser", "vae"))
    peaks = (f"{found[part]:,}" for part in ("step", "decode", "decode_tile"))
    return (name(found), found["sections"], str(found["side"]), *weights, *peaks)


def verdict(found: dict[str, Any], settings: list[str], cards: list[str]) -> tuple[str, ...]:
    """The sum under each setting, and what fits where."""
    sums = (f"{found['peaks'][setting]:,}" for setting in settings)
    return (name(found), *sums, *(found["fits"][card] for card in cards))


def page(written: dict[str, Any]) -> str:
    """Both tables as Markdown. Raises `Malformed`."""
    try:
        settings, cards, rows = written["settings"], written["cards"], written["rows"]
        parts = table(HEAD, [row(found) for found in rows])
        told = (setting[0].upper() + setting[1:] for setting in settings)
        head = ("Scale and role", *told, *(f"Fits {card}" for card in cards))
        sums = table(head, [verdict(found, settings, cards) for found in rows])
        return (f"What one picture needs in all, in MB, {written['allowance']:,} MB of allowance included, and the"
                f" mildest setting that fits:\n\n{sums}\n\nWhat that is made of, in MB: the weights of the three"
                f" parts, then the activations.\n\n{parts}")  # fmt: skip
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Malformed(f"{BUDGETS}: {type(error).__name__} {error}") from error


class MemoryTable(Generated):
    """`{memory-table}`."""

    def files(self) -> Iterable[Path]:
        """What was computed."""
        return [self.root / BUDGETS]

    def markdown(self) -> str:
        """The tables, or how to make them."""
        path = self.root / BUDGETS
        return page(read_json(path)) if path.exists() else NOTHING


def setup(app: Sphinx) -> None:
    """Register."""
    app.add_directive("memory-table", MemoryTable)
