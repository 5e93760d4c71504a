"""What one pass of a network costs, counted on torch's meta device: no weights, no arithmetic, seconds.

FLOPs are those of matrix products, convolutions and attention, a multiplication and an addition counting two
(torch.utils.flop_counter); element-wise work is not counted. Activation memory is the peak, over the pass, of
the bytes of all tensors alive at once that the pass made itself; weights, inputs, an allocator's rounding and
a convolution's workspace are not counted. Attention is counted in two ways:

* "naive" writes the matrix of scores, tokens x tokens for each head, as formulas do (diffusers'
  `AttnProcessor`);
* "fused" never does (Rabe and Staats 2021, arXiv:2112.05682; Dao et al. 2022, arXiv:2205.14135), with the
  same FLOPs;
* "own" leaves each layer as its class computes it, for networks whose attention is of another kind (linear).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from course_utils.models.configs import config, parameters

AttentionKind = Literal["fused", "naive", "own"]
PROMPT_TOKENS = 77  # the length of CLIP's prompt


@dataclass(frozen=True)
class Cost:
    """One pass: count of weights, FLOPs, and peak activation bytes with either way of computing attention."""

    parameters: int
    flops: int
    fused_bytes: int
    naive_bytes: int


def cost(run: Callable[..., Any], *inputs: Any, **named: Any) -> Cost:
    """All of a pass's costs. `run` is a network or a method of one, for example `vae.decode`."""
    with FlopCounterMode(display=False) as counter:  # one pass for both: these networks are slow to walk through
        fused = activation_bytes(run, *inputs, **named)
    naive = activation_bytes(run, *inputs, attention="naive", **named)
    return Cost(parameters(_network(run)), counter.get_total_flops(), fused, naive)


def flops(run: Callable[..., Any], *inputs: Any, attention: AttentionKind = "fused", **named: Any) -> int:
    """FLOPs of `run(*inputs, **named)`; see the module's text for what counts.

    Meant for the meta device: on a CPU torch's counter does not know its fused attention and leaves it out.
    """
    with torch.no_grad(), _attention(run, attention), FlopCounterMode(display=False) as counter:
        run(*inputs, **named)
    return counter.get_total_flops()


def activation_bytes(
    run: Callable[..., Any], *inputs: Any, attention: AttentionKind = "fused", training: bool = False, **named: Any
) -> int:
    """Peak activation memory of `run(*inputs, **named)` in bytes; see the module's text for what counts.

    With `training` all that the backward pass will need is kept alive, as autograd does. Bytes follow the
    network's and the inputs' dtype: half as many in float16.
    """
    with torch.set_grad_enabled(training), _attention(run, attention), _Alive() as alive:
        alive.ignore([*_network(run).parameters(), *_network(run).buffers(), *tree_leaves((inputs, named))])
        run(*inputs, **named)
    return alive.peak


def denoiser_inputs(network: nn.Module, height: int, width: int, batch: int = 1) -> dict[str, Any]:
    """Named inputs on the meta device for a diffusers denoiser: sample, timestep, and what else it asks for.

    A text-conditioned network gets 77 tokens of its width (SDXL also its pooled text and six numbers about
    the size); a class-conditioned one a label. `height` and `width` are those of the sample, latent or pixel.
    """
    settings: Any = network.config
    dtype = next(network.parameters()).dtype
    sample = torch.empty(batch, settings.in_channels, height, width, dtype=dtype, device="meta")
    inputs: dict[str, Any] = {"sample": sample, "timestep": torch.empty(batch, dtype=torch.long, device="meta")}
    if width_of_text := settings.get("cross_attention_dim"):
        inputs["encoder_hidden_states"] = sample.new_empty(batch, PROMPT_TOKENS, width_of_text)
    if settings.get("addition_embed_type") == "text_time":
        pooled = settings.projection_class_embeddings_input_dim - 6 * settings.addition_time_embed_dim
        inputs["added_cond_kwargs"] = {
            "text_embeds": sample.new_empty(batch, pooled), "time_ids": sample.new_empty(batch, 6),
        }
    if settings.get("num_class_embeds"):
        inputs["class_labels"] = torch.empty(batch, dtype=torch.long, device="meta")
    return inputs


def pixel_rival_config() -> dict[str, Any]:
    """Configuration of the fair rival on pixels: ADM for 512x512, attention only at 32, 16 and 8.

    Dhariwal and Nichol 2021 designed it for pixels (half the channels at full size, attention only where it
    is cheap) and it was the best pixel model of its time; `_differs` says where diffusers' classes depart
    from it. It has no cross-attention: its condition is a class. `configs.on_meta("adm-512")` instantiates
    it.
    """
    return config("adm-512")


def _network(run: Callable[..., Any]) -> nn.Module:
    network = run if isinstance(run, nn.Module) else getattr(run, "__self__", None)
    if not isinstance(network, nn.Module):
        raise TypeError(f"expected a network or a method of one, got {run!r}")
    return network


@contextmanager
def _attention(run: Callable[..., Any], kind: AttentionKind) -> Iterator[None]:
    """Diffusers' attention layers computed the fused or the naive way, and put back afterwards."""
    from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0

    if kind not in ("fused", "naive", "own"):
        raise ValueError(f"attention is 'fused', 'naive' or 'own', not {kind!r}")
    processor_of: dict[str, Any] = {"fused": AttnProcessor2_0, "naive": AttnProcessor}
    layers = [layer for layer in _network(run).modules() if isinstance(layer, Attention) and kind != "own"]
    before = [layer.processor for layer in layers]
    for layer in layers:
        layer.set_processor(processor_of[kind]())
    try:
        with _Fused():
            yield
    finally:
        for layer, processor in zip(layers, before, strict=True):
            layer.set_processor(processor)


class _Fused(TorchFunctionMode):
    """On the meta device torch would spell `scaled_dot_product_attention` out, scores and all: keep it one kernel."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not F.scaled_dot_product_attention or args[0].device.type != "meta":
            return func(*args, **(kwargs or {}))
        return _one_kernel(*args, **(kwargs or {}))


def _one_kernel(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None,
) -> Tensor:
    kernel = torch.ops.aten._scaled_dot_product_efficient_attention
    return kernel(query, key, value, attn_mask, torch.is_grad_enabled(), dropout_p, is_causal, scale=scale)[0]


class _Alive(TorchDispatchMode):
    """Watches every tensor that is made, and when it is let go: bytes alive now, and at the peak."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._watched: dict[int, weakref.ref | None] = {}

    def ignore(self, leaves: list[Any]) -> None:
        """Weights and inputs: they were there before."""
        self._watched |= {x.untyped_storage()._cdata: None for x in leaves if isinstance(x, Tensor)}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._watch(leaf.untyped_storage())
        return out

    def _watch(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._watched:
            return  # a view, or written in place

        def gone(_: object) -> None:
            self.now -= size
            del self._watched[key]

        self._watched[key] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)
