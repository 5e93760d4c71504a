"""The critic of `course_utils.measure.critic`: a small network that reads attributes and keypoints off renders.

    python -m course_utils.train.critic                                        # two CPU cores, about twenty minutes
    accelerate launch -m course_utils.train.critic --batch 256 --steps 20000   # GPUs

It sees renders only, but worn ones: noise, blur, shifts, resampling, colour and contrast, JPEG. So it can judge what
an autoencoder or a generator makes without being thrown by a soft edge, and without ever having seen one. A run that is
killed goes on with the same command.
"""
from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, interpolate

from course_utils.critters import Scene, sample
from course_utils.critters.dataset import pictures
from course_utils.measure.critic import ATTRIBUTES, Critic, accuracy, keypoint_errors, read, true_keypoints
from course_utils.models.images import to_tensor
from course_utils.train import common
from course_utils.train.data import TRAINING_SEED, VALIDATION_SEED

Truth = dict[str, Tensor]


def truths(scenes: list[Scene]) -> Truth:
    """What there is to read, as tensors: an index for each attribute, the size, the keypoints."""
    words = {name: torch.tensor([choices.index(getattr(scene, name)) for scene in scenes])
             for name, choices in ATTRIBUTES.items()}
    sizes = torch.tensor([scene.size for scene in scenes])
    return {**words, "size": sizes, "keypoints": torch.from_numpy(true_keypoints(scenes))}


def worn(batch: UInt8[np.ndarray, "b 128 128 3"], truth: Truth, rng: np.random.Generator) -> tuple[Tensor, Truth]:
    """A batch as it might come out of an autoencoder, and the truth moved along. Each wear strikes a part."""
    x = to_tensor(np.stack([jpeg(p, rng) if rng.random() < 0.15 else p for p in batch]))
    x, truth = moved(x, truth, rng)
    x = _some(x, rng, 0.3, lambda part: resampled(part, int(rng.integers(48, 128))))
    x = _some(x, rng, 0.25, lambda part: blurred(part, float(rng.uniform(0.3, 1.3))))
    x = _some(x, rng, 0.3, lambda part: part * _like(rng.uniform(0.85, 1.1, (len(part), 3, 1, 1)))
              + _like(rng.uniform(-0.06, 0.06, (len(part), 3, 1, 1))))
    x = _some(x, rng, 0.4, lambda part: part + _like(rng.uniform(0, 0.12, (len(part), 1, 1, 1)))
              * _like(rng.standard_normal(part.shape, dtype=np.float32)))
    return x.clamp(-1, 1), truth


def _like(numbers: np.ndarray) -> Tensor:
    return torch.from_numpy(numbers).float()


def _some(x: Tensor, rng: np.random.Generator, share: float, wear: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply `wear` to a random part of the batch."""
    chosen = torch.from_numpy(np.flatnonzero(rng.random(len(x)) < share))
    if len(chosen):
        x[chosen] = wear(x[chosen])
    return x


def jpeg(picture: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Through a JPEG file of random quality."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=int(rng.integers(25, 90)))
    return np.asarray(Image.open(file))


def moved(x: Float[Tensor, "b 3 h w"], truth: Truth, rng: np.random.Generator) -> tuple[Tensor, Truth]:
    r"""Half of the batch shifted and zoomed, \(p' = (p - \tfrac12 - t)/z + \tfrac12\), the border continued."""
    chosen = torch.from_numpy(np.flatnonzero(rng.random(len(x)) < 0.5))
    if not len(chosen):
        return x, truth
    zoom, shift = _like(rng.uniform(0.94, 1.1, len(chosen))), _like(rng.uniform(-0.05, 0.05, (len(chosen), 2)))
    matrix = torch.zeros(len(chosen), 2, 3)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, :, 2] = zoom, zoom, 2 * shift
    truth = {name: value.clone() for name, value in truth.items()}
    truth["size"][chosen] /= zoom
    truth["keypoints"][chosen] = (truth["keypoints"][chosen] - 0.5 - shift[:, None]) / zoom[:, None, None] + 0.5
    x[chosen] = grid_sample(x[chosen], affine_grid(matrix, list(x[chosen].shape), align_corners=False),
                            padding_mode="border", align_corners=False)
    return x, truth


def resampled(x: Float[Tensor, "b 3 h w"], size: int) -> Float[Tensor, "b 3 h w"]:
    """Down to `size` pixels and up again."""
    small = interpolate(x, (size, size), mode="bilinear", antialias=True)
    return interpolate(small, x.shape[-2:], mode="bicubic").clamp(-1, 1)


def blurred(x: Float[Tensor, "b 3 h w"], sigma: float) -> Float[Tensor, "b 3 h w"]:
    """Gaussian blur of `sigma` pixels, seven taps each way."""
    taps = torch.exp(-0.5 * (torch.arange(-3, 4) / sigma) ** 2)
    kernel = (taps / taps.sum()).repeat(3, 1)[:, None]
    x = torch.nn.functional.pad(x, (3, 3, 3, 3), mode="replicate")
    x = torch.nn.functional.conv2d(x, kernel[:, :, None, :], groups=3)
    return torch.nn.functional.conv2d(x, kernel[:, :, :, None], groups=3)


def reading_loss(answers: dict[str, Tensor], truth: Truth) -> Float[Tensor, ""]:
    """Cross-entropy of each attribute, absolute error of size and keypoints (weighted to count about as much)."""
    words = sum(cross_entropy(answers[name], truth[name], label_smoothing=0.02) for name in ATTRIBUTES)
    return (words + 20 * (answers["size"] - truth["size"]).abs().mean()
            + 50 * (answers["keypoints"] - truth["keypoints"]).abs().mean())


def validate(critic: Critic, held_out: np.ndarray, scenes: list[Scene]) -> dict[str, float]:
    """Accuracy by attribute and the median keypoint error, on clean renders that are in no training set."""
    reading = read(held_out, critic.eval())
    return {**accuracy(reading, scenes), "keypoint": float(np.median(keypoint_errors(reading, scenes)))}


def main(argv: list[str] | None = None) -> None:
    """Train, then write the averaged weights to OUT/model."""
    options = common.parsed(common.arguments("critic", __doc__ or "", steps=4_000, batch=40, rate=2e-3), argv)
    torch.manual_seed(options.seed)
    renders = pictures(options.scenes, seed=TRAINING_SEED, cache=options.cache)
    truth = truths(sample(options.scenes, TRAINING_SEED))
    scenes = sample(min(512, options.scenes), VALIDATION_SEED)
    held_out = pictures(len(scenes), seed=VALIDATION_SEED, cache=options.cache)
    run = common.Run(options, Critic())
    for step in run.steps():
        rng = run.numbers(step)
        chosen = rng.integers(0, options.scenes, options.batch)
        x, wanted = worn(renders[chosen], {name: value[chosen] for name, value in truth.items()}, rng)
        run.model.train()
        answers = run.model(x.to(run.device, memory_format=torch.channels_last))
        loss = reading_loss(answers, {name: value.to(run.device) for name, value in wanted.items()})
        run.learn(loss, step)
        run.note(loss=loss.detach())
        if run.due(step):
            run.keep(step, **validate(run.averaged(Critic()), held_out, scenes))
    if run.accelerator.is_main_process:
        write_model(run.averaged(Critic()), options)
        print(f"wrote {options.out / 'model'}; ship it with: python -m course_utils.train.ship critic {options.out}")


def write_model(critic: Critic, options: argparse.Namespace) -> None:
    """Half-precision weights (2 bytes a number) and the configuration."""
    folder = options.out / "model"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(critic.config, indent=1) + "\n")
    weights = {name: value.contiguous().cpu() for name, value in critic.state_dict().items()}
    halves = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    save_file(halves, folder / "model.safetensors")


if __name__ == "__main__":
    main()
