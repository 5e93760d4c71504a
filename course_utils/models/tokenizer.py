"""A tokenizer in CLIP's own format, with a vocabulary as small as the world: a word of a caption is one token.

    python -m course_utils.models.tokenizer FOLDER

It is `transformers.CLIPTokenizer`, byte-pair encoding of lower-cased text (Sennrich et al., Neural Machine
Translation of Rare Words with Subword Units, 2016; Radford et al., Learning Transferable Visual Models, 2021). CLIP
learned its 48,894 merges from text; here they are built so that every caption word comes out whole. Any other word
falls apart into letters or bytes, as a word that CLIP never met does: nothing fails, and `unknown_words` names it.
"""
from __future__ import annotations

import argparse
import functools
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor
from transformers import CLIPTokenizer

from course_utils.critters import SYNONYMS

LENGTH = 24
"""Tokens of every prompt, start and end included: the longest caption takes 17, so a few more words fit."""

START, END = "<|startoftext|>", "<|endoftext|>"
LAST = "</w>"
"""What CLIP hangs on the last letter of a word, so that *cat* and the beginning of *catalogue* differ."""

GLUE = ("a", "an", "backdrop", "background", "facing", "on")
"""Words of captions that state no attribute."""


def caption_words() -> list[str]:
    """Every word that a caption can hold, sorted."""
    stated = {word for values in SYNONYMS.values() for same in values.values() for word in same}
    return sorted(stated | set(GLUE))


def letters(word: str) -> list[str]:
    """A word's letters, the last one marked."""
    return [*word[:-1], word[-1] + LAST]


def joined(pieces: Sequence[str], ranks: dict[tuple[str, str], int]) -> list[str]:
    """Byte-pair encoding: join the neighbours of the lowest rank, again and again, while any may be joined."""
    parts = list(pieces)
    while candidates := [pair for pair in pairwise(parts) if pair in ranks]:
        best = min(candidates, key=ranks.__getitem__)
        at = next(k for k, pair in enumerate(pairwise(parts)) if pair == best)
        parts[at : at + 2] = ["".join(best)]
    return parts


def merges_for(words: Iterable[str]) -> list[tuple[str, str]]:
    """Merges, in order of rank, under which each of `words` becomes one token.

    Word after word: what the merges so far leave in pieces is joined from the left by new ones. Those rank behind, and
    until an earlier word is whole a merge that ranks before them applies to it, so they never touch it.
    """
    ranks: dict[tuple[str, str], int] = {}
    for word in words:
        pieces = joined(letters(word), ranks)
        while len(pieces) > 1:
            ranks[pieces[0], pieces[1]] = len(ranks)
            pieces = joined(pieces, ranks)
    return list(ranks)


def vocabulary(merges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Token to index, in CLIP's order: bytes, bytes that end a word, merged pieces, start, end."""
    alphabet = sorted(ByteLevel.alphabet())
    pieces = dict.fromkeys("".join(pair) for pair in merges)
    known = [*alphabet, *(letter + LAST for letter in alphabet)]
    tokens = [*known, *(piece for piece in pieces if piece not in set(known)), START, END]
    return {token: index for index, token in enumerate(tokens)}


def build() -> CLIPTokenizer:
    """The course's tokenizer, made anew: the same every time."""
    merges = merges_for(caption_words())
    pairs: Any = merges  # annotated as strings, and handed on to an encoder that wants pairs
    return CLIPTokenizer(vocab=vocabulary(merges), merges=pairs, model_max_length=LENGTH)


def write(folder: Path) -> None:
    """Write the files that `CLIPTokenizer.from_pretrained(folder)` reads, the same bytes every time."""
    build().save_pretrained(str(folder))


@functools.cache
def tokenizer() -> CLIPTokenizer:
    """The one that this process shares."""
    return build()


def encode(texts: Sequence[str], by: CLIPTokenizer | None = None) -> Int[Tensor, "n 24"]:
    """Token indices of each text, padded (with the end token, as CLIP does) or cut to the tokenizer's length.

    That is `LENGTH` for the course's own, and 77 for CLIP's.
    """
    by = by or tokenizer()
    if not len(texts):
        return torch.zeros(0, by.model_max_length, dtype=torch.long)
    options = {"padding": "max_length", "truncation": True, "max_length": by.model_max_length}
    return by(list(texts), return_tensors="pt", **options).input_ids


def unknown_words(text: str) -> list[str]:
    """The words of a prompt that no caption holds, in order: the model never saw them, and guesses from letters."""
    known = set(caption_words())
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if word not in known]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)
