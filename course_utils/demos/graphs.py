"""What the page computes, as ONNX graphs without weights: one for each architecture, so that students share one.

A graph's weights are external data in a file called `weights`, which never exists: the page puts it together in memory
from what `packing` wrote. Pictures and latents are one at a time; sides are the course's.
"""
from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from jaxtyping import Float, Int
from onnx import numpy_helper
from torch import Tensor, nn

from course_utils.measure.critic import ATTRIBUTES

LOCATION = "weights"

OWN, HALF = 512, 6e4
"""Constants that the exporter made stay in the graph when they are few, or too large for half precision (a mask is)."""

READ = (*ATTRIBUTES, "size", "keypoints")
"""What the critic's graph answers, in this order."""


class Words(nn.Module):
    """Tokens to the hidden states that every denoiser reads."""

    def __init__(self, text: Any) -> None:
        super().__init__()
        self.text = text

    def forward(self, ids: Int[Tensor, "1 24"]) -> Float[Tensor, "1 24 96"]:
        """The last hidden states, without a mask."""
        return self.text(ids).last_hidden_state


class Denoiser(nn.Module):
    """A U-Net: one evaluation."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self, z: Float[Tensor, "1 4 16 16"], t: Float[Tensor, " 1"], states: Float[Tensor, "1 24 96"]
    ) -> Float[Tensor, "1 4 16 16"]:
        """What it predicts at timestep t."""
        return self.unet(z, t, states, return_dict=False)[0]


class Decoder(nn.Module):
    """A decoder, of the autoencoder or of the preview: scaled latents to a picture."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, z: Float[Tensor, "1 4 16 16"]) -> Float[Tensor, "1 3 128 128"]:
        """A picture in [-1, 1], give or take."""
        return self.vae.decode(z / self.vae.config.scaling_factor, return_dict=False)[0]


class Encoder(nn.Module):
    """The autoencoder's other half: a picture to scaled latents, the mean without noise."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, x: Float[Tensor, "1 3 128 128"]) -> Float[Tensor, "1 4 16 16"]:
        """Of unit variance over many pictures."""
        moments = self.vae.quant_conv(self.vae.encoder(x))
        return moments[:, : self.vae.config.latent_channels] * self.vae.config.scaling_factor


class Reader(nn.Module):
    """The critic, answering as a tuple in the order of `READ`."""

    def __init__(self, critic: nn.Module) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, x: Float[Tensor, "1 3 128 128"]) -> tuple[Tensor, ...]:
        """Logits of each attribute, the size as a fraction of the height, keypoints."""
        answers = self.critic(x)
        return tuple(answers[name] for name in READ)


class Hint(nn.Module):
    """What a ControlNet makes of a map, before it sees any latent."""

    def __init__(self, control: Any) -> None:
        super().__init__()
        self.encoder = control.controlnet_cond_embedding

    def forward(self, shown: Float[Tensor, "1 3 128 128"]) -> Float[Tensor, "1 c 16 16"]:
        """Of a map in [0, 1]."""
        return self.encoder(shown)


class Control(nn.Module):
    """A ControlNet behind its hint encoder: one evaluation."""

    def __init__(self, control: Any) -> None:
        super().__init__()
        self.control = copy.deepcopy(control)
        self.control.controlnet_cond_embedding = nn.Identity()

    def forward(
        self, z: Float[Tensor, "1 4 16 16"], t: Float[Tensor, " 1"], states: Float[Tensor, "1 24 96"],
        hint: Float[Tensor, "1 c 16 16"], scale: Float[Tensor, " 1"],
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """What is added to each skip connection and to the middle, times the conditioning scale."""
        down, middle = self.control(z, t, states, hint, scale, return_dict=False)
        return (*down, middle)


class Controlled(nn.Module):
    """A U-Net with room for what a ControlNet adds: one evaluation."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self, z: Float[Tensor, "1 4 16 16"], t: Float[Tensor, " 1"], states: Float[Tensor, "1 24 96"], *added: Tensor
    ) -> Float[Tensor, "1 4 16 16"]:
        """What it predicts at timestep t."""
        return self.unet(z, t, states, down_block_additional_residuals=added[:-1],
                         mid_block_additional_residual=added[-1], return_dict=False)[0]


@dataclass(frozen=True)
class Slot:
    """A place in the external data: which tensor of the network fills it.

    Attributes:
        tensor: its name in the network, or in the graph where the exporter made one (a folded norm).
        shape: in the network.
        transposed: the graph wants the matrix transposed.
    """

    tensor: str
    shape: tuple[int, ...]
    transposed: bool


def traced(module: nn.Module, inputs: Mapping[str, Tensor], outputs: tuple[str, ...]) -> onnx.ModelProto:
    """The graph of a module, weights inside, nothing of this machine in it.

    The exporter notes for each node where in which file it came from; that is for debugging, and bigger than the graph.
    """
    program = torch.onnx.export(module.eval(), tuple(inputs.values()), dynamo=True, external_data=False, verbose=False,
                                input_names=list(inputs), output_names=list(outputs))
    assert program is not None
    model = program.model_proto
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:], model.functions[:]
    for thing in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        thing.doc_string = ""
        if hasattr(thing, "metadata_props"):
            del thing.metadata_props[:]
    return model


def detached(model: onnx.ModelProto, network: Mapping[str, Tensor]) -> tuple[list[Slot], dict[str, np.ndarray]]:
    """Move the graph's floating-point weights out of it, in place.

    Returns what fills the external data, in order, and the tensors by name. A weight that the exporter transposed is
    recognised as the network's own, so that another network of this architecture can take its place.
    """
    known = {name: value.detach().float().numpy() for name, value in network.items() if value.ndim}
    slots, tensors, offset = [], {}, 0
    for weight in model.graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or not weight.dims:
            continue
        values = numpy_helper.to_array(weight)
        slot = recognised(weight.name, values, known)
        if slot.tensor not in known and (values.size < OWN or np.abs(values).max() > HALF):
            continue
        tensors[slot.tensor] = (values.T if slot.transposed else values).reshape(slot.shape)
        slots.append(slot)
        weight.ClearField("raw_data")
        weight.ClearField("float_data")
        weight.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", LOCATION), ("offset", offset), ("length", values.nbytes)):
            weight.external_data.add(key=key, value=str(value))
        offset += values.nbytes
    return slots, tensors


def recognised(name: str, values: np.ndarray, known: Mapping[str, np.ndarray]) -> Slot:
    """The network's tensor that a weight of the graph is: by name, else by its values, as it stands, transposed, or a
    vector with axes of length one behind it (the exporter's form of a group norm, which students change too)."""
    for own in [name.partition(".")[2], *known] if name.partition(".")[2] in known else known:
        theirs = known[own]
        if theirs.shape == values.shape and np.array_equal(theirs, values):
            return Slot(own, theirs.shape, False)
        if theirs.ndim == 2 and theirs.T.shape == values.shape and np.array_equal(theirs.T, values):
            return Slot(own, theirs.shape, True)
        if theirs.ndim == 1 and (*theirs.shape, 1, 1) == values.shape and np.array_equal(theirs, values.ravel()):
            return Slot(own, theirs.shape, False)
    return Slot(name, values.shape, False)
