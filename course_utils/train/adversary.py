"""A small patch discriminator, as Stable Diffusion's own autoencoder had one: optional, off unless asked for.

It judges overlapping patches of 26 pixels (Isola et al., Image-to-Image Translation, 2017) with the hinge loss, and
its inner features serve as the perceptual distance (Larsen et al., Autoencoding beyond Pixels Using a Learned
Similarity Metric, 2016): so no network that was trained on labels, and never the judging critic, enters a loss.
"""
from __future__ import annotations

import argparse
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from course_utils.train.common import cosine


class PatchDiscriminator(nn.Module):
    """Four convolutions; returns the patch scores and the features before them."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, width, 4, 2, 1), nn.Conv2d(width, 2 * width, 4, 2, 1),
                                     nn.Conv2d(2 * width, 4 * width, 3, 1, 1)])
        self.score = nn.Conv2d(4 * width, 1, 3, 1, 1)

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b 1 h/4 w/4"], list[Tensor]]:
        """Scores of the patches, higher for real, and the features of the layers before."""
        features = []
        for layer in self.layers:
            x = leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.score(x), features


class Adversary:
    """The discriminator with its own optimiser. It learns from the start and speaks from half of the schedule on."""

    def __init__(self, options: argparse.Namespace, device: torch.device | str = "cpu") -> None:
        self.net = PatchDiscriminator().to(device)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=2e-4, betas=(0.5, 0.9))
        self.steps, self.began = options.steps, options.steps // 2

    def generator_loss(self, x: Tensor, y: Tensor, step: int) -> Float[Tensor, ""]:
        """Train the judge; the generator's hinge loss plus ten times the distance between features (0 at first)."""
        self._learn(x, y.detach(), step)
        if step < self.began:
            return y.new_zeros(())
        self.net.requires_grad_(False)
        score, fake = self.net(y)
        _, real = self.net(x)
        self.net.requires_grad_(True)
        return -score.mean() + 10 * torch.stack([(a - b).abs().mean() for a, b in zip(real, fake, strict=True)]).mean()

    def _learn(self, x: Tensor, y: Tensor, step: int) -> None:
        loss = relu(1 - self.net(x)[0]).mean() + relu(1 + self.net(y)[0]).mean()
        self.optimiser.param_groups[0]["lr"] = 2e-4 * cosine(step, self.steps)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()

    def state_dict(self) -> dict[str, Any]:
        """Weights and optimiser, for the checkpoint."""
        return {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
