"""Training inputs of a few-step generator: what its own sampling will bring."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.train.paths import Path

Latents = Float[Tensor, "b 4 16 16"]
Context = Float[Tensor, "b 24 d"]


class Chains:
    """A batch of few-step samplings under way, one evaluation a training step: the inputs that sampling will bring.

    Backward simulation (Yin et al., Improved Distribution Matching Distillation, 2024) without its cost: what the
    student made at the step before is noised again and is the next input. From each place a chain goes to any later
    one or starts anew, so that every shorter schedule is met too, and the first place, pure noise, most often.
    """

    def __init__(self, path: Path, places: list[float], batch: int, like: Context) -> None:
        self.path, self.places = path, torch.tensor([*places, 0.0])
        self.state = {"place": torch.full((batch,), len(places) - 1), "picture": torch.zeros(batch, 4, 16, 16),
                      "context": torch.zeros(batch, *like.shape[1:])}

    def next(
        self, rng: np.random.Generator, epsilon: Latents, context: Context
    ) -> tuple[Latents, Float[Tensor, " b"], Context]:
        """Inputs, places and contexts of this step; `context` is for chains that start anew."""
        place = torch.from_numpy(rng.integers(self.state["place"].numpy() + 1, len(self.places)))
        anew = (place == len(self.places) - 1).to(epsilon.device)
        place[place == len(self.places) - 1] = 0
        u = self.places[place].to(epsilon.device)
        kept = torch.where(anew[:, None, None], context, self.state["context"].to(context))
        z = torch.where(anew[:, None, None, None], epsilon,
                        self.path.noised(self.state["picture"].to(epsilon), epsilon, u))
        self.state.update(place=place, context=kept.cpu())
        return z, u, kept

    def made(self, picture: Latents) -> None:
        """Take in what the student made of the inputs."""
        self.state["picture"] = picture.detach().float().cpu()

    def state_dict(self) -> dict[str, Tensor]:
        """For the checkpoint."""
        return dict(self.state)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up what `state_dict` gave."""
        self.state = dict(state)
