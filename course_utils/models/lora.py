r"""A LoRA from the hub added into the network that it was trained beside: \(W' = W + \frac{\alpha}{r} B A\).

Hu et al., LoRA: Low-Rank Adaptation of Large Language Models (2021). Adding it in costs nothing at run time, and the
network stays of the stock class.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

PREFIX = "lora_unet_"
Weights = dict[str, Tensor]


def update(down: Float[Tensor, "r ..."], up: Float[Tensor, "out r *ones"], alpha: float) -> Float[Tensor, "out ..."]:
    r"""\(\frac{\alpha}{r} B A\) in the shape of the layer's weight; of a convolution, `down` has its kernel."""
    rank = down.shape[0]
    return (alpha / rank) * (up.flatten(1) @ down.flatten(1)).reshape(up.shape[0], *down.shape[1:])


@torch.no_grad()
def merge(network: nn.Module, lora: Weights) -> nn.Module:
    """Add every update into its layer, in place, computed in float32; `network` itself comes back.

    Names are the file's: `lora_unet_<module, dots as underscores>.lora_down.weight`, `.lora_up.weight`, `.alpha`.
    Raises `ValueError` if the file names a layer that the network lacks: it belongs to another network.
    """
    layers = {PREFIX + name.replace(".", "_"): module for name, module in network.named_modules()}
    named = sorted({key.partition(".")[0] for key in lora})
    if strange := [name for name in named if name not in layers]:
        raise ValueError(f"the LoRA names {len(strange)} layers that the network lacks, {strange[0]!r} for one: it was"
                         " made for another network")
    for name in named:
        weight: Tensor = layers[name].weight  # type: ignore[assignment]
        down, up = (lora[f"{name}.lora_{side}.weight"].float() for side in ("down", "up"))
        alpha = float(lora.get(f"{name}.alpha", torch.tensor(down.shape[0])))
        change = update(down, up, alpha).reshape(weight.shape)
        weight.copy_((weight.float() + change.to(weight.device)).to(weight.dtype))
    return network
