"""The claims page: `{claims-table}`, and the anchors that it points at."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain

from .common import Generated, Malformed, logger, read_json
from .results import VERDICTS, Result, all_results, notebooks, results

LEDGER = "book/claims.json"
MARKS = {"holds": "✓", "limits": "◐", "fails": "✗", "open": "·"}


@dataclass(frozen=True)
class Claim:
    """One line of the ledger: the claim as commonly stated, the sections that settle it, where it comes from."""

    id: str
    claim: str
    sections: tuple[int, ...]
    sources: tuple[str, ...] = ()
    open: str = ""
    page: str = ""


def claim(entry: dict[str, Any]) -> Claim:
    """One entry of the ledger. Raises `TypeError` for a missing or an unknown key."""
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Claim(**fields)


def ledger(path: Path) -> list[Claim]:
    """The claims in order. Raises `Malformed` for a missing key, an unknown key or an id given twice."""
    try:
        claims = [claim(entry) for entry in read_json(path)]
    except (TypeError, AttributeError) as error:
        raise Malformed(f"{path.name}: {error}") from error
    ids = [one.id for one in claims]
    if len(set(ids)) < len(ids):
        raise Malformed(f"{path.name}: an id stands there twice")
    return claims


def badge(verdict: str) -> str:
    """A verdict as a marked word: the sign tells what the colour tells."""
    kind = VERDICTS.get(verdict, "open")
    return f"[{MARKS[kind]} {verdict}]{{.verdict .{kind}}}"


def citations(claim: Claim) -> str:
    """The claim's sources as links into the bibliography."""
    return "{cite}`" + ",".join(claim.sources) + "`" if claim.sources else ""


def open_sections(claim: Claim, settled: list[Result]) -> list[int]:
    """The sections that the claim belongs to and that have not settled it."""
    return [section for section in claim.sections if section not in {one.section for one in settled}]


def finding(one: Result, linked: bool) -> list[str]:
    """What one cell found: verdict, number, sentence, link."""
    part = f" *{one.part}*" if one.part else ""
    number = f" [{one.number}]{{.measured}}" if one.number else ""
    link = f" {{ref}}`see the cell <{one.anchor}>`" if linked else ""
    source = f"\n\n*Source:* {one.source}" if one.source else ""
    return [f"{badge(one.verdict)}{part}{number}", "", f"{one.sentence}{link}{source}", ""]


def pending(claim: Claim, settled: list[Result]) -> list[str]:
    """What is still to be measured of a claim, if anything."""
    lines = []
    for section in open_sections(claim, settled):
        where = f"section {section}" if section else "the course's own pages"
        lines += [f"{badge('not yet measured')} {where}", ""]
    if claim.open:
        lines += [f"{badge('not yet measured')} {claim.open}", ""]
    return lines


def told(claim: Claim) -> list[str]:
    """A claim that a text settles, not a measurement."""
    return [f"[✓ sourced]{{.verdict .holds}} {{doc}}`the text that settles it <{claim.page}>`", ""]


def entry(claim: Claim, settled: list[Result], pages: set[str]) -> str:
    """One claim as a Markdown block."""
    found = [line for one in settled for line in finding(one, f"notebooks/{one.notebook}" in pages)]
    body = told(claim) if claim.page else [*found, *pending(claim, settled)]
    cited = citations(claim)
    heading = f"({claim.id.lower()})=\n**{claim.id}** {claim.claim}" + (f" {cited}" if cited else "")
    return "\n".join([":::{div} claim", heading, "", *body, ":::", ""])


def table(claims: list[Claim], settled: list[Result], pages: set[str]) -> str:
    """All claims as Markdown, a summary first. Raises `Malformed` for a result whose claim is not in the ledger."""
    unknown = {one.claim for one in settled} - {claim.id for claim in claims}
    if unknown:
        raise Malformed(f"settled but not in {LEDGER}: {', '.join(sorted(unknown))}")
    of = {claim.id: [one for one in settled if one.claim == claim.id] for claim in claims}
    blocks = [entry(claim, of[claim.id], pages) for claim in claims]
    done = sum(bool(claim.page or of[claim.id]) for claim in claims)
    return f"**{done} of {len(claims)}** claims have a verdict so far.\n\n" + "\n".join(blocks)


class ClaimsTable(Generated):
    """`{claims-table}`."""

    def files(self) -> Iterable[Path]:
        """The ledger and the notebooks."""
        return [self.root / LEDGER, *notebooks(self.root)]

    def markdown(self) -> str:
        """Every claim, settled or not."""
        return table(ledger(self.root / LEDGER), all_results(self.root), set(self.env.found_docs))


def sound_results(path: Path) -> list[Result]:
    """A notebook's results; a malformed one is a warning here, since the notebook's page can still be shown."""
    try:
        return list(results(path))
    except Malformed as error:
        logger.warning("%s", error, type="course_book")
        return []


def add_anchors(app: Sphinx, doctree: nodes.document) -> None:
    """Give each cell that settles a claim an id, and register it so that `{ref}` finds it."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    cells = {
        node.get("cell_index"): node
        for node in doctree.findall(nodes.container)
        if node.get("nb_element") == "cell_code"
    }
    standard = cast(StandardDomain, app.env.get_domain("std"))
    for one in sound_results(path):
        node = cells.get(one.cell)
        if node is not None:
            node["ids"].append(one.anchor)
            standard.anonlabels[one.anchor] = (app.env.docname, one.anchor)


def setup(app: Sphinx) -> None:
    """Register."""
    app.add_directive("claims-table", ClaimsTable)
    app.connect("doctree-read", add_anchors)
