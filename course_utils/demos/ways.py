"""Four ways between two animals, one at a time, what took long remembered (claims C06 to C08)."""
from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion.interpolation import slerp
from course_utils.measure.sweeps.paths import End, from_noise, inverted, switched

WAYS = {"codes": "latents blended", "noise": "noise along the arc", "words": "conditioning blended",
        "inversion": "inverted and back"}  # fmt: skip
Animal = tuple[str, int]
"""Its prompt, and the seed of its noise."""

KEPT = 8


class Known(dict[Hashable, Any]):
    """The last few things that were computed, by what they depend on."""

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once; the oldest is forgotten."""
        if key not in self:
            made = make()
            if len(self) >= KEPT:
                del self[next(iter(self))]
            self[key] = made
        return self[key]


def end(draw: Any, prompt: str, seed: int) -> End:
    """A generated animal with its address."""
    noise, states = draw.noise([seed]), draw.text.read([prompt])
    return End(noise, states, draw.latents(states, noise))


def on_way(
    draw: Any, teacher: Any, way: str, first: Animal, second: Animal, t: float, known: Known | None = None
) -> Float[Tensor, "1 c s s"]:
    """The latent at time t on a way between two animals.

    Args:
        draw: a `TextToImage` that draws the two animals and the first three ways; may be a student.
        teacher: the one that inverts and comes back: a student has no path that could be walked back.
        way: one of `WAYS`.
        first, second: prompts of one template, so that their tokens are aligned, and seeds.
        t: 0 is the first, 1 the second.
        known: remembers the two ends and their inversions from call to call.

    Raises `ValueError` for an unknown way, or a time outside of [0, 1].
    """
    if way not in WAYS or not 0 <= t <= 1:
        raise ValueError(f"a place on one of {', '.join(WAYS)} has a time from 0 to 1, got {way!r} and {t}")
    remembered = Known() if known is None else known
    a, b = (remembered.once((id(draw), animal), partial(end, draw, *animal)) for animal in (first, second))
    words = torch.lerp(a.states, b.states, t)
    if way == "codes":
        return torch.lerp(a.latent, b.latent, t)
    if way == "noise":
        return draw.latents(switched(a.states, b.states, t), slerp(a.noise, b.noise, t))
    if way == "words":
        return draw.latents(words, switched(a.noise, b.noise, t))
    x, y = (remembered.once((id(draw), animal, "back"), partial(inverted, teacher, found))
            for animal, found in ((first, a), (second, b)))  # fmt: skip
    return from_noise(teacher, slerp(x, y, t), words)
