"""Draw the front page's picture: scenes, the four channels of their latents, and what the decoder makes of them.

`python scripts/front_picture.py [--scenes-only]` writes `book/images/front.png`, the same bytes each time.
"""

import argparse
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from course_utils.critters import Scene, render

OUT = Path(__file__).resolve().parent.parent / "book" / "images" / "front.png"
TILE, GAP, RADIUS = 256, 14, 22
PLUM, PAPER, FOX = (np.array(colour, dtype=float) for colour in ((88, 44, 131), (251, 248, 242), (228, 122, 36)))


def cast() -> list[Scene]:
    """The six who stand on the front page: one of each species and texture, different in everything else."""
    return [
        Scene("fox", "fluffy", "orange", "purple", "sitting", "right", size=0.76),
        Scene("cat", "scaly", "blue", "yellow", "walking", "left", size=0.72),
        Scene("dog", "fluffy", "brown", "green", "standing", "right", size=0.76),
        Scene("fox", "scaly", "gray", "pink", "walking", "left", size=0.72),
        Scene("cat", "fluffy", "white", "green", "sitting", "right", size=0.76),
        Scene("dog", "scaly", "orange", "purple", "sitting", "left", size=0.74),
    ]


def through_the_vae(
    pictures: UInt8[np.ndarray, "n 128 128 3"],
) -> tuple[Float[np.ndarray, "n 4 16 16"], UInt8[np.ndarray, "n 128 128 3"]]:
    """Latents (scaled to unit variance) and reconstructions by the embedded VAE."""
    import torch

    from course_utils.models import load
    from course_utils.models.images import to_array, to_tensor

    vae = load("vae", scale="critters", device="cpu")
    with torch.no_grad():
        latents = vae.encode(to_tensor(pictures)).latent_dist.mode()
        return (latents * vae.config.scaling_factor).numpy(), to_array(vae.decode(latents).sample)


def coloured(channel: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """A latent channel as a picture: plum below zero, fox above, full at 2.5 standard deviations."""
    strength = np.clip(np.abs(channel) / 2.5, 0, 1)[..., None]
    ends = np.where(channel[..., None] < 0, PLUM, FOX)
    return np.rint(PAPER + strength * (ends - PAPER)).astype(np.uint8)


def rounded(picture: UInt8[np.ndarray, "h w 3"], size: int, radius: int, smooth: bool) -> Image.Image:
    """A picture as a tile with round corners, `size` pixels wide."""
    tile = Image.fromarray(picture).resize(
        (size, size), Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    )
    shape = Image.new("L", (4 * size, 4 * size))
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, 4 * size - 1, 4 * size - 1), 4 * radius, fill=255)
    tile.putalpha(shape.resize((size, size), Image.Resampling.LANCZOS))
    return tile


def channels(latent: Float[np.ndarray, "4 h w"]) -> Image.Image:
    """The four channels side by side, as wide as one picture."""
    size = (TILE - 3 * 6) // 4
    strip = Image.new("RGBA", (TILE, size))
    for index, channel in enumerate(latent):
        strip.alpha_composite(rounded(coloured(channel), size, 7, smooth=False), (round(index * (TILE - size) / 3), 0))
    return strip


def composed(rows: list[list[Image.Image]]) -> Image.Image:
    """Rows of tiles on a transparent ground."""
    heights = [row[0].height for row in rows]
    width = len(rows[0]) * (TILE + GAP) - GAP
    page = Image.new("RGBA", (width, sum(heights) + GAP * (len(rows) - 1)))
    for index, row in enumerate(rows):
        top = sum(heights[:index]) + GAP * index
        for column, tile in enumerate(row):
            page.alpha_composite(tile, (column * (TILE + GAP), top))
    return page


def picture(scenes_only: bool) -> Image.Image:
    """The whole front picture."""
    pictures = np.stack([render(scene) for scene in cast()])
    drawn = [rounded(one, TILE, RADIUS, smooth=True) for one in pictures]
    if scenes_only:
        return composed([drawn])
    latents, again = through_the_vae(pictures)
    return composed(
        [drawn, [channels(one) for one in latents], [rounded(one, TILE, RADIUS, smooth=True) for one in again]]
    )


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes-only", action="store_true", help="leave the VAE out (before one is trained)")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    picture(arguments.scenes_only).quantize(256, method=Image.Quantize.FASTOCTREE).save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
