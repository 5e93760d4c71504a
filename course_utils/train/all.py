"""All trainings in order, each where it stopped, and none that is up to date.

    python -m course_utils.train.all                      # make train: hours on two CPU cores
    python -m course_utils.train.all --only lcm dmd       # these alone; what they need must be there
    python -m course_utils.train.all --smoke              # make train-smoke: a few steps of each, in a temporary folder
    python -m course_utils.train.all --table              # parameters, megabytes, steps, minutes

A run is up to date if it came to its end with the same options (those of `course_utils.train.stages`) and from the same
weights of the runs it needs, and its model is still what it was. One that was interrupted goes on. One whose options or
inputs have changed begins anew, and the old folder stays beside it. Nothing is written over the shipped weights:
`course_utils.train.ship` does that, when told to.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from course_utils.models.weights import FOLDER, sha256
from course_utils.train.stages import STAGES, Stage, stage

RECORD = "stage.json"
State = Literal["up to date", "new", "goes on", "changed"]
Runner = Callable[[list[str]], None]


class StageError(RuntimeError):
    """A training failed, or lacks what it needs; the message says what to do."""


def fingerprint(folder: Path) -> str:
    """Sixteen hexadecimal digits that change with any weights' file in `folder`; empty if there is none."""
    digests = [path.name + sha256(path) for path in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16] if digests else ""


def wanted(one: Stage, runs: Path) -> dict[str, Any]:
    """What a run of this stage would be made of now: its options, and the weights it would begin with.

    Raises `StageError` if a stage that it needs has made none.
    """
    inputs = {name: fingerprint(runs / name / "model") for name in one.needs}
    if missing := [name for name, digits in inputs.items() if not digits]:
        raise StageError(f"{one.name} needs {', '.join(missing)}: train that first, with --only {' '.join(missing)}")
    return {"recipe": one.recipe, "options": one.options, "inputs": inputs}


def state(one: Stage, runs: Path) -> State:
    """Whether there is anything to do."""
    out = runs / one.name
    if not (out / RECORD).exists():  # begun by hand, perhaps: its recipe takes it up
        return "goes on" if (out / "checkpoint.pt").exists() else "new"
    record = json.loads((out / RECORD).read_text())
    if {key: record.get(key) for key in ("recipe", "options", "inputs")} != wanted(one, runs):
        return "changed"
    made = fingerprint(out / "model")
    return "up to date" if made and made == record.get("model") else "goes on"


def command(one: Stage, runs: Path, smoke: bool = False) -> list[str]:
    """The command line that trains a stage. A smoke run has no steps that are kept: it begins with the last."""
    paths = {option: re.sub("/snapshots/.*", "/model", path) if smoke else path for option, path in one.inputs.items()}
    inputs = [word for option, path in paths.items() for word in (option, str(runs / path))]
    tiny = ["--smoke", *one.smoke.split()] if smoke else []
    return [sys.executable, "-m", f"course_utils.train.{one.recipe}", "--out", str(runs / one.name), "--cache",
            str(runs / "cache"), *one.options.split(), *inputs, *tiny]


def set_aside(out: Path) -> Path:
    """Rename a run's folder to the first free `NAME.old-K`."""
    k = 1
    while (aside := out.with_name(f"{out.name}.old-{k}")).exists():
        k += 1
    return out.rename(aside)


def train(one: Stage, runs: Path, runner: Runner, smoke: bool = False) -> State:
    """Train a stage if there is anything to do, and record what it was made of. Returns the state before."""
    made_of, before = wanted(one, runs), state(one, runs)
    if before == "up to date":
        return before
    out = runs / one.name
    if before == "changed":
        print(f"{one.name}: options or inputs have changed; the old run is kept in {set_aside(out)}", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / RECORD).write_text(json.dumps(made_of, indent=1) + "\n")
    runner(command(one, runs, smoke))
    if not (digits := fingerprint(out / "model")):
        raise StageError(f"{one.name} ended and left no weights in {out / 'model'}")
    (out / RECORD).write_text(json.dumps({**made_of, "model": digits}, indent=1) + "\n")
    return before


def in_process_of_its_own(words: list[str]) -> None:
    """Run a command. Raises `StageError` if it fails: the same command goes on from its last checkpoint."""
    print(" ".join(words[1:]), flush=True)
    if code := subprocess.run(words).returncode:
        raise StageError(f"{words[2]} ended with code {code} (see above); the same command goes on where it stopped")


def train_all(stages: Iterable[Stage], runs: Path, runner: Runner, smoke: bool = False) -> None:
    """Each stage in turn; the first that fails ends it."""
    for one in stages:
        before = train(one, runs, runner, smoke)
        print(f"{one.name}: {before if before == 'up to date' else 'done'}", flush=True)


def smoke_all(stages: Iterable[Stage], runner: Runner) -> None:
    """A few steps of each stage in a temporary folder. Raises `StageError` if that changed a shipped file."""
    before = _shipped()
    with tempfile.TemporaryDirectory() as folder:
        train_all(stages, Path(folder), runner, smoke=True)
    if _shipped() != before:
        raise StageError(f"a recipe wrote into {FOLDER}: recipes write to --out alone")


def _shipped() -> dict[Path, str]:
    return {path: sha256(path) for path in sorted(FOLDER.rglob("*")) if path.is_file() and path.suffix != ".pyc"}


def main(argv: Sequence[str] | None = None, runner: Runner = in_process_of_its_own) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these trainings, in the given order")
    parser.add_argument("--smoke", action="store_true", help="a few tiny steps of each, in a temporary folder")
    parser.add_argument("--table", action="store_true", help="print what each costs, and train nothing")
    options = parser.parse_args(argv)
    try:
        chosen = tuple(stage(name) for name in options.only) if options.only else STAGES
        if options.table:
            from course_utils.train import budget  # needs torch and every network; seconds

            print(budget.table(chosen))
        elif options.smoke:
            smoke_all(chosen, runner)
        else:
            train_all(chosen, options.runs, runner)
    except (StageError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
