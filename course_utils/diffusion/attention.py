r"""Cross-attention, opened: what each place of a denoiser reads off each word, and how to change it.

In a layer places ask (q), words answer (k, v): \(M = \mathrm{softmax}(qk^\top/\sqrt d)\), output \(Mv\). The weights
M are the **maps**: a row sums to 1 over the words, a column is where in the picture one word is read (Vaswani et al.,
Attention Is All You Need, 2017; in a denoiser Rombach et al., High-Resolution Image Synthesis with Latent Diffusion
Models, 2022, equation 5). `attending` hands the maps of every such layer to a function of yours, to look or to change.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion.samplers import Latents, Predict

Maps = Float[Tensor, "b heads places tokens"]
Change = Callable[[Maps], Maps]


class CrossAttention:
    """An attention processor of diffusers that computes what the stock one does, and shows its maps to `change`."""

    def __init__(self, change: Change) -> None:
        self.change = change

    def __call__(
        self, layer: Any, hidden_states: Float[Tensor, "b p c"],
        encoder_hidden_states: Float[Tensor, "b n d"] | None = None, *_: Any, **__: Any,
    ) -> Float[Tensor, "b p c"]:
        """What `layer`, a `diffusers` `Attention`, adds at each place, from words or, without any, other places."""
        words = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = (_heads(x, layer.heads) for x in (layer.to_q(hidden_states), layer.to_k(words), layer.to_v(words)))
        maps = self.change((layer.scale * q @ k.transpose(-1, -2)).softmax(-1))
        project, drop = layer.to_out
        return drop(project((maps @ v).transpose(1, 2).flatten(2)))


def _heads(x: Float[Tensor, "b n c"], heads: int) -> Float[Tensor, "b heads n d"]:
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


@contextmanager
def attending(unet: Any, change: Change) -> Iterator[None]:
    """Within it every cross-attention of a `UNet2DConditionModel` passes its maps through `change`; then all is as was.

    `change` takes maps `[b, heads, places, tokens]`, layer after layer, and returns those that the words' values are
    mixed by: the same ones in order only to look.
    """
    stock = dict(unet.attn_processors)
    # `attn1` is self-attention: places asking places
    unet.set_attn_processor({name: CrossAttention(change) if ".attn2." in name else processor
                             for name, processor in stock.items()})
    try:
        yield
    finally:
        unet.set_attn_processor(stock)


@torch.inference_mode()
def word_maps(
    unet: Any, z: Latents, t: float, context: Float[Tensor, "b n d"], side: int = 8
) -> Float[Tensor, "b n side side"]:
    """Where each token is read in one evaluation at timestep t: mean over heads, over the layers of `side` x `side`.

    At every place the tokens' weights sum to 1. Raises `ValueError` for a side at which no layer attends.
    """
    seen: list[Maps] = []

    def keep(maps: Maps) -> Maps:
        seen.append(maps.mean(1))
        return maps

    with attending(unet, keep):
        unet(z, t, context, return_dict=False)
    sides = sorted({round(maps.shape[1] ** 0.5) for maps in seen})
    if side not in sides:
        raise ValueError(f"no cross-attention has {side} places a side; there is some at {', '.join(map(str, sides))}")
    mean = torch.stack([maps for maps in seen if maps.shape[1] == side**2]).mean(0)
    return mean.transpose(1, 2).unflatten(2, (side, side)).float().cpu()


def keep_first(maps: Maps, guided: bool = True) -> Maps:
    """Prompt-to-prompt: of a batch that is half sources and half targets the targets get the sources' maps.

    With guidance (`samplers.with_guidance`) the batch is unconditional before conditional, and only the latter's maps
    are replaced (Hertz et al., Prompt-to-Prompt Image Editing with Cross Attention Control, 2022, section 3).
    """
    before, prompted = maps.chunk(2) if guided else (maps[:0], maps)
    source, _ = prompted.chunk(2)
    return torch.cat([before, source, source])


def prompt_to_prompt(predict: Predict, unet: Any, until: float = -1.0) -> Predict:
    """A `predict` for sources and targets together: above timestep `until`, targets keep the sources' maps.

    Whether a step is guided, one sees by the batch: of noise it has as many, or twice as many.

    Args:
        predict: of the prompts `[*sources, *targets]`, from `with_guidance` or `TextToImage.predictor`.
        unet: the network within it.
        until: -1 swaps in every step, 1000 in none.
    """
    def swapped(z: Latents, t: float) -> Latents:
        if t <= until:
            return predict(z, t)
        with attending(unet, lambda maps: keep_first(maps, guided=len(maps) > len(z))):
            return predict(z, t)

    return swapped
