"""Make the pictures of the "Check yourself" questions: `python scripts/check_pictures.py` (a minute on one core).

Writes `book/web/checks/*.webp`, and what was measured on them to `book/checks/readings.json`. Each function repeats a
few lines of a notebook, on the embedded models.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from course_utils.critters import Scene, caption, render
from course_utils.critters.dataset import HELD_OUT_SEED, TRAINING_SEED, pictures
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.interpolation import slerp
from course_utils.diffusion.samplers import initial_noise
from course_utils.diffusion.schedule import alphas_bar
from course_utils.measure.sweeps import paths, stored
from course_utils.models import load
from course_utils.models.images import to_array, to_tensor

ROOT = Path(__file__).resolve().parent.parent
OUT, READINGS = ROOT / "book/web/checks", ROOT / "book/checks/readings.json"
STEPS = (1 / 64, 1 / 8, 1 / 4, 1 / 2, 1, 2)
Named = Iterator[tuple[str, UInt8[np.ndarray, "h w 3"]]]


def refresher() -> Named:
    """A fox to put under noise; and at t = 999: the noised critter, the ideal guess, an average of four, a critter."""
    yield "fox", render(Scene("fox", "fluffy", "orange", "green", "sitting", "right", size=0.76))
    world = to_tensor(pictures(2000, seed=TRAINING_SEED, size=32)).flatten(1).double()
    share = alphas_bar()[999].double()
    noise = torch.randn(1, 3072, generator=torch.Generator().manual_seed(0)).double()
    seen = share.sqrt() * world[4:5] + (1 - share).sqrt() * noise
    weights = torch.softmax(-(torch.cdist(seen, share.sqrt() * world) ** 2) / (2 * (1 - share)), dim=1)
    guesses = {"guess_noise": seen, "guess_ideal": weights @ world, "guess_few": world[4:8].mean(0, keepdim=True),
               "guess_sharp": world[9:10]}  # fmt: skip
    for name, guess in guesses.items():
        yield name, to_array(guess.float().view(1, 3, 32, 32))[0].repeat(4, 0).repeat(4, 1)


@torch.inference_mode()
def compression() -> Named:
    """A scene through the VAE with its latent rounded ever more coarsely; another, mirrored in two ways."""
    vae = load("vae", scale="critters", device="cpu")
    latents = vae.encode(to_tensor(pictures(8, seed=HELD_OUT_SEED))).latent_dist.mode()
    spread = vae.config.scaling_factor
    for place, step in enumerate(STEPS):
        rounded = (latents[:1] * spread / step).round() * step / spread
        yield f"rounded_{place}", to_array(vae.decode(rounded).sample)[0]
    as_it_was, turned = to_array(vae.decode(torch.cat([latents[4:5], latents[4:5].flip(-1)])).sample)
    yield "mirror_none", as_it_was
    yield "mirror_picture", as_it_was[:, ::-1]
    yield "mirror_latent", turned


def spaces(draw: TextToImage) -> Named:
    """From dog to fox through the words, in eight steps; and three middles between the same two animals."""
    scene = paths.with_size()[0]
    dog, fox = draw.text.read([caption(scene.but(species=name)) for name in ("dog", "fox")])
    along = torch.stack([dog + k / 8 * (fox - dog) for k in range(9)])
    for place, picture in enumerate(draw(along, initial_noise([0]).expand(9, -1, -1, -1))):
        yield f"dog_fox_{place}", picture
    noises = initial_noise([2, 3]).split(1)
    words = draw.text.read([caption(one) for one in paths.pairs(2)[1]]).split(1)
    codes = [draw.latents(*pair) for pair in zip(words, noises, strict=True)]
    yield "middle_codes", draw.decode((codes[0] + codes[1]) / 2)[0]
    yield "middle_noise", draw(words[1], slerp(noises[0], noises[1], 0.5))[0]
    yield "middle_words", draw((words[0] + words[1]) / 2, noises[1])[0]


def readings() -> dict[str, int]:
    """Where on the way from dog to fox the critic first says fox (the stored measurement of the same nine pictures)."""
    species = np.array(stored("dog_fox_cat")["facts"]["species"])[0, :9]
    return {"fox_from": int(np.argmax(species[:, 1] > 0.5))}


def main() -> None:
    """Write everything."""
    OUT.mkdir(parents=True, exist_ok=True)
    for made in (refresher(), compression(), spaces(TextToImage.load())):
        for name, picture in made:
            Image.fromarray(np.ascontiguousarray(picture)).save(OUT / f"{name}.webp", quality=90, method=6)
    READINGS.write_text(json.dumps(readings(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
