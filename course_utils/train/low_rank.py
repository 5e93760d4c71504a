r"""Learn only a difference of low rank: what ships is then what was trained, with nothing lost by compression.

Every matrix of weights becomes \(W_0 + UD\) with \(W_0\) frozen and r columns in U; norms, biases and matrices that the
two factors would not make smaller are learnt whole (Hu et al., LoRA: Low-Rank Adaptation of Large Language Models,
2021; for students: Luo et al., LCM-LoRA, 2023). Which is which, `course_utils.models.lowrank` decides, which ships it.
"""
from __future__ import annotations

from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from course_utils.models.lowrank import Weights, factors, matrix, worthwhile

Net = TypeVar("Net", bound=nn.Module)


class Added(nn.Module):
    r"""\(W_0 \mapsto W_0 + UD\), at first the best approximation of a `change`; of none, U is zero.

    Then the numbers in D are so large that \(W_0 + UD\) moves about as fast as if it were learnt whole.
    """

    def __init__(self, change: Float[Tensor, "o i"], rank: int) -> None:
        super().__init__()
        up, down = factors(change, rank)
        self.up = nn.Parameter(up.contiguous())
        self.down = nn.Parameter(down.contiguous() if change.any() else torch.randn_like(down) / rank**0.5)

    def forward(self, weight: Float[Tensor, "o ..."]) -> Float[Tensor, "o ..."]:
        """The weights that the layer works with."""
        return weight + (self.up @ self.down).view_as(weight)


def factorised(net: Net, base: Weights, rank: int) -> Net:
    """The network with the large matrices of `base`, frozen, and beside each a product of rank `rank`.

    At first the product is the network's difference to the base, as far as the rank allows. Matrices that the base has
    not (a ControlNet's zero convolutions) are learnt whole.
    """
    for name, layer in list(net.named_modules()):
        weight: Any = getattr(layer, "weight", None)
        if weight is None or f"{name}.weight" not in base or not worthwhile(weight, rank):
            continue
        origin = base[f"{name}.weight"].to(weight)  # the base may lie on a GPU, the network is put there later
        change = matrix(weight.detach() - origin)
        weight.data.copy_(origin)
        parametrize.register_parametrization(layer, "weight", Added(change, rank))
        layer.parametrizations["weight"].original.requires_grad_(False)
    return net


def multiplied_out(net: Net) -> Net:
    """The network with every product added to its matrix: stock layers and names again."""
    for layer in list(net.modules()):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    return net


def collapsing(net: Net) -> Net:
    """The network, which will multiply its products out as soon as it has loaded weights: for judging and keeping."""

    def collapse(loaded: nn.Module, _: Any) -> None:
        multiplied_out(loaded)

    net.register_load_state_dict_post_hook(collapse)
    return net
