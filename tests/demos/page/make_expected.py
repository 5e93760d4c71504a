"""What the page's modules must agree with: `python tests/demos/page/make_expected.py` writes expected.json.

`tests/demos/test_page_agrees.py` compares the file with what the package says today, so it cannot grow old unnoticed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_utils.critters import Scene, caption, draw_pose, keypoints, sample
from course_utils.demos.skeleton import moved
from course_utils.demos.sketch import sketched
from course_utils.diffusion.interpolation import slerp
from course_utils.diffusion.inversion import invert
from course_utils.diffusion.samplers import ddim, denoise, drawn, generators, stock_scheduler
from course_utils.diffusion.schedule import trailing
from course_utils.models.tokenizer import encode

FILE = Path(__file__).with_name("expected.json")
PLACES = (0, 1, 7, 8, 15, 16, 500, 1023)
STRANGE = ("", "a red elephant's trunk", "Ünïcode — naïve café", "a FOX,on(a)pink background!", "fox 123 4x4",
           "日本の狐 🦊", "a fox " * 20, "  spaces\tand\nlines ", "it's we're I'll <|endoftext|> more",
           "İstanbul ﬁne Å")  # fmt: skip

DRAWN = ("3.4_40.9_40.70-100.100", "0.0_127.127-127.0_90.31_64.64")
"""Drawings, as a link of the page has them."""


def toy(z: torch.Tensor, t: float) -> torch.Tensor:
    """A denoiser that needs no weights; the same stands in samplers.test.mjs."""
    return (z + float(t) / 1000).sin()


def some(numbers: torch.Tensor) -> dict[str, float]:
    """A few of a tensor's numbers by position."""
    return {str(at): round(float(numbers.flatten()[at]), 6) for at in PLACES}


def noise(seed: int) -> dict[str, Any]:
    """The first and the second 1024 numbers of a seed."""
    source = generators([seed])
    return {"seed": seed, "first": some(drawn(source)), "second": some(drawn(source))}


def skeleton() -> list[int]:
    """A map with two joints moved, one of them past the border: its sums over blocks of 8 x 8, colours last."""
    joints = moved(moved(keypoints(Scene("cat", stance="walking", size=0.65)), "nose", 6.5, -9), "tail_tip", -80, 3)
    blocks = draw_pose({name: tuple(np.round(place, 1)) for name, place in joints.items()}).astype(int)
    return blocks.reshape(16, 8, 16, 8, 3).sum((1, 3)).flatten().tolist()


def sums(text: str) -> dict[str, Any]:
    """A drawing, and the sums of its map's rows and columns."""
    grey = sketched(text).astype(int)
    return {"text": text, "rows": grey.sum(1).tolist(), "columns": grey.sum(0).tolist()}


def flow_consistency() -> torch.Tensor:
    """Four steps of consistency on a flow."""
    source = generators([3])
    return denoise(toy, stock_scheduler("lcm_flow", 4), drawn(source), generator=source)


def expected() -> dict[str, Any]:
    """Everything that the file holds."""
    texts = [*sorted({caption(scene, k if k % 2 else None) for k, scene in enumerate(sample(40, 1))}), *STRANGE]
    lcm, source = stock_scheduler("lcm", 4), generators([3])
    return {
        "noise": [noise(seed) for seed in (0, 3, 12345)],
        "tokens": [[text, ids] for text, ids in zip(texts, encode(texts).tolist(), strict=True)],
        "trailing": [[count, trailing(count)] for count in (1, 4, 7, 16, 25, 50)],
        "consistency": [[n, stock_scheduler("lcm", n).timesteps.tolist()] for n in (1, 2, 3, 4, 8, 50)],
        "skeleton": skeleton(),
        "sketch": [sums(text) for text in DRAWN],
        "ddim": some(ddim(toy, drawn(generators([3])), trailing(25))),
        "lcm": some(denoise(toy, lcm, drawn(source), generator=source)),
        "euler_flow": some(denoise(toy, stock_scheduler("euler_flow", 7), drawn(generators([3])))),
        "lcm_flow": some(flow_consistency()),
        "invert": some(invert(lambda z, t: 0.2 * toy(z, t), drawn(generators([3])), trailing(25), corrections=2)),
        "slerp": some(slerp(drawn(generators([1])), drawn(generators([2])), 0.3)),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(expected(), ensure_ascii=False, indent=1) + "\n")
