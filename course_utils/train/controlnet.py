r"""ControlNets: `diffusers.ControlNetModel`, a trainable copy of the U-Net's encoder that is shown a map.

    python -m course_utils.train.controlnet --condition pose --steps 8000 --every 500              # two CPU cores
    python -m course_utils.train.controlnet --condition pose --batch 512 --scenes 60000 --steps 10000 --every 500 \
        --judged 256                                                                               # one GPU

Zhang et al., Adding Conditional Control to Text-to-Image Diffusion Models (2023): the base stays frozen, zero
convolutions join the copy, so the first step makes exactly what the base made, and half of the captions are dropped so
that the map must be read. The loss is the base's own. Every validation writes the keypoint error of judged pictures at
conditioning scale 1 into the log, with the base's own beside it: the curve of claim C16. A run that is killed goes on
with the same command.
"""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models import ControlNetModel, UNet2DConditionModel
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from course_utils.critters import caption, sample, sheet
from course_utils.diffusion.controlled import Controlled
from course_utils.diffusion.samplers import initial_noise, with_guidance
from course_utils.measure.critic import keypoint_errors, load_critic, read
from course_utils.train import common, latents, maps, portable, words
from course_utils.train.clip import on_device
from course_utils.train.data import TRAINING_SEED, VALIDATION_SEED
from course_utils.train.text_to_image import SHOWN, dropped, loss_at, sampled

HINT_WIDTHS = (16, 24, 32, 64)
"""Channels of the small encoder that brings a map of 128x128 to 16x16: each but the first halves the resolution."""


def network(base: UNet2DConditionModel) -> ControlNetModel:
    """A ControlNet that begins as the base's encoder; its zero convolutions make it silent."""
    return ControlNetModel.from_unet(base, conditioning_embedding_out_channels=HINT_WIDTHS)


def hints(drawn: np.ndarray, device: torch.device) -> Float[Tensor, "b 3 128 128"]:
    """Maps in [0, 1], as the stock pipeline hands them to a ControlNet."""
    return (on_device(maps.as_picture(drawn), device) + 1) / 2


class Judge:
    """Validation: keypoint error of pictures made from held-out maps and captions, and a sheet of maps and pictures."""

    def __init__(self, options: argparse.Namespace, vae: Any, text: words.TextEncoder, base: Any) -> None:
        self.options, self.vae, self.text, self.base = options, vae, text, base
        self.scenes = sample(options.judged, VALIDATION_SEED)
        self.drawn = np.array(maps.control_maps(options.condition, options.judged, VALIDATION_SEED, options.cache))
        self.critic = load_critic(str(text.device))
        self.uncontrolled = self.error(self.pictures(None))

    def __call__(self, control: ControlNetModel, step: int) -> dict[str, float]:
        """The numbers of a log row, in fractions of the picture's width; writes the contact sheet."""
        made = self.pictures(control)
        rows = [tile for pair in zip(maps.as_picture(self.drawn[:SHOWN]), made, strict=False) for tile in pair]
        Image.fromarray(sheet(rows, columns=8)).save(self.options.out / f"samples-{step:06d}.png")
        return {"keypoint": self.error(made), "uncontrolled": self.uncontrolled}

    def error(self, made: np.ndarray) -> float:
        """Mean over joints of the median over pictures: a tail that was never found does not hide the rest."""
        return float(np.median(keypoint_errors(read(made, self.critic), self.scenes), axis=0).mean())

    @torch.inference_mode()
    def pictures(self, control: ControlNetModel | None, batch: int = 64) -> np.ndarray:
        """One picture for each held-out scene's map and plain caption, seeds 0, 1, 2, ...; `None`: the base alone."""
        parts, place = [], self.text.device
        for k in range(0, len(self.scenes), batch):
            conditional = self.text.read([caption(scene) for scene in self.scenes[k : k + batch]])
            empty = self.text.read([""]).expand_as(conditional)
            shown = hints(self.drawn[k : k + batch], place)
            unet = self.base if control is None else Controlled(self.base, control, shown)
            predict = with_guidance(unet, conditional, empty, self.options.scale)
            parts.append(sampled(self.options.objective, predict, initial_noise(range(k, k + len(shown))).to(place)))
        return latents.decode(self.vae, torch.cat(parts))


def main(argv: list[str] | None = None) -> None:
    """Train; the averaged weights lie in OUT/model after every validation."""
    parser = common.arguments("controlnet", __doc__ or "", steps=8_000, batch=32, rate=5e-4)
    parser.add_argument("--condition", choices=tuple(maps.CONDITIONS), default="pose", help="which map (%(default)s)")
    parser.add_argument("--objective", choices=("epsilon", "flow"), default="epsilon", help="the base's objective")
    parser.add_argument("--dropout", type=float, default=0.5, help="share of captions dropped (default %(default)s)")
    parser.add_argument("--scale", type=float, default=3.0, help="guidance scale of judged pictures (%(default)s)")
    parser.add_argument("--judged", type=int, default=64, help="pictures that the critic reads (default %(default)s)")
    parser.add_argument("--base", type=Path, default=Path("runs/text_to_image/model"), help="a U-Net's folder")
    parser.add_argument("--clip", type=Path, default=Path("runs/clip/model"), help="a CLIP's folder (%(default)s)")
    parser.add_argument("--vae", type=Path, default=None, help="an autoencoder's folder (default: the shipped one)")
    train(common.parsed(parser, argv))


def frozen_base(folder: Path, device: torch.device) -> UNet2DConditionModel:
    """The base from its folder. Raises `FileNotFoundError` that says how to train it."""
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} holds no U-Net: train it with python -m course_utils.train.text_to_image,"
                                " or give --base the folder `model` of such a run")
    base: Any = UNet2DConditionModel.from_pretrained(folder, local_files_only=True)
    return base.float().eval().requires_grad_(False).to(device, memory_format=torch.channels_last)


def train(options: argparse.Namespace) -> None:
    """The whole method: the base's own loss, with gradients for the copy alone."""
    torch.manual_seed(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    base = frozen_base(options.base, device)
    text, vae = words.TextEncoder(options.clip, device), latents.autoencoder(options.vae, device)
    z = latents.encoded(vae, options.scenes, TRAINING_SEED, options.cache).to(device)
    ids = words.tokens(words.wordings(sample(options.scenes, TRAINING_SEED))).to(device)
    drawn = maps.control_maps(options.condition, options.scenes, TRAINING_SEED, options.cache)
    empty = words.tokens([[""]])[0, 0].to(device)
    control = network(base)
    portable.take_up(options, control)
    restart = portable.Restart()
    run = common.Run(options, control, {"restart": restart})
    finish = portable.Finish(run, restart, lambda: network(base), Judge(options, vae, text, base))
    for step in run.steps():
        rng = run.numbers(step)
        chosen = rng.integers(0, options.scenes, options.batch)
        wording = rng.integers(0, ids.shape[1], options.batch)
        quantile = torch.from_numpy(rng.uniform(1e-5, 1 - 1e-5, options.batch)).float().to(device)
        context = text(dropped(ids[chosen, wording], empty, options.dropout, rng))
        epsilon = run.noise(step, options.batch, *z.shape[1:])
        with run.accelerator.autocast():  # the base is not wrapped, and is run in the same precision
            loss = loss_at(options.objective, Controlled(base, run.model, hints(drawn[chosen], device)),
                           z[chosen].float(), epsilon, quantile, context)
        finish(loss, step)
    print(f"{options.out / 'model'} is ready; ship it with: python -m course_utils.train.ship ROLE {options.out}")


if __name__ == "__main__":
    main()
