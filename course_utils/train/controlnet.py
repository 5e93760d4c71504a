r"""ControlNets: `diffusers.ControlNetModel`, a trainable copy of the U-Net's encoder that is shown a map.

    python -m course_utils.train.controlnet --condition pose --rank 16 --batch 16 --steps 1200 --rate 2e-3 --every 150 \
        --judged 32                                                                                # two CPU cores
    python -m course_utils.train.controlnet --condition pose --batch 512 --scenes 60000 --steps 10000 --every 500 \
        --judged 256                                                                               # one GPU

Zhang et al., Adding Conditional Control to Text-to-Image Diffusion Models (2023): the base stays frozen, zero
convolutions join the copy, so the first step makes exactly what the base made, and half of the captions are dropped so
that the map must be read. The loss is the base's own. Every validation writes how judged pictures at conditioning scale
1 follow their maps into the log, with the base's own number beside it: the curve of claim C16. `--rank` learns the copy
as a low-rank difference to what it copies (Control-LoRA, Stability AI, 2023); hint encoder and zero convolutions are
always learnt whole. A run that is killed goes on with the same command.
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
from course_utils.measure.adherence import MEASURES
from course_utils.measure.critic import keypoint_errors, load_critic, read
from course_utils.train import common, latents, low_rank, maps, portable, words
from course_utils.train.clip import on_device
from course_utils.train.data import TRAINING_SEED, VALIDATION_SEED
from course_utils.train.text_to_image import SHOWN, dropped, loss_at, plain_attention, sampled

HINT_WIDTHS = (16, 24, 32, 64)
"""Channels of the small encoder that brings a map of 128x128 to 16x16: each but the first halves the resolution."""


def network(base: UNet2DConditionModel) -> ControlNetModel:
    """A ControlNet that begins as the base's encoder; its zero convolutions make it silent."""
    control = ControlNetModel.from_unet(base, conditioning_embedding_out_channels=HINT_WIDTHS)
    return plain_attention(control.requires_grad_(True))


def with_factors(base: UNet2DConditionModel, rank: int) -> ControlNetModel:
    """`network`, its copy frozen but for products of `rank` beside it; whole for rank 0."""
    control = network(base)
    return low_rank.factorised(control, base.state_dict(), rank) if rank else control


def empty(base: UNet2DConditionModel, rank: int) -> ControlNetModel:
    """A network of the same make that averaged weights are to be loaded into; then its products are multiplied out."""
    control = with_factors(base, rank)
    return low_rank.collapsing(control) if rank else control


def hints(drawn: np.ndarray, device: torch.device) -> Float[Tensor, "b 3 128 128"]:
    """Maps in [0, 1], as the stock pipeline hands them to a ControlNet."""
    return (on_device(maps.as_picture(drawn), device) + 1) / 2


def places(rng: np.random.Generator, n: int, times: str) -> Float[np.ndarray, " n"]:
    r"""Places on the schedule in (0, 1): even, or cubic, \(1 - u^3\), which is often near pure noise.

    Where an animal stands is settled in a sampler's first steps; nearly clean latents show it and make a map useless
    (Mou et al., T2I-Adapter, 2023, section 3.4).
    """
    u = rng.uniform(1e-5, 1 - 1e-5, n)
    return np.clip(1 - u**3, 1e-5, 1 - 1e-5) if times == "cubic" else u


COLUMNS = {"pose": "keypoint", "edge": "edge_f1", "depth": "depth_error"}
"""What adherence is called in the log."""


class Judge:
    """Validation: adherence of pictures made from held-out maps and captions, and a sheet of maps and pictures."""

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
        return {COLUMNS[self.options.condition]: self.error(made), "uncontrolled": self.uncontrolled}

    def error(self, made: np.ndarray) -> float:
        """Of joints the mean of their median errors: a tail that was never found does not hide the rest. Else the mean
        edge F1 or depth error."""
        if self.options.condition == "pose":
            return float(np.median(keypoint_errors(read(made, self.critic), self.scenes), axis=0).mean())
        return float(MEASURES[self.options.condition](made, self.drawn).mean())

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
    parser = common.arguments("controlnet", __doc__ or "", steps=4_000, batch=32, rate=5e-4)
    parser.add_argument("--condition", choices=tuple(maps.CONDITIONS), default="pose", help="which map (%(default)s)")
    parser.add_argument("--objective", choices=("epsilon", "flow"), default="epsilon", help="the base's objective")
    parser.add_argument("--dropout", type=float, default=0.5, help="share of captions dropped (default %(default)s)")
    parser.add_argument("--times", choices=("cubic", "even"), default="cubic", help="where noise is drawn: %(default)s")
    parser.add_argument("--scale", type=float, default=3.0, help="guidance scale of judged pictures (%(default)s)")
    parser.add_argument("--judged", type=int, default=64, help="pictures that the critic reads (default %(default)s)")
    parser.add_argument("--rank", type=int, default=0, help="learn the copy's change in this rank only; 0: whole")
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
    return common.on_device(plain_attention(base.float().eval().requires_grad_(False)), device)


def train(options: argparse.Namespace) -> None:
    """The whole method: the base's own loss, with gradients for the copy alone."""
    torch.manual_seed(options.seed)
    device = common.own_device()
    base = frozen_base(options.base, device)
    text, vae = words.TextEncoder(options.clip, device), latents.autoencoder(options.vae, device)
    z = latents.encoded(vae, options.scenes, TRAINING_SEED, options.cache).to(device)
    ids = words.tokens(words.wordings(sample(options.scenes, TRAINING_SEED))).to(device)
    drawn = maps.control_maps(options.condition, options.scenes, TRAINING_SEED, options.cache)
    nothing = words.tokens([[""]])[0, 0].to(device)
    control = with_factors(base, options.rank)
    if not options.rank:
        portable.take_up(options, control)
    restart = portable.Restart()
    run = common.Run(options, control, {"restart": restart})
    finish = portable.Finish(run, restart, lambda: empty(base, options.rank), Judge(options, vae, text, base))
    for step in run.steps():
        rng = run.numbers(step)
        chosen = rng.integers(0, options.scenes, options.batch)
        wording = rng.integers(0, ids.shape[1], options.batch)
        quantile = torch.from_numpy(places(rng, options.batch, options.times)).float().to(device)
        context = text(dropped(ids[chosen, wording], nothing, options.dropout, rng))
        epsilon = run.noise(step, options.batch, *z.shape[1:])
        with run.accelerator.autocast():  # the base is not wrapped, and is run in the same precision
            loss = loss_at(options.objective, Controlled(base, run.model, hints(drawn[chosen], device)),
                           z[chosen].float(), epsilon, quantile, context)
        finish(loss, step)
    print(f"{options.out / 'model'} is ready; ship it with: python -m course_utils.train.ship ROLE {options.out}")


if __name__ == "__main__":
    main()
