"""`python -m course_utils.models`: the table of roles, scales, sizes, licences and hashes."""

from __future__ import annotations

from course_utils.models.loading import weights_name
from course_utils.models.registry import REGISTRY, Entry
from course_utils.models.weights import FOLDER, expected

HEADINGS = ("role", "scale", "class", "MB", "licence", "where", "SHA-256")


def row(entry: Entry) -> tuple[str, ...]:
    """An entry's cells; size and hash of an embedded model are those of its file."""
    path = f"{entry.role}/{weights_name(entry)}"
    file = FOLDER / path
    megabytes = file.stat().st_size / 1e6 if entry.embedded and file.exists() else entry.megabytes
    digest = expected().get(path, "not shipped")[:16] if entry.embedded else "checked by the hub"
    where = f"weights/{entry.role}" if entry.embedded else entry.hub
    return entry.role, entry.scale, entry.kind, f"{megabytes:.1f}", entry.licence, where, digest


def table() -> str:
    """The registry in aligned columns."""
    rows = [HEADINGS, *map(row, REGISTRY)]
    widths = [max(len(cells[k]) for cells in rows) for k in range(len(HEADINGS))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(cells, widths, strict=True)).rstrip() for cells in rows)


if __name__ == "__main__":
    print(table())
