"""Toy networks for the questions: small, deterministic, and with a known answer."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


class ToyNetwork:
    """Called like a denoiser, `network(x, t)`: mixes the channels at each place, and minds the time.

    It is also its own consistency function or velocity, as a question wants. `weight` `[channels, channels]` is all
    that could be trained.
    """

    def __init__(self, channels: int, seed: int) -> None:
        drawn = np.random.default_rng(seed).normal(size=(channels, channels)) / channels**0.5
        self.weight = torch.tensor(drawn, dtype=torch.float32, requires_grad=True)

    def __call__(self, x: Float[Tensor, "b c ..."], t: float | Float[Tensor, " b"]) -> Float[Tensor, "b c ..."]:
        """What the network answers at timesteps t, one for all or one for each; gradients reach `weight`."""
        time = torch.as_tensor(t, dtype=x.dtype, device=x.device).reshape(-1, *(1,) * (x.ndim - 1))
        mixed = torch.einsum("oc,bc...->bo...", self.weight.to(x), x)
        return torch.tanh(mixed) + 0.5 * torch.cos(time / 150) * x
