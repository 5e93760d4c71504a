"""From the shipped weights to the files that the page's models are made of: `python -m course_utils.demos export`.

Readers build the book without torch, so the files are committed; a test fails when the weights have moved on. What is
in step already is left alone. `models.json` says what there is, what it was made from and what it weighs.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor, nn

from course_utils.critters import render, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.demos import control, fineness, graphs, packing, sketch, web
from course_utils.demos.parts import BASE, PARTS, example, model_of
from course_utils.models import lowrank
from course_utils.models.registry import entry, weights_name
from course_utils.models.registry import roles as known_roles
from course_utils.models.tokenizer import LENGTH, build
from course_utils.models.weights import FOLDER as SHIPPED
from course_utils.models.weights import expected, sha256, shipped, verified

FOLDER = web.FOLDER / "models"
INDEX, TOKENIZER, SCENES, POSES, EDGES = "models.json", "tokenizer.json", "scenes.png", "poses.json", "edges.png"


STUDENTS = ("lcm", "adversarial", "flow", "reflow", "flow_consistency")
"""Differences that the page carries: both ways to few steps, straighter paths and leaps, and three kinds of leap. Not
`dmd`: it hangs on its weights' last digits, and with the page's, which are coarse, backgrounds change their colour."""

RANKS = {"reflow": 10, "flow_consistency": 10}
"""Of which the page keeps less than is shipped, five sixths of the bytes: at four evaluations their pictures are 30
and 34 dB from the package's (mean of 8; the worst 24), those of `adversarial` 30, of `lcm` 32 (the worst 20 and 23)."""


FINER = {"adversarial": 2, "lcm": 2}
"""How many times as finely as the base the factors are kept, of the students that most demos draw with."""


def students() -> list[str]:
    """Those that are shipped, as a difference to the base or to one that is: they share its graph."""
    return [name for name in STUDENTS if shipped(name) and weights_name(entry(name, "critters")) == lowrank.FILE]


def chain(name: str) -> list[str]:
    """The roles that a model's weights are added up from, itself last."""
    base = entry(name, "critters").base
    return [*(chain(base) if base else []), name]


def exportable() -> list[str]:
    """What can be exported from this copy of the course."""
    return [name for name, part in PARTS.items() if shipped(part.role)] + students() + control.names(students())


def sources(name: str) -> dict[str, str]:
    """The hashes of the weights that a model of the page is made from."""
    student = chain(name) if name in students() else None
    roles = [PARTS[name].role] if name in PARTS else student or control.roles(name)
    return {path: value for path, value in expected().items()
            if path.split("/")[0] in roles and path.endswith(".safetensors")}  # fmt: skip


def export_part(name: str, folder: Path) -> dict[str, Any]:
    """Write graph and weights of a model, and return its entry in the index."""
    part, graph, weights = PARTS[name], f"{name}.onnx.gz", f"{name}.safetensors.gz"
    model = model_of(part.role)
    traced = graphs.traced(part.module(model), example(part.inputs), part.outputs)
    slots, tensors = graphs.detached(traced, part.network(model).state_dict())
    packing.compress(folder / graph, traced.SerializeToString(deterministic=True))
    packing.write(folder / weights, packing.packed(tensors, fineness.steps_of(part.role)), slots)
    return {"graph": graph, "weights": [weights], "parameters": sum(value.size for value in tensors.values()),
            "inputs": {key: list(shape) for key, shape in part.inputs.items()}, "outputs": list(part.outputs)}


def export_student(name: str, folder: Path) -> dict[str, Any]:
    """Write a student's difference to the base, whose graph and weights it shares."""
    kept = lowrank.cut(lowrank.read(verified(f"{name}/{lowrank.FILE}"))[0], RANKS.get(name))
    packing.write(folder / f"{name}.safetensors.gz", control.packed_difference(kept, FINER.get(name, 1)))
    return {**index(folder)[BASE], **how_kept(name), "weights": [f"{role}.safetensors.gz" for role in chain(name)]}


def how_kept(name: str) -> dict[str, float]:
    """In what the page's difference is other than the package's or the base's: its rank, its fineness."""
    return {key: table[name] for key, table in (("rank", RANKS), ("finer", FINER)) if name in table}


def reference(name: str) -> tuple[nn.Module, dict[str, Tensor]]:
    """What a model of the page is in PyTorch, and inputs to compare the two by."""
    if name in control.names(students()):
        return control.reference(name), example(control.SHAPES[control.parts_of(name)[0]])
    part = PARTS.get(name, PARTS[BASE])
    return part.module(model_of(part.role if name in PARTS else name)), example(part.inputs)


def index(folder: Path = FOLDER) -> dict[str, Any]:
    """What there is, by name; empty before the first export."""
    file = folder / INDEX
    return dict(json.loads(file.read_text())) if file.exists() else {}


def in_step(name: str, found: dict[str, Any]) -> bool:
    """Whether a model's files come from the weights that this copy of the course holds, cut as it cuts them."""
    facts = found.get(name, {})
    kept = {key: facts[key] for key in ("rank", "finer") if key in facts}
    return facts.get("made_from") == sources(name) and kept == how_kept(name)


def export(folder: Path = FOLDER, again: bool = False) -> Iterator[str]:
    """Write what is missing or out of step (with `again`, everything), and yield what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    before = {file for facts in index(folder).values() for file in facts["bytes"]}
    for name in exportable():
        found = index(folder)
        if in_step(name, found) and not again:
            continue
        writer = export_part if name in PARTS else export_student if name in students() else control.write
        facts = writer(name, folder)
        found[name] = {**facts, "use": usage(name), "made_from": sources(name)}
        found = {known: found[known] for known in exportable() if known in found}
        listed = {known: weighed(facts, folder) for known, facts in found.items()}
        (folder / INDEX).write_text(json.dumps(listed, indent=1) + "\n")
        yield name
    forget(folder, before)
    write_tokenizer(folder)
    write_scenes(folder)
    Image.fromarray(sketch.samples(control.SIZE)).save(folder / EDGES, optimize=True)
    (folder / POSES).write_text(json.dumps(control.poses(), separators=(",", ":")) + "\n")


def tighten(folder: Path = FOLDER) -> list[str]:
    """The same models in fewer bytes, which takes minutes (`packing.tightened`), and the index weighed anew. Returns
    the files that became smaller; what was tightened before stays as it is, also when a run was cut off half-way."""
    files = sorted({file for facts in index(folder).values() for file in facts["bytes"]})
    smaller = [file for file in files if packing.tightened(folder / file)]
    listed = {name: weighed(facts, folder) for name, facts in index(folder).items()}
    (folder / INDEX).write_text(json.dumps(listed, indent=1) + "\n")
    return smaller


def forget(folder: Path, before: set[str]) -> None:
    """Take out of the index, and of the folder, what is no longer exported: of files that an index named, no others."""
    found = {name: facts for name, facts in index(folder).items() if name in exportable()}
    (folder / INDEX).write_text(json.dumps(found, indent=1) + "\n")
    used = {file for facts in found.values() for file in facts["bytes"]}
    for name in sorted(before - used):
        (folder / name).unlink(missing_ok=True)


def weighed(facts: dict[str, Any], folder: Path) -> dict[str, Any]:
    """With the size of each file, and a stamp that changes with it, by which the page asks for the file: so no cache
    mixes two versions, and what several models need is fetched once."""
    files = [folder / file for file in (facts["graph"], *facts["weights"])]
    return {**facts, "bytes": {file.name: file.stat().st_size for file in files},
            "stamps": {file.name: sha256(file)[:8] for file in files}}


def usage(name: str) -> dict[str, Any]:
    """With which sampler, steps and guidance scale a denoiser is used."""
    role = PARTS[name].role if name in PARTS else name
    if name == "controlled" or name.startswith("controlled_"):
        role = control.parts_of(name)[1] or BASE
    if role not in known_roles() or not entry(role, "critters").objective:
        return {}
    chosen = entry(role, "critters")
    return {"sampler": chosen.sampler, "steps": chosen.steps, "guidance": chosen.guidance}


def write_tokenizer(folder: Path) -> None:
    """Vocabulary in the order of its indices, merges in the order of their ranks."""
    words = build()
    vocabulary = sorted(words.get_vocab(), key=words.get_vocab().__getitem__)
    merges = json.loads((SHIPPED / "clip" / "tokenizer.json").read_text())["model"]["merges"]
    content = {"length": LENGTH, "vocabulary": vocabulary, "merges": merges}
    (folder / TOKENIZER).write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_scenes(folder: Path) -> None:
    """Six held-out scenes side by side, which the zip file begins with."""
    pictures = [render(scene) for scene in sample(6, HELD_OUT_SEED)]
    Image.fromarray(np.hstack(pictures)).save(folder / SCENES, optimize=True)
