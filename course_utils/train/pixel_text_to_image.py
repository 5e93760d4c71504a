r"""The twin without an autoencoder: `diffusers.UNet2DConditionModel` on pixels, for claim C04.

    python -m course_utils.train.pixel_text_to_image --equal runs/text_to_image       # as much compute as that run had
    python -m course_utils.train.pixel_text_to_image --flops 1e15 --every 500                          # two CPU cores
    python -m course_utils.train.pixel_text_to_image --batch 256 --rate 2e-3 --scenes 60000 --judged 256     # one GPU

Everything but space and objective is the latent model's (`course_utils.train.text_to_image`): captions and the order in
which they are drawn, text encoder, judge. Network and noise schedule follow ADM (Dhariwal and Nichol, Diffusion Models
Beat GANs on Image Synthesis, 2021): few channels where pixels are many, attention only at 16x16 and below, noise whose
variance rises linearly; and simple diffusion (Hoogeboom et al., 2023), which lays pixels of 2x2 on top of each other:
3x128x128 becomes 12x64x64, nothing is lost, and the levels that cost most and learn least are spared.

What it predicts is v, as simple diffusion does: a picture's colours are decided where hardly anything of it is left.
With Stable Diffusion's schedule the twin drew animals, but not in the colours that it was asked for: at the last step
of the schedule a wall's colour still showed through the noise, so that nothing need be read for it, and a sampler
begins with noise through which nothing shows (Lin et al., Common Diffusion Noise Schedules and Sample Steps Are Flawed,
2024). ADM's schedule takes that away, and was no cure by itself (walls right in half of the pictures after 3,000
steps): to a loss on the noise, an error in the picture counts SNR times, there as good as nothing. `--objective
epsilon` is that loss.

The log counts the FLOPs so far (`course_utils.train.compute` says which); `--snapshots` keeps weights along the way, so
that quality can be drawn against them. A run that is killed goes on with the same command.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers.models import UNet2DConditionModel
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from course_utils.critters import Scene, caption, sample
from course_utils.critters.dataset import pictures
from course_utils.diffusion import schedule
from course_utils.diffusion.samplers import denoise, initial_noise, stock_scheduler, with_guidance
from course_utils.measure.critic import load_critic
from course_utils.models.images import to_array
from course_utils.models.schedulers import scheduler
from course_utils.train import common, compute, portable, text_to_image, words
from course_utils.train.clip import on_device
from course_utils.train.data import TRAINING_SEED, VALIDATION_SEED
from course_utils.train.text_to_image import EVALUATIONS, Context, Denoiser, dropped, plain_attention

WIDTHS = (24, 32, 48, 64)
ATTENTIVE = 2
"""So many of the lowest levels attend to the caption: those of 16x16 and 8x8."""

SIZE, FOLD, HELD_OUT = 128, 2, 64

SAMPLER = "ddim_pixels"
"""Which of `models.schedulers` has the noise schedule."""

PREDICTED = {"v": "v_prediction", "epsilon": "epsilon"}
"""What diffusers' schedulers call an objective; `SAMPLER` is configured for the first."""

GAMMA = 5.0
"""Signal-to-noise ratio from which on an error in the picture counts no more (Hang et al., Min-SNR Weighting, 2023)."""

Pixels = Float[Tensor, "b 12 64 64"]


def network(context: int, widths: tuple[int, ...] = WIDTHS) -> UNet2DConditionModel:
    """The U-Net, untrained: levels from 64x64 down, one residual layer each; shipped it weighs less than 3 MB.

    `context` is the width of the text encoder.
    """
    convolutional, channels = len(widths) - ATTENTIVE, 3 * FOLD**2
    down = (*("DownBlock2D",) * convolutional, *("CrossAttnDownBlock2D",) * ATTENTIVE)
    up = (*("CrossAttnUpBlock2D",) * ATTENTIVE, *("UpBlock2D",) * convolutional)
    unet = UNet2DConditionModel(
        sample_size=SIZE // FOLD, in_channels=channels, out_channels=channels, block_out_channels=tuple(widths),
        layers_per_block=1,
        down_block_types=down, up_block_types=up, cross_attention_dim=context, attention_head_dim=4,
        norm_num_groups=8)
    return plain_attention(unet)


def folded(renders: UInt8[np.ndarray, "n 128 128 3"], device: torch.device) -> Float[Tensor, "n 12 64 64"]:
    """Pictures in [-1, 1], the four pixels of each square on top of each other; `pixel_shuffle` lays them back."""
    return pixel_unshuffle(on_device(renders, device), FOLD)


def loss_at(
    objective: str, unet: Denoiser, x: Pixels, epsilon: Pixels, quantile: Float[Tensor, " b"], context: Context
) -> Float[Tensor, ""]:
    r"""\(w_t\,\lVert\hat y(x_t, t, c) - y\rVert^2\), mean over numbers, of \(y = v\) or \(y = \epsilon\).

    With \(w_t = \min(\mathrm{SNR}_t+1, \gamma+1)/(\mathrm{SNR}_t+1)\) for v and \(\min(\mathrm{SNR}_t, \gamma)/
    \mathrm{SNR}_t\) for the noise, an error in the implied picture counts SNR + 1 or SNR times, up to \(\gamma\): in
    pure noise once, or not at all (Salimans and Ho, Progressive Distillation, 2022, section 4). Times are given as
    numbers in (0, 1).
    """
    t = (quantile * schedule.STEPS).long()
    a = scheduler(SAMPLER).alphas_cumprod.to(x.device)[t].view(-1, 1, 1, 1)
    predicted = unet(a.sqrt() * x + (1 - a).sqrt() * epsilon, t, context, return_dict=False)[0]
    wanted = a.sqrt() * epsilon - (1 - a).sqrt() * x if objective == "v" else epsilon
    counts = (a / (1 - a) + (objective == "v")).flatten()
    weight = counts.clamp(max=GAMMA + (objective == "v")) / counts
    return (weight * (predicted - wanted).square().mean((1, 2, 3))).mean()


@torch.inference_mode()
def generate(
    unet: UNet2DConditionModel, text: words.TextEncoder, prompts: list[str], seeds: list[int], scale: float,
    objective: str = "v", batch: int = 16,
) -> Float[Tensor, "n 3 128 128"]:
    """Pictures in about [-1, 1] of prompts, one seed each, at a guidance scale: 25 steps of DDIM."""
    parts, empty = [], text.read([""])
    for k in range(0, len(prompts), batch):
        conditional = text.read(prompts[k : k + batch])
        predict = with_guidance(unet, conditional, empty.expand_as(conditional), scale)
        noise = initial_noise(seeds[k : k + batch], unet.config.sample_size, unet.config.in_channels)
        sampler = stock_scheduler(SAMPLER, EVALUATIONS)
        sampler.register_to_config(prediction_type=PREDICTED[objective])
        parts.append(denoise(predict, sampler, noise.to(text.device)))
    return pixel_shuffle(torch.cat(parts), FOLD)


class Judge(text_to_image.Judge):
    """The latent model's judge, to whom a folded picture is a latent; counts the FLOPs beside."""

    def __init__(self, options: argparse.Namespace, text: words.TextEncoder, step_flops: int) -> None:
        self.options, self.text, self.step_flops = options, text, step_flops
        self.scenes = sample(min(HELD_OUT, options.scenes), VALIDATION_SEED)
        self.latents = folded(pictures(len(self.scenes), VALIDATION_SEED, cache=options.cache), text.device)
        self.epsilon = torch.randn(self.latents.shape, generator=torch.Generator().manual_seed(VALIDATION_SEED))
        self.critic = load_critic(str(text.device)) if options.judged else None

    def __call__(self, unet: UNet2DConditionModel, step: int) -> dict[str, float]:
        """The numbers of a log row, FLOPs so far first; writes the contact sheet."""
        return {"flops": step * self.step_flops, **super().__call__(unet, step)}

    def pictures(self, unet: UNet2DConditionModel, scenes: list[Scene]) -> np.ndarray:
        """One picture for each scene's plain caption, seeds 0, 1, 2, ..."""
        prompts, seeds = [caption(scene) for scene in scenes], list(range(len(scenes)))
        return to_array(generate(unet, self.text, prompts, seeds, self.options.scale, self.options.objective))

    def loss_of(
        self, unet: Denoiser, z0: Pixels, epsilon: Pixels, quantile: Float[Tensor, " b"], context: Context
    ) -> Float[Tensor, ""]:
        """That of a batch."""
        return loss_at(self.options.objective, unet, z0, epsilon, quantile, context)


def steps_within(options: argparse.Namespace, step_flops: int) -> int:
    """The length of the schedule: as many steps as the budget pays for, or `--steps` where none is given.

    Raises `ValueError` if it does not pay for one.
    """
    if options.smoke or not (options.flops or options.equal):
        return int(options.steps)
    budget = options.flops or sum(compute.latent_bill(options.equal).values())
    if budget < step_flops:
        raise ValueError(f"a step costs {step_flops:.3g} FLOPs, the budget is {budget:.3g}: give more, or a smaller"
                         " --batch")
    return int(budget // step_flops)


def main(argv: list[str] | None = None) -> None:
    """Train; the averaged weights lie in OUT/model after every validation."""
    parser = common.arguments("pixel_text_to_image", __doc__ or "", steps=8_000, batch=32, rate=1e-3)
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--flops", type=float, default=None, help="compute to spend, in place of --steps")
    budget.add_argument("--equal", type=Path, default=None, metavar="RUN",
                        help="a latent run's folder, or its shipped weights': spend as much as it and its autoencoder")
    parser.add_argument("--dropout", type=float, default=0.1, help="share of captions dropped (default %(default)s)")
    parser.add_argument("--scale", type=float, default=3.0, help="guidance scale of judged pictures (%(default)s)")
    parser.add_argument("--judged", type=int, default=64, help="pictures for the critic; 0: only the held-out loss")
    parser.add_argument("--objective", choices=tuple(PREDICTED), default="v", help="what is predicted (%(default)s)")
    parser.add_argument("--clip", type=Path, default=Path("runs/clip/model"), help="a CLIP's folder (%(default)s)")
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS, help="channels of the levels, by eights")
    options = common.parsed(parser, argv)
    train(options)


def train(options: argparse.Namespace) -> None:
    """The whole method: noise a picture, read the caption, predict v."""
    torch.manual_seed(options.seed)
    device = common.own_device()
    text = words.TextEncoder(options.clip, device)
    renders = pictures(options.scenes, TRAINING_SEED, cache=options.cache)
    ids = words.tokens(words.wordings(sample(options.scenes, TRAINING_SEED))).to(device)
    empty = words.tokens([[""]])[0, 0].to(device)
    unet = network(text.width, options.widths)
    step_flops = compute.step_flops(unet, options.batch)
    options.steps = steps_within(options, step_flops)
    portable.take_up(options, unet)
    restart = portable.Restart()
    run = common.Run(options, unet, {"restart": restart})
    judge = Judge(options, text, step_flops)
    finish = portable.Finish(run, restart, lambda: network(text.width, options.widths), judge)
    for step in run.steps():
        rng = run.numbers(step)
        chosen = rng.integers(0, options.scenes, options.batch)
        wording = rng.integers(0, ids.shape[1], options.batch)
        quantile = torch.from_numpy(rng.uniform(1e-5, 1 - 1e-5, options.batch)).float().to(device)
        context = text(dropped(ids[chosen, wording], empty, options.dropout, rng))
        x = folded(renders[chosen], device)
        loss = loss_at(options.objective, run.model, x, run.noise(step, *x.shape), quantile, context)
        finish(loss, step)
    print(f"{options.out / 'model'} is ready; ship it with: python -m course_utils.train.ship ROLE {options.out}")


if __name__ == "__main__":
    main()
