"""Every embedded model, measured: what its card says, and again whenever one doubts it.

`course_utils.measure.table` makes a table of it.

A model is named by its folder in `models/weights`. The prompts and pictures are held-out scenes; Fréchet distances of
fewer than 2,000 pictures are for a look only, and stand beside the floor of the same number.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_utils.critters import CONDITIONS, caption, sample
from course_utils.critters.dataset import HELD_OUT_SEED, TRAINING_SEED, pictures
from course_utils.diffusion.generate import TextToImage
from course_utils.measure import adherence, autoencoder, critic, embeddings, frechet, generative
from course_utils.measure.pictures import psnr
from course_utils.models import load, to_array
from course_utils.models.registry import Entry, available

Facts = dict[str, Any]
Cache = str | Path | None

READERS = ("critic", "dense")
"""Networks that measure: they have no role, for nothing is made with them."""

PROBED_ON = 2_000
"""Training scenes on which linear probes are fitted."""


def shipped() -> list[str]:
    """Folders of all embedded models that this copy of the course holds, in the registry's order."""
    return [*READERS, *(entry.folder for entry in available() if entry.embedded)]


def entry_of(name: str) -> Entry:
    """The registry's entry whose weights lie in folder `name`. Raises `ValueError` that lists what there is."""
    for entry in available():
        if entry.embedded and entry.folder == name:
            return entry
    raise ValueError(f"no embedded model called {name!r}; there are: {', '.join(shipped())}")


def known(name: str) -> None:
    """Raises `ValueError` for a name that no embedded model has."""
    if name not in READERS:
        entry_of(name)


def measured(name: str, n: int = frechet.FOR_CARDS, cache: Cache = None) -> Facts:
    """What the card of a model says under *measured*, on n held-out scenes. Takes minutes for a denoiser.

    Args:
        name: folder of the weights, such as `"vae"` or `"controlnet_pose"`.
        n: held-out scenes.
        cache: folder where renders and features are kept.
    """
    if name in READERS:
        return of_critic(n, cache) if name == "critic" else dict(adherence.dense_report(n, _path(cache)))
    entry = entry_of(name)
    measure: Callable[[Entry, int, Cache], Facts] = BY_ROLE.get(entry.role, of_denoiser)
    return measure(entry, n, cache)


def of_critic(n: int, cache: Cache) -> Facts:
    """The critic on clean renders; its card adds worn ones."""
    scenes, fresh = sample(n, HELD_OUT_SEED), np.asarray(pictures(n, HELD_OUT_SEED, cache=cache))
    return {"n": n, "on_renders": autoencoder.attributes(fresh, scenes)}


def of_vae(entry: Entry, n: int, cache: Cache) -> Facts:
    """The autoencoder on scenes and photographs; its card adds the linear rivals."""
    held_out = np.asarray(pictures(n, HELD_OUT_SEED, cache=cache))
    return dict(autoencoder.report(load("vae", "critters", "cpu"), held_out, sample(n, HELD_OUT_SEED)))


def of_clip(entry: Entry, n: int, cache: Cache) -> Facts:
    """Retrieval and probes."""
    held_out, training = (np.asarray(pictures(count, seed, cache=cache))
                          for count, seed in ((n, HELD_OUT_SEED), (PROBED_ON, TRAINING_SEED)))
    clip = load("clip", "critters", "cpu")
    return embeddings.clip_report(clip, held_out, sample(n, HELD_OUT_SEED), training, sample(PROBED_ON, TRAINING_SEED))


def of_denoiser(entry: Entry, n: int, cache: Cache) -> Facts:
    """A text-to-image model or student, as it is used unless one says otherwise."""
    draw = TextToImage.load(entry.role, "critters", "cpu")
    facts = generative.report(draw, n, cache, least=min(n, frechet.FOR_CARDS))
    return {"guidance": draw.guidance, "steps": draw.steps, "sampler": draw.sampler, "evaluations": draw.evaluations,
            **facts}


def of_controlnet(entry: Entry, n: int, cache: Cache) -> Facts:
    """Adherence to maps of held-out scenes at conditioning scale 1, the base alone and the reader's floor beside it."""
    draw = TextToImage.load("text_to_image", "critters", "cpu", condition=entry.condition)
    scenes, measure = sample(n, HELD_OUT_SEED), adherence.MEASURES[entry.condition]
    maps = np.stack([CONDITIONS[entry.condition](scene) for scene in scenes])
    wanted = critic.true_keypoints(scenes) if entry.condition == "pose" else maps
    ask = partial(draw, [caption(scene) for scene in scenes], list(range(n)), control_map=maps)
    made = {"controlled": ask(conditioning_scale=1.0), "base": ask(conditioning_scale=0.0),
            "renders": np.asarray(pictures(n, HELD_OUT_SEED, cache=cache))}
    right = critic.accuracy(critic.read(made["controlled"]), scenes)
    return {"n": n, "guidance": draw.guidance, "steps": draw.steps,
            **{name: adherence.spread(measure(shown, wanted))._asdict() for name, shown in made.items()},
            "accuracy": right, "mean_accuracy": float(np.mean(list(right.values())))}


@torch.inference_mode()
def of_preview(entry: Entry, n: int, cache: Cache) -> Facts:
    """The fast decoder against the autoencoder's own, on latents of held-out scenes; its card adds the time."""
    held_out = np.asarray(pictures(n, HELD_OUT_SEED, cache=cache))
    vae, tiny = load("vae", "critters", "cpu"), load("preview", "critters", "cpu")
    z = autoencoder.encode(vae, held_out)
    slow = autoencoder.decode(vae, z)
    parts = [to_array(tiny.decode(part * vae.config.scaling_factor).sample) for part in z.split(16)]
    fast = np.concatenate(parts)
    return {"n": n, "psnr": float(psnr(held_out, fast).mean()), "psnr_of_vae": float(psnr(held_out, slow).mean()),
            "psnr_between": float(psnr(slow, fast).mean()),
            "critic_on_decoded": autoencoder.attributes(fast, sample(n, HELD_OUT_SEED))}


BY_ROLE: dict[str, Callable[[Entry, int, Cache], Facts]] = {
    "vae": of_vae, "clip": of_clip, "controlnet": of_controlnet, "preview": of_preview}


def _path(cache: Cache) -> Path | None:
    return None if cache is None else Path(cache)
