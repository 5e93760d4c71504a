"""A model as a folder of the stock libraries: diffusers and transformers load it without this package.

Noise-predicting roles become a folder for `StableDiffusionPipeline.from_pretrained`, ControlNets one for
`StableDiffusionControlNetPipeline`: the same call that loads Stable Diffusion. That pipeline runs no flow and nothing
in pixels: of those the parts are written, and a README with the loop that runs them. Weights are float32 there.
"""
from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from course_utils import __version__
from course_utils.critters import Scene, caption, depth_map, edge_map, pose_map
from course_utils.models.export_text import readme
from course_utils.models.hub import fetch
from course_utils.models.loading import embedded, fetched, present, quiet
from course_utils.models.registry import Entry, entry
from course_utils.models.schedulers import scheduler
from course_utils.models.weights import expected, recorded

MARK = "export.json"
"""The last file of an export, by which a folder is known to be one: role, and hashes of the weights it came from."""

SHOWN = Scene()
"""What the README's example asks for; a ControlNet's folder holds its map."""

MAPS: dict[str, Callable[[Scene], Any]] = {"pose": pose_map, "edge": edge_map, "depth": depth_map}


def export(role: str, folder: str | Path, condition: str | None = None) -> Path:
    """Write a model of the scale to `folder`, which appears only when it is complete. Returns the folder.

    An earlier export there is replaced. An interruption leaves at most hidden folders beside it, which the same call
    clears away.

    Args:
        role: as in `load`; `"vae"`, `"preview"` and `"clip"` become folders of their own classes. The scale is
            `COURSE_SCALE`; of a published model the stock pipeline is written, without a README.
        folder: a new or empty one, or that of an earlier export.
        condition: of a ControlNet.

    Raises:
        ValueError: unknown role or condition; the folder holds something else.
        WeightsError: the weights are damaged or not in this copy of the course.
    """
    chosen, target = entry(role, None, condition), Path(folder).resolve()
    refuse_foreign(target)
    unfinished, replaced = (target.with_name(f".{target.name}.{word}") for word in ("unfinished", "replaced"))
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    with quiet():
        write(chosen, unfinished)
    shutil.rmtree(replaced, ignore_errors=True)
    if target.exists():
        target.rename(replaced)
    unfinished.rename(target)
    shutil.rmtree(replaced, ignore_errors=True)
    return Path(folder)


def refuse_foreign(target: Path) -> None:
    """Raise `ValueError` if something else than an export lies there: nothing of anyone's is overwritten."""
    ours = target.is_dir() and ((target / MARK).is_file() or not any(target.iterdir()))
    if target.exists() and not ours:
        raise ValueError(f"{target} is there already and is no export: give a folder that is new or empty")


def write(chosen: Entry, folder: Path) -> None:
    """Everything that the folder holds, the mark last."""
    if not chosen.embedded:
        pipeline_of(chosen).save_pretrained(folder)
        (folder / MARK).write_text(json.dumps({"course": __version__, "hub": chosen.hub}, indent=1) + "\n")
        return
    if not chosen.objective:
        write_alone(chosen, folder)
    elif runs_in_pipeline(chosen):
        pipeline_of(chosen).save_pretrained(folder)
    else:
        for name, part in parts(chosen).items():
            part.save_pretrained(folder / name)
        print(f"StableDiffusionPipeline cannot run {chosen.role}: these are its parts, and README.md has the loop")
    forget_paths(folder)
    if chosen.condition:
        Image.fromarray(MAPS[chosen.condition](SHOWN)).convert("RGB").save(folder / "map.png")
    (folder / "README.md").write_text(readme(chosen, caption(SHOWN), runs_in_pipeline(chosen)))
    (folder / MARK).write_text(json.dumps(origin(chosen), indent=1) + "\n")


def runs_in_pipeline(chosen: Entry) -> bool:
    """Whether a stock pipeline of Stable Diffusion can run it: it must predict noise in latents."""
    return chosen.objective == "epsilon"  # the twin in pixels predicts v


def write_alone(chosen: Entry, folder: Path) -> None:
    """A model that is used by itself, with the tokenizer and picture settings that lie beside it."""
    embedded(chosen).save_pretrained(folder)  # type: ignore[operator]
    source = present(chosen)
    for file in (source.parent / path for path in recorded(chosen.folder)):
        if not (folder / file.name).exists():
            shutil.copyfile(file, folder / file.name)


def pipeline_of(chosen: Entry) -> Any:
    """The stock pipeline around a model, without a safety checker: it draws cartoon animals."""
    import diffusers

    kind = diffusers.StableDiffusionControlNetPipeline if chosen.condition else diffusers.StableDiffusionPipeline
    return kind(**parts(chosen), safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def parts(chosen: Entry) -> dict[str, Any]:
    """What a pipeline consists of, by the names of its folders."""
    from course_utils.models.tokenizer import build

    if not chosen.embedded:
        return published_parts(chosen)
    network = embedded(chosen)
    nets = {"unet": embedded(entry(chosen.base, "critters")), "controlnet": network} if chosen.condition else {
        "unet": network}
    if not chosen.role.startswith("pixel"):
        nets["vae"] = embedded(entry("vae", "critters"))
    text = text_side(embedded(entry("clip", "critters")))
    return {**nets, "text_encoder": text, "tokenizer": build(), "scheduler": scheduler(chosen.sampler)}


def published_parts(chosen: Entry) -> dict[str, Any]:
    """The same of a published model that `StableDiffusionPipeline` runs. Raises `ValueError` for any other."""
    from course_utils.models.text import published_tokenizer

    if chosen.stock or chosen.condition or chosen.objective != "epsilon":
        raise ValueError(f"{chosen.name} ({chosen.scale}) lies ready for its own pipeline on the hub: {chosen.hub}")
    text, vae = (entry(role, chosen.scale) for role in ("text_encoder", "vae"))
    nets = {"unet": chosen, "vae": vae, "text_encoder": text}
    return {**{name: fetched(one, torch.float32) for name, one in nets.items()},
            "tokenizer": published_tokenizer(fetch(text)), "scheduler": scheduler(chosen.sampler)}


def text_side(clip: Any) -> Any:
    """The `CLIPTextModel` in a `CLIPModel`: itself, or, in transformers before 5.6, what is to be wrapped in one."""
    from transformers import CLIPTextModel

    if isinstance(clip.text_model, CLIPTextModel):
        return clip.text_model
    outer: Any = CLIPTextModel(clip.config.text_config)
    outer.text_model = clip.text_model
    return outer.eval()


def forget_paths(folder: Path) -> None:
    """Take out of every configuration the path on this machine from which it was loaded."""
    for file in sorted(folder.rglob("*.json")):
        facts = json.loads(file.read_text())
        if isinstance(facts, dict) and facts.pop("_name_or_path", None) is not None:
            file.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")


def origin(chosen: Entry) -> dict[str, Any]:
    """Where an export comes from: the hashes of all that is in it, of every base that a difference is added to."""
    bases, link = list[str](), chosen
    while link.base:
        link = entry(link.base, chosen.scale)
        bases.append(link.folder)
    parts = {"pixel_text_to_image": ["clip"]}.get(chosen.role, ["clip", "vae"])  # pixels need no autoencoder
    roles = [chosen.folder, *bases, *(parts if chosen.objective else [])]
    hashes = {path: value for path, value in expected().items() if path.split("/")[0] in roles}
    return {"course": __version__, "role": chosen.role, "condition": chosen.condition, "weights": hashes}
