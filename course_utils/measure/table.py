"""One row for each embedded model, from its card's facts or from fresh ones: the table of the book's models page.

    python -m course_utils.measure report                    # all that ship, as their cards were measured: hours
    python -m course_utils.measure report lcm vae --n 200    # these alone, on fewer scenes: only printed
    python -m course_utils.measure report --cards            # nothing is measured: the cards' own numbers, in a table

Whole reports are written to `models/weights/report.json`, which the book reads.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from course_utils.measure.frechet import FOR_CARDS
from course_utils.models.weights import FOLDER, card

Facts = Mapping[str, Any]
FILE = "report.json"

SHOWN: dict[str, tuple[str, ...]] = {
    "critic": ("on_renders.species", "on_renders.texture", "on_renders.stance", "on_renders.keypoint_error"),
    "dense": ("on_renders.edge_f1.mean", "on_reconstructions.edge_f1.mean", "on_renders.depth_error.mean"),
    "vae": ("psnr", "ssim", "critic_on_reconstructions.texture"),
    "clip": ("retrieval_top_1", "choices", "probes.species", "probes.stance", "probes.facing"),
    "preview": ("psnr", "psnr_of_vae", "psnr_between"),
    "controlnet": ("controlled.median", "base.median", "renders.median", "mean_accuracy"),
}
"""The facts that stand for a model, by the first word of its folder's name; those below for every denoiser."""

OF_DENOISER = ("guidance", "evaluations", "mean_accuracy", "frechet", "frechet_floor", "kid", "kid_standard_error",
               "diversity.of_world")


def shown(name: str) -> tuple[str, ...]:
    """The facts that stand for the model called `name`."""
    return SHOWN.get(name.split("_")[0] if name.startswith("controlnet") else name, OF_DENOISER)


def fact(facts: Facts, path: str) -> float:
    """The number at a path of names parted by dots. Raises `KeyError` that names the path."""
    value: Any = facts
    for step in path.split("."):
        if step not in value:
            raise KeyError(f"no fact called {path!r}")
        value = value[step]
    return float(value)


def row(name: str, facts: Facts) -> dict[str, Any]:
    """A model's row: its name, n, and the facts that stand for it."""
    return {"model": name, "n": int(facts["n"]), **{path: fact(facts, path) for path in shown(name)}}


def as_text(rows: Sequence[Facts]) -> str:
    """Rows for a terminal, three significant digits."""
    lines = []
    for one in rows:
        numbers = ", ".join(f"{path.replace('_', ' ').replace('.', ' · ')} {value:.3g}"
                            for path, value in one.items() if path not in ("model", "n"))
        lines.append(f"{one['model']} (n {one['n']:,}): {numbers}")
    return "\n".join(lines)


def main(argv: list[str] | None = None, folder: Path = FOLDER) -> None:
    """Measure (or read the cards), print, and write the table if every model is in it."""
    from course_utils.measure import report

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"by default all: {', '.join(report.shipped())}")
    parser.add_argument("--n", type=int, default=FOR_CARDS, help="held-out scenes (default %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="where renders and features are kept")
    parser.add_argument("--cards", action="store_true", help="take the numbers of the cards")
    options = parser.parse_args(argv)
    for name in options.names:
        report.known(name)
    rows = []
    for name in options.names or report.shipped():
        facts = card(name)["measured"] if options.cards else report.measured(name, options.n, options.cache)
        rows.append(row(name, facts))
        print(as_text(rows[-1:]), flush=True)
    if not options.names and (options.cards or options.n >= FOR_CARDS):  # fewer are a look, not what the book quotes
        write(rows, folder)


def write(rows: Sequence[Facts], folder: Path = FOLDER) -> Path:
    """Write the table, three significant digits."""
    path = folder / FILE
    rounded = [{k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in one.items()} for one in rows]
    path.write_text(json.dumps(rounded, indent=1) + "\n")
    return path
