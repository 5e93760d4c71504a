"""The models from the command line.

    python -m course_utils.models                                       # roles, scales, sizes, licences, hashes
    python -m course_utils.models check                                 # asks the hub which of its models still exist
    python -m course_utils.models export ROLE FOLDER                    # a folder that the stock pipelines load
    python -m course_utils.models export controlnet FOLDER --condition pose
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_utils.models import check, weights
from course_utils.models.export import export
from course_utils.models.registry import REGISTRY, Entry, available, weights_name
from course_utils.models.weights import expected

HEADINGS = ("role", "scale", "class", "MB", "MB on a GPU", "licence", "where", "SHA-256")


def row(entry: Entry) -> tuple[str, ...]:
    """An entry's cells; size and hash of an embedded model are those of its file."""
    role = f"{entry.role} ({entry.condition})" if entry.condition else entry.role
    path = f"{entry.folder}/{weights_name(entry)}"
    megabytes = (weights.FOLDER / path).stat().st_size / 1e6 if entry.embedded else entry.megabytes
    digest = expected()[path][:16] if entry.embedded else "checked after fetching"
    where = f"weights/{entry.folder}" if entry.embedded else entry.hub
    there = f"{entry.gpu_megabytes:.0f}" if entry.parameters else ""
    return role, entry.scale, entry.kind, f"{megabytes:.1f}", there, entry.licence, where, digest


def table() -> str:
    """What can be loaded, in aligned columns; below it, the roles whose weights are not in this copy."""
    rows = [HEADINGS, *map(row, available())]
    widths = [max(len(cells[k]) for cells in rows) for k in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(cells, widths, strict=True)).rstrip() for cells in rows]
    absent = [entry.name for entry in REGISTRY if entry not in available()]
    return "\n".join([*lines, *([f"not in this copy: {', '.join(absent)}"] if absent else [])])


def main(argv: list[str] | None = None) -> int:
    """The command line; without arguments, the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command")
    ask = commands.add_parser("export", help="write a model as a folder of the stock libraries")
    ask.add_argument("role")
    ask.add_argument("folder", type=Path)
    ask.add_argument("--condition", help="of a ControlNet: pose, edge or depth")
    commands.add_parser("check", help="ask the hub which models still exist")
    options = parser.parse_args(argv)
    if options.command == "check":
        return check.main()
    if options.command is None:
        print(table())
        return 0
    try:
        print(f"wrote {export(options.role, options.folder, options.condition)}: see the README there")
    except (ValueError, RuntimeError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
