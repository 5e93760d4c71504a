"""How many times fewer numbers, for any VAE."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils.grading.question import Case, Mistake, Question

Config = dict[str, Any]


def cases(rng: np.random.Generator) -> list[Case]:
    """SDXL's shape first, then VAEs that nobody has built: any blocks and channels, pictures that are not square."""
    drawn = [_case(3, 4, [128, 256, 512, 512], 1024, 1024)]
    for blocks in (2, 3, 5, 6):
        latent, colours = int(rng.integers(2, 33)), int(rng.choice([1, 4, 5]))
        widths = [int(rng.choice([32, 64, 128])) for _ in range(blocks)]
        height, width = (2 ** (blocks - 1) * int(side) for side in rng.choice(np.arange(3, 20), 2, replace=False))
        drawn.append(_case(colours, latent, widths, height, width))
    return drawn


def _case(colours: int, latent: int, widths: list[int], height: int, width: int) -> Case:
    config = {"in_channels": colours, "latent_channels": latent, "block_out_channels": widths}
    return {"config": config, "height": height, "width": width}


def compression_ratio(config: Config, height: int, width: int) -> float:
    """Numbers in the picture over numbers in the latent."""
    factor = _factor(config)
    picture = config["in_channels"] * height * width
    latent = config["latent_channels"] * (height // factor) * (width // factor)
    return picture / latent


def _factor(config: Config) -> int:
    return 2 ** (len(config["block_out_channels"]) - 1)


def _with_factor(config: Config, factor: float) -> float:
    return config["in_channels"] * factor**2 / config["latent_channels"]


def _by_halving(config: Config, height: int, width: int) -> float:
    picture = height * width * config["in_channels"]
    for _ in config["block_out_channels"][1:]:
        height, width = height // 2, width // 2
    return picture / (height * width * config["latent_channels"])


def _in_place(config: Config, height: int, width: int) -> Any:
    widths = config["block_out_channels"]
    widths.pop()
    ratio = np.float32(config.pop("in_channels"))
    while widths:
        widths.pop()
        ratio *= 4
    return ratio / config.pop("latent_channels")


def _tensor(config: Config, height: int, width: int) -> Any:
    import torch

    return torch.tensor(config["in_channels"] * _factor(config) ** 2) / config["latent_channels"]


QUESTION = Question(
    id="q1",
    title="How many times fewer numbers?",
    answer="compression_ratio",
    points=2,
    minutes=5,
    hints=(
        "Write down the shape of the latent first. Which entries of the configuration does it depend on?",
        "Every block but one ends by halving height and width. What does halving both do to the count of numbers?",
        "A count is channels times height times width, on both sides. Divide the larger by the smaller.",
    ),
    cases=cases,
    framework="numpy",  # no arrays here: so nobody waits for torch
    reference=compression_ratio,
    alternatives=(_by_halving, _in_place, _tensor),
    mistakes=(
        Mistake(
            "every block halves",
            lambda config, height, width: _with_factor(config, 2 * _factor(config)),
            "One halving too many: does every block make the grid smaller?",
            points=1,
        ),
        Mistake(
            "one halving too few",
            lambda config, height, width: _with_factor(config, _factor(config) / 2),
            "One halving too few: count the places between the blocks again.",
            points=1,
        ),
        Mistake(
            "one side only",
            lambda config, height, width: config["in_channels"] * _factor(config) / config["latent_channels"],
            "A picture has two sides, and both become shorter.",
        ),
        Mistake(
            "upside down",
            lambda config, height, width: 1 / compression_ratio(config, height, width),
            "Upside down: how many times *fewer* numbers has the latent?",
        ),
        Mistake(
            "channels forgotten",
            lambda config, height, width: float(_factor(config) ** 2),
            "That counts places. At each place stand several numbers, in the picture and in the latent.",
        ),
        Mistake(
            "latent channels forgotten",
            lambda config, height, width: float(config["in_channels"] * _factor(config) ** 2),
            "At each place of the latent stands more than one number.",
        ),
        Mistake(
            "always three colours",
            lambda config, height, width: 3 * _factor(config) ** 2 / config["latent_channels"],
            "Not every picture has three channels: some of these VAEs read grey pictures, or more than colours.",
        ),
        Mistake(
            "always eight times",
            lambda config, height, width: _with_factor(config, 8),
            "Eight times per side is Stable Diffusion's. Others follow from their configuration.",
        ),
        Mistake(
            "forty-eight from memory",
            lambda config, height, width: 48.0,
            "Right for Stable Diffusion. Now for any configuration.",
        ),
        Mistake(
            "rounded down",
            lambda config, height, width: int(compression_ratio(config, height, width)),
            "A ratio need not be a whole number.",
            points=1,
        ),
        Mistake("a text", lambda config, height, width: "48x", "should be a number, but it is a text"),
        Mistake(
            "the shape instead",
            lambda config, height, width: (config["latent_channels"], height // 8, width // 8),
            "should be a number, but it is a tuple",
        ),
    ),
)
