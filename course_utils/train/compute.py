r"""What a training costs in FLOPs, counted on the networks themselves, so that two models can be given the same.

A step counts three passes: the backward pass forms gradients of activations and of weights, each at the price of a
forward pass (Kaplan et al., Scaling Laws for Neural Language Models, 2020, section 2.1). What counts as a FLOP is said
in `course_utils.measure.cost`. Not counted, on either side: the frozen text encoder, the optimiser, validation.

    python -m course_utils.train.compute runs/text_to_image       # the whole bill of a latent run, autoencoder included
"""
from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models import AutoencoderKL, UNet2DConditionModel

from course_utils.measure.cost import flops
from course_utils.models.tokenizer import LENGTH
from course_utils.models.weights import FOLDER
from course_utils.train.ship import recipe as told

PASSES = 3
"""Forward passes' worth of a training step."""

PASSES_BY_RECIPE = {"text_to_image": 3.0, "reflow": 3.0, "lcm": 6.0, "adversarial": 7.1, "dmd": 12.0}
"""Forward passes' worth of a step of a recipe, for each picture of its batch, whoever makes them.

A student's own step is three. A consistency student needs two for its guided teacher and one for its own guess there;
an adversarial one two for the teacher's advice, the rest for looking through the teacher's encoder; distribution
matching two steps of its rival (six), the rival's guess and the guided teacher's.
"""


def pass_flops(unet: UNet2DConditionModel) -> int:
    """FLOPs of one forward pass of one picture (or latent) with a caption of our tokenizer's length."""
    settings: Any = unet.config
    with torch.device("meta"):
        twin: Any = UNet2DConditionModel.from_config(settings)
        shape = (1, settings["in_channels"], settings["sample_size"], settings["sample_size"])
        context = torch.empty(1, LENGTH, settings["cross_attention_dim"])
        inputs = torch.empty(shape), torch.empty(1, dtype=torch.long), context
    return flops(twin, *inputs)


def step_flops(unet: UNet2DConditionModel, batch: int) -> int:
    """FLOPs of a training step on `batch` pictures, in every process."""
    return PASSES * pass_flops(unet) * batch * int(os.environ.get("WORLD_SIZE", "1"))


def autoencoder_flops(vae: AutoencoderKL, size: int) -> tuple[int, int]:
    """FLOPs of encoding and of decoding one picture of `size` pixels a side."""
    with torch.device("meta"):
        twin: Any = AutoencoderKL.from_config(vae.config)
        x, z = torch.empty(1, 3, size, size), torch.empty(1, 4, size // 8, size // 8)
    return flops(twin.encode, x), flops(twin.decode, z)


def pictures_seen(recipe: Mapping[str, Any]) -> int:
    """Steps times batch of a `recipe.json`, stage by stage."""
    starts = [int(stage.split()[-1]) for stage in recipe["options"]]
    batch = seen = 0
    for options, begin, end in zip(recipe["options"].values(), starts, [*starts[1:], recipe["steps"]], strict=True):
        batch = int(options.get("batch", batch))
        seen += batch * max(0, min(end, recipe["steps"]) - begin)
    return seen


def passes(role: str, folder: Path = FOLDER, until: int | None = None) -> float:
    """Forward passes' worth of one latent behind shipped weights of the latent network, to their end or `until` a step.

    Those of the model that it began with are part of it, but not a student's teacher's, which are the same for all
    students of one teacher. Raises `KeyError` for a role that another recipe made, `FileNotFoundError` if it is not
    there.
    """
    recipe = json.loads((folder / role / "recipe.json").read_text())
    first: dict[str, str] = recipe["options"]["from step 0"]
    seen = pictures_seen({**recipe, "steps": until or recipe["steps"]})
    own = PASSES_BY_RECIPE[recipe["command"].split()[2].split(".")[-1]] * seen
    own += int(first.get("pairs", 0)) * int(first.get("teacher_steps", 0)) * (1 if first.get("scale") == "1.0" else 2)
    begins, _, step = first.get("start", "None").partition(", step ")
    return own if begins == "None" else own + passes(begins, folder, int(step) if step else None)


def denoiser_training(unet: UNet2DConditionModel, recipe: Mapping[str, Any]) -> int:
    """FLOPs of a denoiser's training by its `recipe.json`, in however many processes the caller runs."""
    return PASSES * pass_flops(unet) * pictures_seen(recipe)


def autoencoder_training(vae: AutoencoderKL, recipe: Mapping[str, Any]) -> int:
    """FLOPs of an autoencoder's training by its `recipe.json`: crops of 64 pixels, through both halves.

    The last steps see larger and fewer pictures, for as many pixels, and a convolution's price goes by pixels.
    """
    return PASSES * sum(autoencoder_flops(vae, 64)) * pictures_seen(recipe)


def encoding(vae: AutoencoderKL, scenes: int) -> int:
    """FLOPs of turning scenes of 128x128 into latents, once."""
    return autoencoder_flops(vae, 128)[0] * scenes


def told_of(run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The recipe and the network's settings of a training's folder, or of the shipped weights'."""
    if (run / "recipe.json").is_file():
        return json.loads((run / "recipe.json").read_text()), json.loads((run / "config.json").read_text())
    return told("text_to_image", run), json.loads((run / "model/config.json").read_text())


def latent_bill(run: Path, codec: Path = FOLDER / "vae") -> dict[str, int]:
    """FLOPs of a latent run's steps, of encoding its scenes, and of training its autoencoder (a shipped folder).

    `run` is a training's folder, or that of shipped weights. Raises `FileNotFoundError` if it has neither a checkpoint
    nor a `recipe.json`, or the autoencoder no `recipe.json`.
    """
    recipe, settings = told_of(run)
    vae = AutoencoderKL.from_config(json.loads((codec / "config.json").read_text()))
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(settings)
    return {"autoencoder": autoencoder_training(vae, json.loads((codec / "recipe.json").read_text())),
            "encoding": encoding(vae, recipe["scenes"]),
            "denoiser": denoiser_training(unet, recipe)}


def main(argv: list[str] | None = None) -> None:
    """Print the bill."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a latent run, or of its shipped weights")
    bill = latent_bill(parser.parse_args(argv).run)
    for name, count in {**bill, "together": sum(bill.values())}.items():
        print(f"{name:12s} {count:.3g} FLOPs")


if __name__ == "__main__":
    main()
