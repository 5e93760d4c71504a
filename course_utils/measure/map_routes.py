r"""Three ways to show a map to a denoiser, untrained: each begins as the base and learns by the base's own loss.

* **ControlNet** (Zhang et al., 2023): a copy of the encoder beside the frozen base, joined by zero convolutions.
* **Channel concatenation** (as latent diffusion did for maps; Rombach et al., 2022): the map's features join the latent
  in front of the first convolution, by weights that begin at zero, and all of the U-Net is trained.
* **Cross-attention** (Ye et al., IP-Adapter, 2023): the map's features become further words, read by keys and values of
  their own beside the prompt's. Here the values begin at zero, and the base is frozen.
"""
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from diffusers.models import ControlNetModel
from diffusers.models.attention_processor import AttnProcessor, IPAdapterAttnProcessor
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.diffusion.controlled import Controlled
from course_utils.models.answering import answering

WIDTHS = (16, 24, 32, 64)
"""Channels of the hint encoder, as in the shipped ControlNets."""

NEW_RATE, COPY_RATE, BASE_RATE = 4e-3, 1e-3, 2e-4
"""Learning rates of what begins at zero or anew, of a copy, and of the base itself where it is trained: whatever is
changed there is heard at once. One choice each, none of them tuned."""

Latents = Float[Tensor, "n 4 16 16"]
Maps = Float[Tensor, "n 3 128 128"]
Network = Callable[[Maps], Callable[..., Any]]
"""Maps to a denoiser that is called like a U-Net."""


def controlnet(base: Any, seed: int) -> ControlNetModel:
    """A ControlNet that copies the base; its own first layers are drawn with `seed`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        control = ControlNetModel.from_unet(base, conditioning_embedding_out_channels=WIDTHS).requires_grad_(True)
    return plain(answering(control.to(base.device)))


def plain(network: Any) -> Any:
    """Attention as two matrix products: faster to train on a CPU, and counted by torch's counter of FLOPs."""
    network.set_attn_processor(AttnProcessor())
    return network


class Beside(nn.Module):
    r"""The first convolution over \([z, h]\), as the sum of two: \(W_z * z + W_h * h\), where \(W_h\) begins at 0.

    `hint` is a hint encoder whose last convolution is \(W_h\); `shown` are the maps it reads.
    """

    def __init__(self, conv_in: nn.Module, hint: nn.Module) -> None:
        super().__init__()
        self.conv_in, self.hint, self.shown = conv_in, hint, torch.empty(0)

    def forward(self, z: Latents) -> Float[Tensor, "n c 16 16"]:
        """Features of latent and map; maps serve again where there are more latents than maps."""
        return self.conv_in(z) + self.hint(self.shown.repeat(len(z) // len(self.shown), 1, 1, 1).to(z))


def concatenated(base: Any, seed: int) -> Any:
    """A copy of the base that takes the map as further channels, its hint encoder drawn with `seed`."""
    unet = copy.deepcopy(base).requires_grad_(True)
    unet.conv_in = Beside(unet.conv_in, controlnet(base, seed).controlnet_cond_embedding)
    return plain(unet)


def shown_to(place: Any, denoiser: Any) -> Network:
    """`denoiser` as a function of maps, which it reads in the attribute `shown` of `place`."""
    def network(maps: Maps) -> Any:
        place.shown = maps
        return denoiser
    return network


class Attended(nn.Module):
    """The base with further words made of a map: one for each 2x2 places of its features, and where they are.

    The stock `IPAdapterAttnProcessor` reads them at every cross-attention. A key must tell *where* a feature stands, so
    each word has a vector of its place, which is learnt.
    """

    SIDE = 8

    def __init__(self, base: Any, hint: nn.Module, channels: int) -> None:
        super().__init__()
        self.unet, width = copy.deepcopy(base).requires_grad_(False), base.config.cross_attention_dim
        self.hint, self.words = hint, nn.Linear(channels, width)
        nn.init.kaiming_normal_(hint.get_parameter("conv_out.weight"))  # zeros here and there: no gradient would come
        self.places = nn.Parameter(torch.randn(self.SIDE**2, width))
        processors = {name: self.reader(name, width) for name in self.unet.attn_processors}
        self.unet.set_attn_processor(processors)
        self.shown = torch.empty(0)

    def reader(self, name: str, width: int) -> Any:
        """The processor of one attention layer; self-attention keeps its own."""
        if name.endswith("attn1.processor"):
            return AttnProcessor()
        layer = self.unet.get_submodule(name.removesuffix(".processor"))
        reader = IPAdapterAttnProcessor(layer.inner_dim, width, num_tokens=(self.SIDE**2,))
        nn.init.zeros_(reader.to_v_ip[0].weight)
        return reader

    def further(self, maps: Maps) -> Float[Tensor, "n k d"]:
        """A map as words."""
        features = nn.functional.adaptive_avg_pool2d(self.hint(maps), self.SIDE)
        return self.words(features.flatten(2).transpose(1, 2)) + self.places

    def forward(self, z: Latents, t: Any, context: Float[Tensor, "n k d"], return_dict: bool = False) -> Any:
        """The U-Net's prediction; maps serve again where there are more latents than maps."""
        further = self.further(self.shown.to(self.places)).repeat(len(z) // len(self.shown), 1, 1)
        return self.unet(z, t, (context, [further]), return_dict=return_dict)


def attended(base: Any, seed: int) -> Attended:
    """The base with a map's words, what is new drawn with `seed`."""
    hint = controlnet(base, seed).controlnet_cond_embedding
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return answering(Attended(base, hint, base.config.block_out_channels[0]).to(base.device))


WAYS = ("ControlNet", "channel concatenation", "cross-attention")

GAUSSIAN = "ControlNet with Gaussian exits"
"""The counter-experiment: no zeros where the ControlNet joins the base, so that it does not begin as the base."""

EXITS = 0.1
"""Standard deviation of the weights of such exits."""


def made(way: str, base: Any, seed: int) -> tuple[Network, nn.Module]:
    """A way of `WAYS` to bring the map in, or `GAUSSIAN`, and what of it is trained. Raises `ValueError` that lists
    them."""
    if way == "channel concatenation":
        unet = concatenated(base, seed)
        return shown_to(unet.conv_in, unet), unet
    if way == "cross-attention":
        reader = attended(base, seed)
        return shown_to(reader, reader), reader
    if way not in (WAYS[0], GAUSSIAN):
        raise ValueError(f"no way called {way!r}; there are {', '.join(WAYS)}, {GAUSSIAN}")
    control = controlnet(base, seed)
    if way == GAUSSIAN:
        drawn = torch.Generator().manual_seed(seed)
        for layer in (*control.controlnet_down_blocks, control.controlnet_mid_block):
            nn.init.normal_(layer.get_parameter("weight"), std=EXITS, generator=drawn)
    return (lambda maps: Controlled(base, control, maps)), control


def optimiser(network: nn.Module) -> torch.optim.Optimizer:
    """Adam with a faster pace for what is new than for what was copied; what is frozen stays out."""
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups[isinstance(network, Attended) or "controlnet_" in name or ".hint." in name].append(parameter)
    old = COPY_RATE if isinstance(network, ControlNetModel) else BASE_RATE
    paces = [{"params": groups[True], "lr": NEW_RATE}, {"params": groups[False], "lr": old}]
    return torch.optim.Adam([group for group in paces if group["params"]], betas=(0.9, 0.99))
