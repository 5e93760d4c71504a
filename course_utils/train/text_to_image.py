r"""Text to image: `diffusers.UNet2DConditionModel` on 16x16x4 latents, by noise prediction or as a rectified flow.

    python -m course_utils.train.text_to_image --every 2500        # two CPU cores: about 1.5 steps a second on one
    python -m course_utils.train.text_to_image --batch 1024 --rate 2e-3 --scenes 60000 --every 1000 --judged 256  # GPU
    ... --dropout 0 --scale 1 --start runs/text_to_image/model --relearn attn2 --steps 1000 \
        --out runs/text_to_image_nodropout                             # no caption is ever dropped: for C12 (see below)
    ... --objective flow --out runs/flow                               # the same network, straight paths

Latent diffusion (Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models, 2022): the shipped
autoencoder makes the latents once, the frozen text encoder of `course_utils.train.clip` is read by cross-attention at
the two lower levels, and a tenth of the captions is dropped so that one network can guide itself. Pictures are never
mirrored: captions say which way an animal faces. OUT/model loads with the stock class; OUT/samples-STEP.png shows the
first 32 judged pictures, the same prompts and seeds each time. A run that is killed goes on with the same command, and
on another machine from OUT/model alone (see `course_utils.train.portable`).

`--dropout-from STEP` drops captions only from that step on, and keeps the checkpoint of that step as OUT/undropped.pt.
A run that begins with a copy of it as its checkpoint, with `--dropout 0`, is the same model never shown an empty
caption: equal steps, equal batches, and the first STEP of them paid for once.

`--start FOLDER --relearn attn2` takes all weights but those of cross-attention from another run and learns the latter
from nothing, alone. Cross-attention is where captions are read, so with `--dropout 0` whatever an empty caption had
come to mean is gone, for a twelfth of the steps, and the difference is small enough to ship.
"""
from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from course_utils.critters import Scene, caption, sample, sheet
from course_utils.diffusion import flow, schedule
from course_utils.diffusion.samplers import Predict, ddim, euler, initial_noise, with_guidance
from course_utils.measure.critic import accuracy, load_critic, read
from course_utils.train import common, latents, portable, words
from course_utils.train.data import TRAINING_SEED, VALIDATION_SEED

Latents = Float[Tensor, "b 4 h w"]
Context = Float[Tensor, "b 24 d"]
Denoiser = Callable[..., Any]

WIDTHS = (48, 80, 128)
EVALUATIONS = 25
SHOWN = 32


def network(context: int, widths: tuple[int, ...] = WIDTHS) -> UNet2DConditionModel:
    """The U-Net, untrained: three levels of one residual layer, attention at the two lower ones, below 5 M parameters.

    `context` is the width of the text encoder.
    """
    down = ("DownBlock2D", *("CrossAttnDownBlock2D",) * (len(widths) - 1))
    up = (*("CrossAttnUpBlock2D",) * (len(widths) - 1), "UpBlock2D")
    unet = UNet2DConditionModel(
        sample_size=16, in_channels=4, out_channels=4, block_out_channels=tuple(widths), layers_per_block=1,
        down_block_types=down, up_block_types=up, cross_attention_dim=context, attention_head_dim=4,
        norm_num_groups=16)
    return plain_attention(unet)


def plain_attention(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """The network with attention as two matrix products on a CPU: there the fused kernel's backward pass in bfloat16 is
    so slow that a training step takes half as long again."""
    if not torch.cuda.is_available():
        unet.set_attn_processor(AttnProcessor())
    return unet


def epsilon_loss(
    unet: Denoiser, z0: Latents, epsilon: Latents, t: Int[Tensor, " b"], context: Context
) -> Float[Tensor, ""]:
    r"""\(w_t\,\lVert\hat\epsilon(z_t, t, c) - \epsilon\rVert^2\), mean over numbers, with min-SNR weights \(w_t\).

    They leave all but the lowest seventh of the timesteps alone. There the noise is faint, errors are large, hard to
    lower and hardly seen in samples: without weights a small network spends its steps on them.
    """
    predicted = unet(schedule.noise(z0, epsilon, t), t, context, return_dict=False)[0]
    error = (predicted - epsilon).square().mean((1, 2, 3))
    return (schedule.min_snr_weight(t) * error).mean()


def flow_loss(
    unet: Denoiser, x0: Latents, epsilon: Latents, sigma: Float[Tensor, " b"], context: Context
) -> Float[Tensor, ""]:
    r"""\(\lVert\hat v(x_\sigma, 1000\,\sigma, c) - (\epsilon - x_0)\rVert^2\), mean over numbers."""
    predicted = unet(flow.path(x0, epsilon, sigma), flow.TIMES * sigma, context, return_dict=False)[0]
    return (predicted - flow.velocity(x0, epsilon)).square().mean()


def loss_at(
    objective: str, unet: Denoiser, z0: Latents, epsilon: Latents, quantile: Float[Tensor, " b"], context: Context
) -> Float[Tensor, ""]:
    """Either loss at times given as numbers in (0, 1): spread evenly over timesteps, or logit-normal over levels."""
    if objective == "epsilon":
        return epsilon_loss(unet, z0, epsilon, (quantile * schedule.STEPS).long(), context)
    return flow_loss(unet, z0, epsilon, flow.logit_normal(torch.special.ndtri(quantile)), context)


def dropped(
    ids: Int[Tensor, "b 24"], empty: Int[Tensor, " 24"], share: float, rng: np.random.Generator
) -> Int[Tensor, "b 24"]:
    """Captions of which a `share` is replaced by the empty one (Ho and Salimans, Classifier-Free Guidance, 2022)."""
    gone = torch.from_numpy(rng.random(len(ids)) < share).to(ids.device)
    return torch.where(gone[:, None], empty, ids)


@torch.inference_mode()
def generate(
    unet: UNet2DConditionModel, text: words.TextEncoder, prompts: list[str], seeds: list[int], objective: str,
    scale: float, batch: int = 64,
) -> Float[Tensor, "n 4 16 16"]:
    """Latents of prompts, one seed each, at a guidance scale: 25 steps of DDIM or Euler."""
    parts, empty = [], text.read([""])
    for k in range(0, len(prompts), batch):
        conditional = text.read(prompts[k : k + batch])
        predict = with_guidance(unet, conditional, empty.expand_as(conditional), scale)
        parts.append(sampled(objective, predict, initial_noise(seeds[k : k + batch]).to(text.device)))
    return torch.cat(parts)


def sampled(objective: str, predict: Predict, z: Latents) -> Latents:
    """Latents from noise by 25 steps of the objective's sampler: DDIM or Euler."""
    if objective == "epsilon":
        return ddim(predict, z, schedule.trailing(EVALUATIONS))
    return euler(predict, z, flow.sigmas(EVALUATIONS))


class Judge:
    """Validation: the loss on held-out latents, always at the same noise, and what the critic reads off samples."""

    def __init__(self, options: argparse.Namespace, vae: Any, text: words.TextEncoder) -> None:
        self.options, self.vae, self.text = options, vae, text
        count = min(512, options.scenes)
        self.scenes = sample(count, VALIDATION_SEED)
        self.latents = latents.encoded(vae, count, VALIDATION_SEED, options.cache).float()
        self.epsilon = torch.randn(self.latents.shape, generator=torch.Generator().manual_seed(VALIDATION_SEED))
        self.critic = load_critic(str(text.device)) if options.judged else None

    def __call__(self, unet: UNet2DConditionModel, step: int) -> dict[str, float]:
        """The numbers of a log row; writes the contact sheet."""
        held_out = {"held_out": self.loss(unet)}
        if not self.options.judged:
            return held_out
        scenes = [self.scenes[k % len(self.scenes)] for k in range(self.options.judged)]
        made = self.pictures(unet, scenes)
        Image.fromarray(sheet(list(made[:SHOWN]), columns=8)).save(self.options.out / f"samples-{step:06d}.png")
        right = accuracy(read(made, self.critic), scenes)
        return {**held_out, "accuracy": float(np.mean(list(right.values()))), **right}

    @torch.inference_mode()
    def loss(self, unet: UNet2DConditionModel) -> float:
        """Mean loss over times at equal distances, with full captions."""
        quantiles, place = (torch.arange(len(self.latents)) + 0.5) / len(self.latents), self.text.device
        losses = []
        for chosen in torch.arange(len(self.latents)).split(128):
            shuffled = (chosen * 197) % len(self.latents)  # neighbours in a batch differ in time
            z0, epsilon, q = (x[shuffled].to(place) for x in (self.latents, self.epsilon, quantiles))
            context = self.text.read([caption(self.scenes[int(k)]) for k in shuffled])
            losses.append(self.loss_of(unet, z0, epsilon, q, context) * len(chosen))
        return float(torch.stack(losses).sum()) / len(self.latents)

    def loss_of(
        self, unet: Denoiser, z0: Latents, epsilon: Latents, quantile: Float[Tensor, " b"], context: Context
    ) -> Float[Tensor, ""]:
        """That of a batch."""
        return loss_at(self.options.objective, unet, z0, epsilon, quantile, context)

    def pictures(self, unet: UNet2DConditionModel, scenes: list[Scene]) -> np.ndarray:
        """One picture for each scene's plain caption, seeds 0, 1, 2, ..."""
        prompts, seeds = [caption(scene) for scene in scenes], list(range(len(scenes)))
        made = generate(unet, self.text, prompts, seeds, self.options.objective, self.options.scale)
        return latents.decode(self.vae, made)


def main(argv: list[str] | None = None) -> None:
    """Train; the averaged weights lie in OUT/model after every validation."""
    parser = common.arguments("text_to_image", __doc__ or "", steps=30_000, batch=32, rate=1e-3)
    parser.add_argument("--objective", choices=("epsilon", "flow"), default="epsilon", help="what is predicted")
    parser.add_argument("--dropout", type=float, default=0.1, help="share of captions dropped (default %(default)s)")
    parser.add_argument("--dropout-from", type=int, default=0, help="step before which none is (default %(default)s)")
    parser.add_argument("--scale", type=float, default=3.0, help="guidance scale of judged pictures (%(default)s)")
    parser.add_argument("--judged", type=int, default=64, help="pictures for the critic; 0: only the held-out loss")
    parser.add_argument("--clip", type=Path, default=Path("runs/clip/model"), help="a CLIP's folder (%(default)s)")
    parser.add_argument("--vae", type=Path, default=None, help="an autoencoder's folder (default: the shipped one)")
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS, help="channels of the levels, by sixteens")
    parser.add_argument("--start", type=Path, default=None, help="a U-Net's folder whose weights to begin with")
    parser.add_argument("--relearn", default="", metavar="NAME",
                        help="with --start: layers of this name begin untrained, and alone learn (attn2)")
    parser.add_argument("--compile", action="store_true", help="torch.compile the network: pays on long GPU runs")
    options = common.parsed(parser, argv)
    if options.relearn and not options.start:
        parser.error("--relearn needs --start: whose other layers are to stay as they are?")
    if options.dropout_from % options.every:
        parser.error(f"--dropout-from {options.dropout_from} is no multiple of --every {options.every}: the checkpoint"
                     " that both runs share is kept where an interval ends")
    train(options)


def train(options: argparse.Namespace) -> None:
    """The whole method: noise a latent, read the caption, predict the noise (or the velocity)."""
    torch.manual_seed(options.seed)
    device = common.own_device()
    text, vae = words.TextEncoder(options.clip, device), latents.autoencoder(options.vae, device)
    scenes = sample(options.scenes, TRAINING_SEED)
    z, ids = latents.encoded(vae, options.scenes, TRAINING_SEED, options.cache), words.tokens(words.wordings(scenes))
    z, ids, empty = z.to(device), ids.to(device), words.tokens([[""]])[0, 0].to(device)
    unet = network(text.width, options.widths)
    portable.start_from(unet, options.start, options.relearn)
    portable.take_up(options, unet)
    restart = portable.Restart()
    run = common.Run(options, unet, {"restart": restart})
    finish = portable.Finish(run, restart, lambda: network(text.width, options.widths), Judge(options, vae, text))
    model = torch.compile(run.model) if options.compile else run.model
    for step in run.steps():
        rng = run.numbers(step)
        chosen = torch.from_numpy(rng.integers(0, options.scenes, options.batch)).to(device)
        wording = torch.from_numpy(rng.integers(0, ids.shape[1], options.batch)).to(device)
        quantile = torch.from_numpy(rng.uniform(1e-5, 1 - 1e-5, options.batch)).float().to(device)
        share = options.dropout if step >= options.dropout_from else 0.0
        context = text(dropped(ids[chosen, wording], empty, share, rng))
        z0, epsilon = z[chosen].float(), run.noise(step, options.batch, *z.shape[1:])
        loss = loss_at(options.objective, model, z0, epsilon, quantile, context)
        finish(loss, step)
        if step + 1 == options.dropout_from and run.due(step):
            shutil.copyfile(run.file, options.out / "undropped.pt")
    print(f"{options.out / 'model'} is ready; ship it with: python -m course_utils.train.ship ROLE {options.out}")


if __name__ == "__main__":
    main()
