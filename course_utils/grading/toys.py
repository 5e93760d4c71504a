"""Toy networks for the questions: small, deterministic, and with a known answer."""
from __future__ import annotations

import functools

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import binary_erosion
from torch import Tensor

from course_utils.critters import mask, sample
from course_utils.diffusion.schedule import alphas_bar


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


SPREAD = 0.15
"""Standard deviation of the ink around an outline's points."""


@functools.lru_cache(maxsize=32)
def outline(seed: int, count: int = 60) -> Float[np.ndarray, "count 2"]:
    """Points along a critter's outline, scaled to mean 0 and variance 1."""
    animal = mask(sample(1, seed)[0], 64) > 127
    row, column = np.nonzero(animal & ~binary_erosion(animal))
    points = np.stack([column, -row], axis=1).astype(np.float64)
    points = (points - points.mean(0)) / points.std()
    return points[np.linspace(0, len(points) - 1, count).astype(int)]


def ideal_noise(
    x: Float[np.ndarray, "n 2"], bar: float, points: Float[np.ndarray, "m 2"]
) -> Float[np.ndarray, "n 2"]:
    r"""The best guess of the noise in x at the level \(\bar\alpha\), where data are the points with some spread.

    \(\mathbb E[x_0|x]\) by Bayes' rule, as in the refresher; each point is a small Gaussian.
    """
    spread = bar * SPREAD**2 + 1 - bar
    away = ((x[:, None] - bar**0.5 * points) ** 2).sum(-1) / (2 * spread)
    weights = np.exp(away.min(1, keepdims=True) - away)
    centre = weights @ points / weights.sum(1, keepdims=True)
    x0 = centre + bar**0.5 * SPREAD**2 / spread * (x - bar**0.5 * centre)
    return (x - bar**0.5 * x0) / (1 - bar) ** 0.5


class Budget:
    """An ideal denoiser of a critter's outline that may be asked so often, and keeps a receipt.

    Its last `most + 1` rows are no points but bookkeeping: whatever a sampler does to all rows alike shows there, as
    weights of the first noise and of each answer so far. So a receipt says how to get the result from any other noise.
    """

    def __init__(self, seed: int, most: int) -> None:
        self.points, self.most = outline(seed), most
        self.times: list[int] = []
        self.queries: list[Tensor] = []

    def __call__(self, z: Float[Tensor, "n 2"], t: float) -> Float[Tensor, "n 2"]:
        """The noise in z at timestep t, 0 to 999. Raises `RuntimeError` once the budget is spent."""
        if len(self.times) >= self.most:
            raise RuntimeError(f"the budget of {self.most} evaluations is spent")
        if not 0 <= t < len(alphas_bar()) or int(t) != t:
            raise ValueError(f"timesteps are whole numbers from 0 to 999, got {t}")
        self.times.append(int(t))
        self.queries.append(self._weights(z))
        noise = ideal_noise(z.detach().double().numpy(), float(alphas_bar()[int(t)]), self.points)
        noise[-self.most - 1 :] = 0
        noise[-self.most - 1 + len(self.times), 0] = 1
        return torch.tensor(noise).to(z)

    def receipt(self, z: Float[Tensor, "n 2"]) -> dict[str, object]:
        """What to hand in: where it was asked, what for, and what became of it."""
        return {"times": list(self.times), "queries": torch.stack(self.queries), "end": self._weights(z)}

    def _weights(self, z: Float[Tensor, "n 2"]) -> Float[Tensor, " k"]:
        return z[-self.most - 1 :, 0].detach().double().clone()


def first_noise(noise: Float[np.ndarray, "n 2"], most: int) -> Float[np.ndarray, "n+most+1 2"]:
    """Noise with the rows below it in which a `Budget` keeps its books."""
    books = np.zeros((most + 1, 2))
    books[0, 0] = 1
    return np.concatenate([noise, books])
