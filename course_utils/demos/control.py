"""ControlNets for the page: one graph for all of them, the base's own numbers, and a small file of what each changed.

Three graphs, since a map need be read only once while a picture takes many steps: the hint encoder, the copy of the
base's encoder, and the base with room for the copy's answers. They have no weights of their own: what each needs lies
in the base's file and in the ControlNet's difference to it, and their own files hold little but the order in which the
graph wants it. The checkpoints of the training run are such differences too, of a lower rank.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models import ControlNetModel
from torch import Tensor, nn

from course_utils.critters import KEYPOINTS, Scene, keypoints
from course_utils.critters.controls import BONES
from course_utils.critters.scene import FACINGS, SPECIES, STANCES
from course_utils.demos import fineness, graphs, packing
from course_utils.demos.parts import BASE, LATENT, PICTURE, STATES, example, model_of
from course_utils.models import lowrank
from course_utils.models.registry import entry, weights_name
from course_utils.models.weights import FOLDER as SHIPPED
from course_utils.models.weights import shipped, verified

CONDITIONS = ("pose", "edge")
"""Whose ControlNets the page carries."""

CHECKPOINTS = {"pose": (300, 450, 600, 900)}
"""Steps of the training run after which the page can look at it; before them lies the start, where a ControlNet does
nothing, after them the shipped model: six places in all."""

RUNS = Path(__file__).resolve().parents[2] / "runs"
RANK = 12
"""Of a checkpoint's difference; the shipped model's is whole."""

QUICK = "lcm"
"""The student that draws while a joint is dragged."""

SIZE = 0.65
"""Height of an animal whose caption mentions none."""

SMALL = 256
"""Numbers from which a factor is kept in 8 bits: there are many small ones."""

ADDED = {f"added_{k}": (1, *shape) for k, shape in enumerate(
    [(48, 16, 16), (48, 16, 16), (48, 8, 8), (80, 8, 8), (80, 4, 4), (128, 4, 4), (128, 4, 4)])}  # fmt: skip
"""What a ControlNet answers: for each skip connection of the U-Net, and for its middle."""

HINT = (1, 48, 16, 16)
SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "hint": {"shown": PICTURE},
    "control": {"z": LATENT, "t": (1,), "states": STATES, "hint": HINT, "scale": (1,)},
    "controlled": {"z": LATENT, "t": (1,), "states": STATES, **ADDED},
}
OUTPUTS = {"hint": ("hint",), "control": tuple(ADDED), "controlled": ("predicted",)}
MODULES: dict[str, type[nn.Module]] = {
    "hint": graphs.Hint, "control": graphs.Control, "controlled": graphs.Controlled}  # fmt: skip


def conditions() -> list[str]:
    """Of the ControlNets that are shipped as a difference to the base."""
    return [name for name in CONDITIONS if shipped(f"controlnet_{name}")
            and weights_name(entry("controlnet", "critters", name)) == lowrank.FILE]  # fmt: skip


def differences() -> list[str]:
    """The ControlNets of the page: `controlnet_pose`, and its checkpoints, `controlnet_pose_0150`."""
    return [f"controlnet_{name}{f'_{step:04d}' if step else ''}" for name in conditions()
            for step in (0, *CHECKPOINTS.get(name, ()))]  # fmt: skip


def names(students: list[str]) -> list[str]:
    """Models of the page that need a ControlNet: the base with room for its answers, students, hints and copies."""
    if not (found := differences()):
        return []
    steered = ["controlled", *(f"controlled_{name}" for name in students if name == QUICK)]
    return [*steered, *(kind + name for name in found for kind in ("", "hint_"))]


def parts_of(name: str) -> tuple[str, str]:
    """Graph of a model of the page, and whose difference it is made with: the file's name, or none."""
    if name.startswith("controlled"):
        return "controlled", name.removeprefix("controlled").removeprefix("_")
    return ("hint", name.removeprefix("hint_")) if name.startswith("hint_") else ("control", name)


def roles(name: str) -> list[str]:
    """The shipped weights that a model is made from."""
    graph, changed = parts_of(name)
    shipped_as = changed.rpartition("_")[0] if changed[-4:].isdigit() else changed
    return [*([BASE] if graph != "hint" else []), *([shipped_as] if shipped_as else [])]


def kept_of(name: str) -> dict[str, Tensor]:
    """The difference of a ControlNet to the base: of a checkpoint, out of the training run's folder.

    Raises `FileNotFoundError` if that run is not here.
    """
    if not name[-4:].isdigit():
        return lowrank.read(verified(f"{name}/{lowrank.FILE}"))[0]
    run, _, step = name.rpartition("_")
    folder = RUNS / run / "snapshots" / f"00{step}"
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not here: train it again, keeping the steps {CHECKPOINTS} (--snapshots)")
    return lowrank.difference(state_of(folder), model_of(BASE).state_dict(), RANK)


def state_of(folder: Path) -> dict[str, Tensor]:
    """Weights of a ControlNet in a folder."""
    return dict(ControlNetModel.from_pretrained(folder, local_files_only=True).state_dict())


def packed_difference(kept: Mapping[str, Tensor], finer: float = 1) -> dict[str, np.ndarray]:
    """A difference to the base as its file keeps it: factors about as fine as the base's own tensors are kept, or
    `finer` so many times."""
    tensors = {key: value.float().numpy() for key, value in kept.items()}
    steps = {name: step / finer for name, step in fineness.of_factors(tensors, fineness.steps_of(BASE)).items()}
    return packing.packed(tensors, steps, matrices_from=SMALL)


def write_difference(name: str, folder: Path) -> str:
    """Write what a ControlNet changed, and return the file's name."""
    file = f"{name}.safetensors.gz"
    packing.write(folder / file, packed_difference(kept_of(name)))
    return file


def network(name: str) -> nn.Module:
    """The shipped network of a model of the page; for a checkpoint, that of the run's end."""
    graph, changed = parts_of(name)
    return model_of(changed or BASE) if graph == "controlled" else model_of("controlnet", changed.split("_")[1])


def write_graph(graph: str, shared: nn.Module, folder: Path) -> None:
    """Write a graph and, as its file of weights, their order and the few numbers that the exporter made."""
    traced = graphs.traced(MODULES[graph](shared), example(SHAPES[graph]), OUTPUTS[graph])
    slots, tensors = graphs.detached(traced, shared.state_dict())
    own = {key: value for key, value in tensors.items() if key not in shared.state_dict()}
    packing.compress(folder / f"{graph}.onnx.gz", traced.SerializeToString(deterministic=True))
    packing.write(folder / f"{graph}.safetensors.gz", packing.packed(own), slots)


def trained(name: str) -> int:
    """After how many steps of its training a ControlNet is what it is."""
    if name[-4:].isdigit():
        return int(name[-4:])
    return int(json.loads((SHIPPED / name / "recipe.json").read_text())["steps"])


def write(name: str, folder: Path) -> dict[str, Any]:
    """Write what a model needs beside the files of others, and return its entry in the index."""
    graph, changed = parts_of(name)
    shared = network(name)
    if name in ("controlled", *(f"{kind}{differences()[0]}" for kind in ("", "hint_"))):
        write_graph(graph, shared, folder)
    if graph == "control":
        write_difference(name, folder)
    files = [*([BASE] if graph != "hint" else []), *([changed] if changed else []), graph]
    counted = MODULES[graph](shared).parameters()
    return {"graph": f"{graph}.onnx.gz", "weights": [f"{file}.safetensors.gz" for file in files],
            **({"trained": trained(name)} if graph == "control" else {}),
            "parameters": sum(value.numel() for value in counted),
            "inputs": {key: list(shape) for key, shape in SHAPES[graph].items()}, "outputs": list(OUTPUTS[graph])}


def checkpoint(step: int, condition: str = "pose", folder: Path | None = None) -> Any:
    """The ControlNet as it was after some steps of its training: of what the page keeps of it, 8 bits and all.

        >>> draw.control = checkpoint(600)                                                 # doctest: +SKIP

    Raises `ValueError` for a step that was not kept.
    """
    from course_utils.demos.export import FOLDER

    file = (folder or FOLDER) / f"controlnet_{condition}_{step:04d}.safetensors.gz"
    if not file.exists():
        raise ValueError(f"no checkpoint after {step} steps; there are: {CHECKPOINTS.get(condition, ())}")
    kept = {key: torch.from_numpy(value) for key, value in packing.unpacked(packing.read(file)[0]).items()}
    control = model_of("controlnet", condition)
    control.load_state_dict(lowrank.restored(model_of(BASE).state_dict(), kept))
    return control


def reference(name: str) -> nn.Module:
    """What a model of the page is, in PyTorch: to compare the two. A checkpoint is what the page keeps of it."""
    graph, changed = parts_of(name)
    _, condition, *step = changed.split("_") if graph != "controlled" else ("", "")
    return MODULES[graph](checkpoint(int(step[0]), condition) if step else network(name))


def poses() -> dict[str, Any]:
    """Where skeletons begin: joints and bones, and for each animal, stance and facing the joints in pixels of 128."""
    standing = {" ".join((species, stance, facing)): Scene(species, stance=stance, facing=facing, size=SIZE)
                for species in SPECIES for stance in STANCES for facing in FACINGS}  # fmt: skip
    return {"joints": list(KEYPOINTS), "bones": [[start, end, list(colour)] for start, end, colour in BONES],
            "poses": {name: np.round(list(keypoints(scene).values()), 1).tolist() for name, scene in standing.items()}}
