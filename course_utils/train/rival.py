"""A second network that learns beside the one that is trained, with an optimiser and a pace of its own."""
from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.train import common


class Rival:
    """A network that learns beside the student, on a time scale of its own: a fake score, a discriminator."""

    def __init__(self, net: nn.Module, rate: float, device: torch.device) -> None:
        self.net = common.on_device(net, device)
        self.optimiser, self.losses = common.optimiser_for(self.net, rate), list[Tensor]()

    def join(self, accelerator: Accelerator) -> None:
        """Let several processes share its gradients; after the checkpoint is read."""
        self.model, self.stepper = accelerator.prepare(self.net, self.optimiser)
        self.accelerator = accelerator

    def learn(self, loss: Float[Tensor, ""]) -> None:
        """One step of its optimiser."""
        self.stepper.zero_grad()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        self.stepper.step()
        self.losses.append(loss.detach())

    def report(self) -> dict[str, float]:
        """Its mean loss since the last report."""
        mean = float(torch.stack(self.losses).mean())
        self.losses.clear()
        return {"rival": mean}

    def state_dict(self) -> dict[str, Any]:
        """Weights and optimiser, for the checkpoint."""
        return {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
