"""The negative prompt is the same sum: towards one text, away from another."""
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion.samplers import with_guidance
from course_utils.grading.question import Case, Mistake, Question
from course_utils.grading.values import Given

Latents = Float[Tensor, "b c h w"]
Words = Float[Tensor, "b n d"]


def cases(rng: np.random.Generator) -> list[Case]:
    """The course's own denoiser, on two (small) latents at a timestep, with hidden states as its text encoder makes"
    " them."""
    return [{"unet": Given("model", {"role": "text_to_image"}), "z": rng.normal(size=(2, 4, 8, 8)),
             "t": int(rng.integers(200, 900)), "wanted": rng.normal(size=(2, 24, 96)),
             "unwanted": rng.normal(size=(2, 24, 96)), "scale": float(rng.uniform(2, 6))}]


def away(unet: Any, z: Latents, t: int, wanted: Words, unwanted: Words, scale: float) -> Latents:
    r"""\(\epsilon_- + w\,(\epsilon_+ - \epsilon_-)\)."""
    with torch.inference_mode():
        towards, from_there = unet(z, t, wanted).sample, unet(z, t, unwanted).sample
    return from_there + scale * (towards - from_there)


def _predicted(unet: Any, z: Latents, t: int, words: Words) -> Latents:
    with torch.inference_mode():
        return unet(z, t, words).sample


def _sum(unet: Any, z: Latents, t: int, first: Words, second: Words, of_first: float, of_second: float) -> Latents:
    return of_first * _predicted(unet, z, t, first) + of_second * _predicted(unet, z, t, second)


def _one_batch(unet: Any, z: Latents, t: int, wanted: Words, unwanted: Words, scale: float) -> Latents:
    with torch.no_grad():
        both = unet(torch.cat([z, z]), t, torch.cat([unwanted, wanted]), return_dict=False)[0]
    negative, positive = both.chunk(2)
    return negative.lerp(positive, scale)


def _loop(unet: Any, z: Latents, t: int, wanted: Words, unwanted: Words, scale: float) -> Latents:
    return torch.cat([_sum(unet, z[k : k + 1], t, wanted[k : k + 1], unwanted[k : k + 1], scale, 1 - scale)
                      for k in range(len(z))])


def _library(unet: Any, z: Latents, t: int, wanted: Words, unwanted: Words, scale: float) -> Latents:
    return with_guidance(unet, wanted, unwanted, scale)(z, t).detach()


def _mixed_words(unet: Any, z: Latents, t: int, wanted: Words, unwanted: Words, scale: float) -> Latents:
    return _predicted(unet, z, t, unwanted + scale * (wanted - unwanted))


def _shuffled(unet: Any, z: Latents, t: int, wanted: Words, unwanted: Words, scale: float) -> Latents:
    both = _predicted(unet, torch.cat([z, z]), t, torch.cat([unwanted, wanted]))
    positive, negative = both[1::2], both[0::2]
    return negative + scale * (positive - negative)


QUESTION = Question(
    id="q4", title="Away from a text", answer="away", points=3, minutes=10, rtol=1e-3, atol=1e-3, seconds=30,
    hints=(
        "unet(z, t, words).sample is the noise predicted for some words. You need two such predictions.",
        "In plain guidance the empty prompt is what one leaves behind. Here the unwanted words take its place.",
        "It is the sum of the first question, with other names. Nothing else changes.",
    ),
    reference=away, cases=cases, alternatives=(_one_batch, _loop, _library),
    mistakes=(
        Mistake("exchanged", lambda unet, z, t, wanted, unwanted, scale: _sum(
            unet, z, t, unwanted, wanted, scale, 1 - scale), "Your sum goes towards what is not wanted."),
        Mistake("unwanted ignored", lambda unet, z, t, wanted, unwanted, scale: _predicted(unet, z, t, wanted),
                "That is the prediction for the wanted words alone, a scale of 1."),
        Mistake("empty prompt", lambda unet, z, t, wanted, unwanted, scale: _sum(
            unet, z, t, wanted, torch.zeros_like(unwanted), scale, 1 - scale),
                "You leave behind a prompt of zeros. What should be left behind are the unwanted words."),
        Mistake("one too many", lambda unet, z, t, wanted, unwanted, scale: _sum(
            unet, z, t, wanted, unwanted, scale + 1, -scale),
                "You begin at the prediction for the wanted words, and go on from there: at a scale of 1 that is"
                " already"
                " too far."),
        Mistake("only the difference", lambda unet, z, t, wanted, unwanted, scale: _sum(
            unet, z, t, wanted, unwanted, scale, -scale), "That is the difference alone. From where does it set out?"),
        Mistake("words mixed", _mixed_words,
                "You mix the words and ask once. Guidance asks twice and mixes the answers: a network is not linear."),
        Mistake("sum, not difference", lambda unet, z, t, wanted, unwanted, scale: _sum(
            unet, z, t, wanted, unwanted, scale, 1 + scale), "You add the unwanted prediction where it should be taken"
                " away."),
        Mistake("scale forgotten", lambda unet, z, t, wanted, unwanted, scale: _sum(
            unet, z, t, wanted, unwanted, 2, -1), "`scale` is not used."),
        Mistake("wrong halves", _shuffled,
                "The batch is taken apart in another order than it was put together in: first one half, then the"
                " other."),
        Mistake("the output object", lambda unet, z, t, wanted, unwanted, scale: unet(z, t, wanted),
                "not a tensor but"),
        Mistake("both predictions", lambda unet, z, t, wanted, unwanted, scale: (
            _predicted(unet, z, t, wanted), _predicted(unet, z, t, unwanted)), "not a tensor but a tuple"),
        Mistake("batch not taken apart", lambda unet, z, t, wanted, unwanted, scale: _predicted(
            unet, torch.cat([z, z]), t, torch.cat([unwanted, wanted])), "but it should have"),
    ),
)
