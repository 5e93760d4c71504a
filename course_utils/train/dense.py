"""The dense head of `course_utils.measure.dense`: a small network that reads edges and depth off renders.

    python -m course_utils.train.dense                                         # one CPU core, about five minutes
    accelerate launch -m course_utils.train.dense --batch 256 --steps 6000     # GPUs

It sees renders only, but worn and bent ones: blur, noise, resampling, colour, JPEG, and smooth warps that move picture
and maps alike, so that it reads what is there and not what an animal usually looks like. It has never seen what an
autoencoder or a generator makes. A run that is killed goes on with the same command.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import affine_grid, binary_cross_entropy_with_logits, grid_sample, interpolate

from course_utils.critters.dataset import pictures
from course_utils.measure.adherence import depth_errors
from course_utils.measure.contours import edge_scores
from course_utils.measure.dense import DenseHead, read_maps
from course_utils.models.images import to_array, to_tensor
from course_utils.train import common
from course_utils.train.critic import blurred, jpeg, resampled
from course_utils.train.data import TRAINING_SEED, VALIDATION_SEED
from course_utils.train.maps import control_maps

Picture = Float[Tensor, "1 3 h w"]
DEPTH_WEIGHT = 5.0
"""Weight of the depth's error, which is a fifth of the edges' cross-entropy or so."""


def coloured(x: Picture, rng: np.random.Generator) -> Picture:
    """Gain and offset, each channel its own."""
    gain, offset = rng.uniform(0.85, 1.1, (1, 3, 1, 1)), rng.uniform(-0.06, 0.06, (1, 3, 1, 1))
    return x * torch.from_numpy(gain).float() + torch.from_numpy(offset).float()


def noisy(x: Picture, rng: np.random.Generator) -> Picture:
    """White noise of up to 15 levels of 255."""
    return x + float(rng.uniform(0, 0.12)) * torch.from_numpy(rng.standard_normal(x.shape, dtype=np.float32))


WEARS: tuple[tuple[float, Callable[[Picture, np.random.Generator], Picture]], ...] = (
    (0.15, lambda x, rng: to_tensor(jpeg(to_array(x)[0], rng)[None])),
    (0.30, lambda x, rng: resampled(x, int(rng.integers(48, 128)))),
    (0.25, lambda x, rng: blurred(x, float(rng.uniform(0.3, 1.3)))),
    (0.30, coloured),
    (0.40, noisy),
)
"""What happens to what share of the pictures, one after the other: as hard as for the critic."""


def worn(x: Float[Tensor, "b 3 h w"], rng: np.random.Generator) -> Float[Tensor, "b 3 h w"]:
    """A batch as it might come out of a decoder; contours stay where they are."""
    for share, wear in WEARS:
        for k in np.flatnonzero(rng.random(len(x)) < share):
            x[k:k + 1] = wear(x[k:k + 1], rng).clamp(-1, 1)
    return x


def bent(x: Float[Tensor, "b c h w"], rng: np.random.Generator, share: float = 0.3,
         pixels: float = 2.5) -> Float[Tensor, "b c h w"]:
    r"""Part of the batch warped, \(x'(p) = x(p + u(p))\) with u smooth, of standard deviation `pixels`
    (elastic distortion: Simard et al., Best Practices for Convolutional Neural Networks, 2003)."""
    chosen = torch.from_numpy(np.flatnonzero(rng.random(len(x)) < share))
    if not len(chosen):
        return x
    coarse = torch.from_numpy(rng.standard_normal((len(chosen), 2, 5, 5), dtype=np.float32))
    offset = interpolate(coarse, x.shape[-2:], mode="bicubic", align_corners=True) * (2 * pixels / x.shape[-1])
    still = affine_grid(torch.eye(2, 3).expand(len(chosen), 2, 3), [len(chosen), 1, *x.shape[-2:]], align_corners=False)
    x[chosen] = grid_sample(x[chosen], still + offset.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)
    return x


Batch = tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b h w"], Float[Tensor, "b h w"]]


def examples(renders: UInt8[np.ndarray, "b h w 3"], edges: UInt8[np.ndarray, "b h w"],
             depth: UInt8[np.ndarray, "b h w"], rng: np.random.Generator) -> Batch:
    """Pictures, bent and worn, with the maps that belong to them, in [0, 1]."""
    maps = torch.from_numpy(np.stack([edges, depth], axis=1)).float() / 255
    together = bent(torch.cat([to_tensor(renders), maps], dim=1), rng)
    return worn(together[:, :3].clone(), rng), together[:, 3], together[:, 4]


def losses(answers: tuple[Tensor, Tensor], edges: Float[Tensor, "b h w"],
           depth: Float[Tensor, "b h w"]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    r"""Cross-entropy with the coverage of each pixel, \(-y\log\hat y-(1-y)\log(1-\hat y)\), and mean absolute error of
    depth, whose best guess at an uncertain border is one side or the other and not a mixture."""
    logits, guess = answers
    return binary_cross_entropy_with_logits(logits.float(), edges), (guess.float() - depth).abs().mean()


def validate(head: DenseHead, renders: np.ndarray, edges: np.ndarray, depth: np.ndarray) -> dict[str, float]:
    """Mean F1 of edges and mean error of depth on clean renders that are in no training set."""
    maps = read_maps(renders, head.eval())
    return {"edge_f1": float(edge_scores(maps.edges, edges).f1.mean()),
            "depth_error": float(depth_errors(maps.depth, depth).balanced.mean())}


def drawn(n: int, seed: int, options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Renders, edge maps and depth maps of `sample(n, seed)`, kept in the cache."""
    renders = pictures(n, seed=seed, cache=options.cache)
    return renders, control_maps("edge", n, seed, options.cache), control_maps("depth", n, seed, options.cache)


def main(argv: list[str] | None = None) -> None:
    """Train, then write the averaged weights to OUT/model."""
    options = common.parsed(common.arguments("dense", __doc__ or "", steps=1_500, batch=8, rate=3e-3), argv)
    torch.manual_seed(options.seed)
    training = drawn(options.scenes, TRAINING_SEED, options)
    held_out = drawn(min(64, options.scenes), VALIDATION_SEED, options)
    run = common.Run(options, DenseHead())
    for step in run.steps():
        rng = run.numbers(step)
        chosen = rng.integers(0, options.scenes, options.batch)
        renders, edges, depths = (part[chosen] for part in training)
        x, *wanted = examples(renders, edges, depths, rng)
        run.model.train()
        answers = run.model(x.to(run.device, memory_format=torch.channels_last))
        edge, depth = losses(answers, *(part.to(run.device) for part in wanted))
        run.learn(edge + DEPTH_WEIGHT * depth, step)
        run.note(edge=edge.detach(), depth=depth.detach())
        if run.due(step):
            run.keep(step, **validate(run.averaged(DenseHead()), *held_out))
    if run.accelerator.is_main_process:
        write_model(run.averaged(DenseHead()), options)
        print(f"wrote {options.out / 'model'}; ship it with: python -m course_utils.train.ship dense {options.out}")


def write_model(head: DenseHead, options: argparse.Namespace) -> None:
    """Half-precision weights (2 bytes a number) and the configuration."""
    folder = options.out / "model"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(head.config, indent=1) + "\n")
    weights = {name: value.contiguous().cpu() for name, value in head.state_dict().items()}
    halves = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    save_file(halves, folder / "model.safetensors")


if __name__ == "__main__":
    main()
