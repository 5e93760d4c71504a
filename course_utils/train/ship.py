"""Put a trained model into the package: half precision, hashes, and no card yet (see `course_utils.train.card`).

    python -m course_utils.train.ship vae runs/vae
    python -m course_utils.train.ship controlnet runs/controlnet_pose --condition pose --rank 16
    python -m course_utils.train.card vae

With `--rank` only what training changed is kept, as a low-rank difference to the shipped base (`models.lowrank`); how
much of the change that keeps is printed, and what it costs in quality the card measures. The base is shipped first, and
when it changes, the differences to it are shipped anew. The training curve goes along (`curve.csv`).
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from course_utils.models import lowrank
from course_utils.models.registry import REGISTRY, Entry, entry
from course_utils.models.weights import FOLDER, SUMS, sha256
from course_utils.train.common import name_of, read_log
from course_utils.train.portable import WEIGHTS

HASHED = (".safetensors", ".json", ".txt")
DERIVED = ("card.json", "recipe.json")
"""Files that describe the weights and are not read by a program: they carry no hash."""

MEASURES = ("critic", "dense")
"""Networks of `course_utils.measure`: no roles, and classes of their own."""

LOCAL = ("out", "cache", "resume", "smoke", "every", "snapshots", "device")
"""Options that say where and how, not what."""

FOLDERS = ("clip", "vae", "base", "teacher", "start", "equal")
"""Options that name another run's folder: told by the run's name, for where it lay is nobody's business."""


def ship(
    role: str, run: Path, folder: Path = FOLDER, condition: str | None = None, rank: int | None = None
) -> list[Path]:
    """Put RUN/model and the training curve into `folder`, then record the hashes. Returns the files that carry one.

    Args:
        role: of the registry, or of `MEASURES`.
        run: the folder that the recipe wrote.
        condition: of a ControlNet.
        rank: keep only a difference of this rank to the shipped base; `None`: the whole model.

    Raises:
        FileNotFoundError: the run has written no model, it is not finished; the base is not shipped.
        ValueError: unknown role or condition; a rank where there is no base; weights that are not finite.
    """
    source, name = run / "model", folder_of(role, condition)
    if not source.is_dir():
        raise FileNotFoundError(f"{source} is not there: the run is not finished; its command goes on with it")
    sources = sorted(path for path in source.iterdir() if path.suffix in HASHED)
    refuse_nan([path for path in sources if path.suffix == ".safetensors"])
    kept = None if rank is None else low_rank(entry(role, "critters", condition), source / WEIGHTS, folder, rank)
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    for file in target.iterdir():  # what an earlier shipping left
        if file.suffix in HASHED and file.name not in DERIVED:
            file.unlink()
    if kept:
        sources = [path for path in sources if path.name == "config.json"]
        lowrank.write(target / lowrank.FILE, kept[0], **{name: str(value) for name, value in kept[1].items()})
    for path in sources:
        shutil.copyfile(path, target / path.name)
    for file in target.iterdir():
        file.chmod(0o644)
    _ship_curve(run, target, {**recipe(role, run, condition), **({"low_rank": kept[1]} if kept else {})})
    record(folder)
    return sorted(path for path in target.iterdir() if path.suffix in HASHED and path.name not in DERIVED)


def folder_of(role: str, condition: str | None = None) -> str:
    """The folder of a role in `weights`. Raises `ValueError` that lists the roles."""
    if role in MEASURES:
        return role
    known = sorted({e.role for e in REGISTRY if e.embedded} | set(MEASURES))
    if role not in known:
        raise ValueError(f"no role called {role!r}; known ones: {', '.join(known)}")
    return entry(role, "critters", condition).folder


def refuse_nan(files: list[Path]) -> None:
    """Raise `ValueError` for weights that are not finite."""
    for file in files:
        broken = [name for name, value in load_file(file).items() if not bool(torch.isfinite(value).all())]
        if broken:
            raise ValueError(f"{file} holds NaN or infinite numbers ({broken[0]}): the training diverged, or half"
                             " precision overflowed; ship an earlier checkpoint")


def low_rank(chosen: Entry, weights: Path, folder: Path, rank: int) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The difference of a run's weights to the shipped base's, and facts: base, its hash, rank, share of the change."""
    if not chosen.base:
        raise ValueError(f"the role {chosen.role!r} has no base to be a difference to: ship it without --rank")
    base = lowrank.file(folder / entry(chosen.base, "critters").folder)
    if not base.is_file():
        raise FileNotFoundError(f"{base} is not there: ship {chosen.base} first, this is a difference to it")
    tuned, origin = load_file(weights), lowrank.whole(folder, base.parent.name)
    kept = lowrank.difference(tuned, origin, rank)
    return kept, {"base": chosen.base, "base_sha256": sha256(base), "rank": rank,
                  "share_of_change_kept": round(lowrank.share_kept(tuned, origin, kept), 4)}


def stale(folder: Path = FOLDER) -> list[str]:
    """Folders whose weights are a difference to a base that has changed since: they do not load."""
    facts = {path.parent.name: lowrank.read(path)[1] for path in sorted(folder.glob(f"*/{lowrank.FILE}"))}
    return [name for name, fact in facts.items()
            if sha256(lowrank.file(folder / fact["base"])) != fact["base_sha256"]]


def _ship_curve(run: Path, target: Path, made: dict[str, Any]) -> None:
    """The log's rows, at most 200 of them, beside the weights, and how they were made."""
    text = (run / "log.csv").read_text().splitlines()
    stride = -(-(len(text) - 1) // 200) or 1
    kept = [text[0], *[line for k, line in enumerate(text[1:], 1) if k % stride == 0 or k == len(text) - 1]]
    (target / "curve.csv").write_text("\n".join(kept) + "\n")
    (target / "recipe.json").write_text(json.dumps(made, indent=1) + "\n")


def recipe(role: str, run: Path, condition: str | None = None) -> dict[str, Any]:
    """How the run was made, from its checkpoint and its log: the options that matter, and the hours it took."""
    command = role if role in MEASURES else entry(role, "critters", condition).recipe
    state = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    stages = state.get("stages") or [{"from": 0, **state["options"]}]
    last, here = read_log(run / "log.csv")[-1], name_of(torch.device("cpu"))  # older checkpoints do not say
    return {"command": f"python -m course_utils.train.{command}", "options": told(stages), "steps": state["step"],
            "seed": int(stages[-1]["seed"]), "scenes": int(stages[-1]["scenes"]),
            "hours": round(last["seconds"] / 3600, 2),
            "device": " and ".join(dict.fromkeys(stage.get("device", here) for stage in stages))}


def told(stages: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Options by the step from which they held; a later stage names only what changed."""
    story: dict[str, dict[str, str]] = {}
    before: dict[str, str] = {}
    for stage in stages:
        options = {name: _name(str(value)) if name in FOLDERS else str(value)
                   for name, value in stage.items() if name not in (*LOCAL, "from")}
        changed = {name: value for name, value in options.items() if before.get(name) != value}
        if changed:
            story[f"from step {stage['from']}"] = changed
        before = options
    return story


def _name(folder: str) -> str:
    """`clip` of `runs/clip/model`, `lcm, step 2000` of `runs/lcm/snapshots/002000`; `None`, which stands for the
    shipped model or for none, as it is."""
    path = Path(folder)
    if path.parent.name == "snapshots":
        return f"{path.parents[1].name}, step {int(path.name)}"
    return path.parent.name if path.name == "model" else path.name


def record(folder: Path = FOLDER) -> None:
    """Write the hashes of every shipped file, sorted."""
    files = sorted(path for path in folder.glob("*/*") if path.suffix in HASHED and path.name not in DERIVED)
    sums = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
    (folder / SUMS).write_text(json.dumps(sums, indent=1) + "\n")


def main(argv: list[str] | None = None, folder: Path = FOLDER) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", help=f"a role of the registry, or {' or '.join(MEASURES)}")
    parser.add_argument("run", type=Path, help="the folder that the recipe wrote (--out)")
    parser.add_argument("--condition", help="of a ControlNet: pose, edge or depth")
    parser.add_argument("--rank", type=int, help="keep only a difference of this rank to the shipped base")
    options = parser.parse_args(argv)
    try:
        files = ship(options.role, options.run, folder, options.condition, options.rank)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    for path in files:
        print(f"{path}  {path.stat().st_size / 1e6:.2f} MB  {sha256(path)[:16]}")
    made = json.loads((files[0].parent / "recipe.json").read_text())
    if "low_rank" in made:
        print(f"rank {options.rank} keeps {made['low_rank']['share_of_change_kept']:.1%} of the squared change")
    for name in stale(folder):
        print(f"{name} is a difference to an older base: ship it anew, until then it does not load")
    print(f"shipped after {made['steps']:,} steps; now measure: python -m course_utils.train.card {options.role}")


if __name__ == "__main__":
    main()
