"""Put a trained model into the package: half precision, hashes, and no card yet (see `course_utils.train.card`).

    python -m course_utils.train.ship vae runs/vae
    python -m course_utils.train.card vae

The training curve goes along (`curve.csv`).
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
from pathlib import Path
from typing import Any

import torch

from course_utils.models.weights import FOLDER, SUMS, sha256
from course_utils.train.common import read_log

HASHED = (".safetensors", ".json")
DERIVED = ("card.json", "recipe.json")
"""Files that describe the weights and are not read by a program: they carry no hash."""

LOCAL = ("out", "cache", "resume", "smoke", "every")
"""Options that say where and how, not what."""


def ship(role: str, run: Path, folder: Path = FOLDER) -> list[Path]:
    """Copy RUN/model and the training curve to `folder`/`role`, then record the hashes. Returns the files.

    Raises `FileNotFoundError` if the run has written no model: it is not finished.
    """
    if not (run / "model").is_dir():
        raise FileNotFoundError(f"{run / 'model'} is not there: the run is not finished; its command goes on with it")
    target = folder / role
    target.mkdir(parents=True, exist_ok=True)
    sources = sorted(path for path in (run / "model").iterdir() if path.suffix in HASHED)
    for source in sources:
        shutil.copyfile(source, target / source.name)
        (target / source.name).chmod(0o644)
    _ship_curve(run, target)
    record(folder)
    return [target / source.name for source in sources]


def _ship_curve(run: Path, target: Path) -> None:
    """The log's rows, at most 200 of them, beside the weights, and the options of the run."""
    text = (run / "log.csv").read_text().splitlines()
    stride = -(-(len(text) - 1) // 200) or 1
    kept = [text[0], *[line for k, line in enumerate(text[1:], 1) if k % stride == 0 or k == len(text) - 1]]
    (target / "curve.csv").write_text("\n".join(kept) + "\n")
    (target / "recipe.json").write_text(json.dumps(recipe(target.name, run), indent=1) + "\n")


def recipe(role: str, run: Path) -> dict[str, Any]:
    """How the run was made, from its checkpoint and its log: the options that matter, and the hours it took."""
    state = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    stages = state.get("stages") or [{"from": 0, **state["options"]}]
    last = read_log(run / "log.csv")[-1]
    gpu = torch.cuda.is_available()
    return {"command": f"python -m course_utils.train.{role}", "options": told(stages), "steps": state["step"],
            "seed": int(stages[-1]["seed"]), "scenes": int(stages[-1]["scenes"]),
            "hours": round(last["seconds"] / 3600, 2),
            "device": torch.cuda.get_device_name() if gpu else f"a CPU ({platform.machine()})"}


def told(stages: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Options by the step from which they held; a later stage names only what changed."""
    story: dict[str, dict[str, str]] = {}
    before: dict[str, str] = {}
    for stage in stages:
        options = {name: str(value) for name, value in stage.items() if name not in (*LOCAL, "from")}
        changed = {name: value for name, value in options.items() if before.get(name) != value}
        if changed:
            story[f"from step {stage['from']}"] = changed
        before = options
    return story


def record(folder: Path = FOLDER) -> None:
    """Write the hashes of every shipped file, sorted."""
    files = sorted(path for path in folder.glob("*/*") if path.suffix in HASHED and path.name not in DERIVED)
    sums = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
    (folder / SUMS).write_text(json.dumps(sums, indent=1) + "\n")


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", help="vae or critic")
    parser.add_argument("run", type=Path, help="the folder that the recipe wrote (--out)")
    options = parser.parse_args(argv)
    for path in ship(options.role, options.run):
        print(f"{path}  {path.stat().st_size / 1e6:.2f} MB  {sha256(path)[:16]}")
    steps = int(read_log(options.run / "log.csv")[-1]["step"])
    print(f"shipped after {steps:,} steps; now measure: python -m course_utils.train.card {options.role}")


if __name__ == "__main__":
    main()
