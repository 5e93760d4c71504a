r"""How fine each tensor must be kept, so that a file is small and its network still answers the same.

A tensor W rounded to multiples of a step \(\Delta\) errs by \(\Delta^2/12\) a number. How much of that arrives at the
output is measured, with a small noise on that tensor alone:
\(G_W = \mathbb E\lVert f(W + \sigma\varepsilon) - f(W)\rVert^2 / \sigma^2\). Of all ways to share an error among
tensors the file is smallest when each number costs the output the same, \(\Delta_W^2\, G_W / n_W\) equal for all, and
frequent levels take fewer bits (Gray and Neuhoff, Quantization, 1998): the latter gzip does. Low-rank factors get the
step that leaves the same error in their product.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.critters import caption, render, sample
from course_utils.demos.parts import BASE
from course_utils.diffusion import schedule
from course_utils.models import load
from course_utils.models.images import to_tensor
from course_utils.models.lowrank import DOWN, UP
from course_utils.models.text import load_text

NUDGE = 0.02
"""Of a tensor's standard deviation: small enough for the answer to change in proportion."""

ERROR = {BASE: 0.001, "vae": 0.012}
"""Of what a network says, the share that rounding may change, were every tensor rounded to its step; 8 bits may be
coarser. On 8 scenes the denoiser's pictures stay within 42 dB of those in full precision, its students' within 36 to
40, the decoder's within 49."""

COARSEST = 0.5
"""Of a tensor's standard deviation: what counts for little here counts for more in a ControlNet, which is a copy."""

SCENES, SEED, DECODED = 8, 77, 3
TIMES = (20, 100, 250, 400, 550, 700, 850, 999)

Steps = Mapping[str, float]


def matrices(network: nn.Module, part: str = "") -> dict[str, Tensor]:
    """The weights with more than one axis, of a part of a network."""
    return {name: weight for name, weight in network.named_parameters() if weight.ndim > 1 and name.startswith(part)}


@torch.no_grad()
def gains(weights: Mapping[str, Tensor], answer: Callable[[], Tensor], seed: int = 0) -> dict[str, float]:
    r"""\(G_W\) of each tensor, relative to the answer's squared length. They change on the way, and come back whole."""
    source, whole = torch.Generator().manual_seed(seed), answer()
    found = {}
    for name, weight in weights.items():
        kept, size = weight.detach().clone(), NUDGE * float(weight.std())
        weight.add_(size * torch.randn(weight.shape, generator=source))
        found[name] = float((answer() - whole).square().sum() / whole.square().sum()) / size**2
        weight.copy_(kept)
    return found


def steps(weights: Mapping[str, Tensor], answer: Callable[[], Tensor], error: float) -> dict[str, float]:
    r"""\(\Delta_W = \text{error}\,\sqrt{12\, n_W / (N\, G_W)}\), with which all tensors together err by `error`;
    none is coarser than `COARSEST`."""
    total, found = sum(weight.numel() for weight in weights.values()), gains(weights, answer)
    ideal = {name: error * (12 * weight.numel() / (total * max(found[name], 1e-12))) ** 0.5
             for name, weight in weights.items()}  # fmt: skip
    return {name: min(step, COARSEST * float(weights[name].std())) for name, step in ideal.items()}


@lru_cache(maxsize=1)
def examples() -> tuple[Tensor, Tensor]:
    """Latents of held-out scenes, and the hidden states of their captions."""
    scenes = sample(SCENES, SEED)
    vae = load("vae", "critters", "cpu")
    with torch.no_grad():
        pictures = to_tensor(np.stack([render(scene) for scene in scenes]))
        z = vae.encode(pictures).latent_dist.mean * vae.config.scaling_factor
    return z, load_text("critters", "cpu").read([caption(scene) for scene in scenes])


@lru_cache(maxsize=2)
def steps_of(role: str) -> Steps:
    """For the base's denoiser, or for the autoencoder's decoder; none for others, which keep 8 bits."""
    if role not in ERROR:
        return MappingProxyType({})
    network, (z, states) = load(role, "critters", "cpu"), examples()
    if role == "vae":
        shown = z[:DECODED] / network.config.scaling_factor
        return MappingProxyType(steps(matrices(network, "decoder"), lambda: network.decode(shown).sample, ERROR[role]))
    times = torch.tensor(TIMES)
    noised = schedule.noise(z, torch.randn(z.shape, generator=torch.Generator().manual_seed(1)), times)
    return MappingProxyType(steps(matrices(network), lambda: network(noised, times, states).sample, ERROR[role]))


def of_factors(tensors: Mapping[str, np.ndarray], of_base: Steps) -> dict[str, float]:
    r"""For U and D of W: \(\Delta U\,D + U\,\Delta D\) errs as W rounded to its own step does, half from each."""
    found = {}
    for name, step in of_base.items():
        up, down = tensors.get(name + UP), tensors.get(name + DOWN)
        if up is not None and down is not None and up.size and down.size:
            found[name + UP] = step / (2 * up.shape[1] * float(np.square(down).mean()) + 1e-12) ** 0.5
            found[name + DOWN] = step / (2 * up.shape[1] * float(np.square(up).mean()) + 1e-12) ** 0.5
    return found
