"""The verdict on a claim, as a cell displays it and as the book's page of claims collects it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from numbers import Integral
from typing import Any, Literal, get_args

Verdict = Literal["holds", "holds within limits", "does not hold"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
IDS = tuple(f"C{number:02d}" for number in range(1, 28))  # the ledger's claims
NOT_FINITE = re.compile(r"(?<![a-z])(nan|inf)(?![a-z])", re.IGNORECASE)
MIME = "application/vnd.course.claim+json"
_MARKS = {"holds": "✔", "holds within limits": "◐", "does not hold": "✘"}


@dataclass(frozen=True)
class Settled:
    """A claim with its verdict. The last line of a cell, it shows itself as Markdown and carries its data along."""

    id: str
    verdict: Verdict
    number: str
    sentence: str
    part: str | None = None
    source: str | None = None

    def markdown(self) -> str:
        """A quotation with mark, id, verdict, number, the sentence, and the source for the real models."""
        name = f"{self.id}, {self.part}" if self.part else self.id
        lines = [f"> {_MARKS[self.verdict]} **{name}: {self.verdict}** ({self.number})", ">", f"> {self.sentence}"]
        return "\n".join(lines + ([">", f"> *Source:* {self.source}"] if self.source else []))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        plain = f"{self.id} {self.verdict}: {self.number}. {self.sentence}"
        return {"text/plain": plain, "text/markdown": self.markdown(), MIME: asdict(self)}


def settle(
    claim_id: str,
    verdict: Verdict,
    number: str | float,
    sentence: str,
    part: str | None = None,
    source: str | None = None,
) -> Settled:
    """Settle a claim of the ledger by a measured number.

    Args:
        claim_id: "C01" to "C27".
        verdict: "holds", "holds within limits" or "does not hold".
        number: what was measured, with its unit, as the page of claims prints it; a bare float gets three
        digits.
        sentence: what the number says, for somebody who reads only this.
        part: which part of the claim, where several cells settle it between them.
        source: for what is quoted about real models rather than measured here.

    Raises `ValueError` for an unknown id or verdict, and where number or sentence is empty or not finite.
    """
    if claim_id not in IDS:
        raise ValueError(f"no claim {claim_id!r} in the ledger; there are {IDS[0]} to {IDS[-1]}")
    if verdict not in VERDICTS:
        raise ValueError(f"{verdict!r} is no verdict; there are {', '.join(map(repr, VERDICTS))}")
    text = _number(number)
    if not text or NOT_FINITE.search(text) or not sentence.strip():
        raise ValueError(f"{claim_id} needs a measured number and a sentence, got {text!r} and {sentence!r}")
    return Settled(claim_id, verdict, text, _one_line(sentence), part, source)


def _number(number: str | float | Integral) -> str:
    if isinstance(number, str):
        return _one_line(number)
    return f"{int(number):,}" if isinstance(number, Integral) else f"{number:.3g}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
