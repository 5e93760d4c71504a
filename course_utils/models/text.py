"""Prompts as a U-Net reads them: the last hidden states of a CLIP's text side.

Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models (2022); Stable Diffusion took the frozen
text encoder of CLIP (Radford et al., Learning Transferable Visual Models from Natural Language Supervision, 2021).
"""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import CLIPTokenizer

from course_utils.models.hub import Source, fetch, one, told
from course_utils.models.loading import load
from course_utils.models.registry import entry, scale_or_default
from course_utils.models.tokenizer import encode, tokenizer, unknown_words

BATCH = 64
WORDS = ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")
"""The files of a published tokenizer."""


class TextEncoder:
    """The text side of a CLIP and its tokenizer: `read(prompts)`.

    Args:
        clip: a `CLIPModel`, of which only the text side is used, or a `CLIPTextModel`.
        words: its tokenizer.

    Attributes:
        device, width, length: where it computes; numbers of a token; tokens of every prompt.
    """

    def __init__(self, clip: Any, words: CLIPTokenizer) -> None:
        self.model = getattr(clip, "text_model", clip)  # a CLIPTextModel has none since transformers 5.6
        self.words, self.width = words, int(self.model.config.hidden_size)
        self.length = int(words.model_max_length)
        self.of_this_world = words.get_vocab() == tokenizer().get_vocab()
        self.told: set[str] = set()  # words and prompts that were warned of

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.model.parameters()).device

    @torch.no_grad()
    def __call__(self, ids: Int[Tensor, "b n"]) -> Float[Tensor, "b n d"]:
        """Last hidden states of tokens, after the final norm and without a mask, as `StableDiffusionPipeline` does."""
        return self.model(ids.to(self.device, torch.long)).last_hidden_state

    def read(self, prompts: Sequence[str]) -> Float[Tensor, "b n d"]:
        """Hidden states of prompts `[b, 24, d]` (Stable Diffusion's: `[b, 77, 768]`); "" is the unconditional one.

        Warns, once each, of words that the model never saw (of the course's own world: `unknown_words`), and of prompts
        that are longer than it reads. Raises `TypeError` for anything but a sequence of strings.
        """
        if isinstance(prompts, str) or not all(isinstance(prompt, str) for prompt in prompts):
            raise TypeError(f"prompts are a list of strings, got {prompts!r}; a single one goes into brackets:"
                            ' read(["a fox"])')
        self._warn(prompts)
        parts = [self(part) for part in encode(prompts, self.words).split(BATCH) if len(part)]
        return torch.cat(parts) if parts else torch.zeros(0, self.length, self.width, device=self.device)

    def _warn(self, prompts: Sequence[str]) -> None:
        strange = {word: None for prompt in prompts for word in unknown_words(prompt)} if self.of_this_world else {}
        if new := [word for word in strange if word not in self.told]:
            self.told.update(new)
            warnings.warn(f"no caption of this world holds {', '.join(map(repr, new))}: the model never saw such words"
                          " and guesses from their letters", stacklevel=3)
        for prompt in prompts:
            if (known := f"cut: {prompt}") not in self.told and (rest := self.unread(prompt)):
                self.told.add(known)
                warnings.warn(f"only the first {self.length - 2} tokens of a prompt are read; of {prompt!r} the end is"
                              f" left out: {rest!r}", stacklevel=3)

    def unread(self, prompt: str) -> str:
        """The end of a prompt that is cut off; "" if all of it fits."""
        ids = self.words(prompt, add_special_tokens=False, verbose=False).input_ids
        return str(self.words.decode(ids[self.length - 2 :])).strip()


def load_text(scale: str | None = None, device: str | torch.device | None = None) -> TextEncoder:
    """What the text-to-image model of a scale reads prompts with. Raises as `load`.

    At `"critters"` the text side of `load("clip")`; at `"sd15"` that of Stable Diffusion's own, larger CLIP.
    """
    chosen = entry("text_to_image", scale) if scale_or_default(scale) == "critters" else entry("text_encoder", scale)
    if chosen.embedded:
        return TextEncoder(load("clip", chosen.scale, device), tokenizer())
    if chosen.kind != "CLIPTextModel":
        raise ValueError(f"the scale {chosen.scale!r} reads prompts with {chosen.kind}, in a way of its own: draw with"
                         " its stock pipeline of diffusers")
    model = load("text_encoder", chosen.scale, device)
    with told(chosen):
        words = published_tokenizer(fetch(chosen))
    return TextEncoder(model, words)


def published_tokenizer(source: Source) -> CLIPTokenizer:
    """The tokenizer that lies beside a text encoder on the hub. Raises as `load`."""
    beside = replace(source, subfolder="tokenizer")
    files = [one(beside, name) for name in WORDS]
    return CLIPTokenizer.from_pretrained(files[0].parent, local_files_only=True)
