# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [raw]
# # ASSIGNMENT CONFIG
# name: 01_vae_compression
# tests:
#   files: true
#   ok_format: false
# init_cell: false
# check_all_cell: false
# export_cell: false

# %% [markdown]
# # Exercises for section 1: what a latent keeps
#
# After each question, run its check: it says at once whether your answer is right, and if not, why not. Ask
# `check.hint("q1")` as often as you like; hints cost nothing. The check calls your function with fresh
# inputs, so what counts is what it does, not how it is written: a loop is as good as one line.

# %%
import numpy as np
import torch
from torch.nn import functional

# %%
from course_utils.grading import exercise

check = exercise("01_vae_compression")

# %% [raw]
# # BEGIN QUESTION
# name: q1
# points: 2

# %% [markdown]
# ## Question 1: How many times fewer numbers? (2 points, 5 minutes)
#
# Stable Diffusion's VAE turns 512 × 512 × 3 numbers into 64 × 64 × 4. That is one VAE. Write a function that
# tells, for *any* `AutoencoderKL`, how many times fewer numbers the latent has than the picture.
#
# `config` is the configuration as a dictionary. Three entries matter: `in_channels`, `latent_channels` and
# `block_out_channels`, a list with one width for each block of the encoder. `height` and `width` divide
# evenly.

# %% [raw]
# # BEGIN SOLUTION

# %%
def compression_ratio(config, height, width):
    """How many times fewer numbers the latent has than the picture, as a float."""
    # BEGIN SOLUTION
    factor = 2 ** (len(config["block_out_channels"]) - 1)
    picture = config["in_channels"] * height * width
    latent = config["latent_channels"] * (height // factor) * (width // factor)
    return picture / latent
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %%
from course_utils.models.configs import config

compression_ratio(config("sdxl-vae"), 1024, 1024)

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q2
# points: 2

# %% [markdown]
# ## Question 2: The PSNR of where one looks (2 points, 10 minutes)
#
# A reconstruction may look fine and still have lost a face, because most of the picture is wall. Measure the
# PSNR where one looks: over the pixels of a region alone.
#
# `picture` and `other` are uint8 pictures `[h, w, 3]`, as files hold them; `region` is a mask `[h, w]` of
# True and False with something in it. The PSNR is ten times the decimal logarithm of 255² over the mean
# squared error. Answer with a float, in decibels.

# %% [raw]
# # BEGIN SOLUTION

# %%
def region_psnr(picture, other, region):
    """PSNR in dB over the pixels where `region` is True."""
    # BEGIN SOLUTION
    error = picture[region].astype(float) - other[region].astype(float)
    return float(10 * np.log10(255**2 / np.mean(error**2)))
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %%
from course_utils.critters import Scene, mask, render

fox = Scene("fox")
darker = (render(fox) * 0.9).astype(np.uint8)
region_psnr(render(fox), darker, mask(fox) > 127)

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q3
# points: 3

# %% [markdown]
# ## Question 3: Latents in a few bits (3 points, 15 minutes)
#
# A latent in 32-bit floats is wasteful. Keep each number in a few bits: each *channel of each latent* gets
# 2^bits levels at equal distances from its smallest number to its largest, and each number moves to the
# nearest level.
#
# Give back latents `[n, c, h, w]` in which every number is one of those levels (not its code). No number may
# move further than half a step. And beware: a channel can be constant.

# %% [raw]
# # BEGIN SOLUTION

# %%
def quantise(latents, bits):
    """Latents [n, c, h, w] with at most 2**bits different numbers in each channel."""
    # BEGIN SOLUTION
    low = latents.amin((2, 3), keepdim=True)
    high = latents.amax((2, 3), keepdim=True)
    step = (high - low) / (2**bits - 1)
    step[step == 0] = 1
    return ((latents - low) / step).round() * step + low
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q4
# points: 2

# %% [markdown]
# ## Question 4: How long is a message? (2 points, 10 minutes)
#
# An entropy coder is told before each symbol how probable each possible one is, and spends the fewer bits the
# more it expected the one that comes. Shannon found the exact price: a symbol of probability $p$ costs
# $-\log_2 p$ bits, and coders come within a fraction of a per cent of it.
#
# How many bits does a whole message cost? `symbols` `[n]` holds whole numbers from 0 to k - 1. `tables` `[n,
# k]` holds for each symbol what was expected just before it: row `i` is about symbol `i`, and adds up to one.
# Answer with one number.

# %% [raw]
# # BEGIN SOLUTION

# %%
def message_bits(symbols, tables):
    """Bits of a message under an ideal coder that expects the symbols as the tables say."""
    # BEGIN SOLUTION
    expected = tables[torch.arange(len(symbols)), symbols]
    return float(-expected.log2().sum())
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %%
message_bits(torch.tensor([0, 2]), torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]))

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q5
# points: 5

# %% [markdown]
# ## Question 5: Expect the latent (stretch, 5 points, 30 minutes)
#
# The open question of this section, and of every codec: the better one expects, the less one writes. Learn
# tables from some latents, and an entropy coder will write others with them.
#
# `seen` `[64, 4, 16, 16]` holds the latents of 64 scenes in steps of one half, as whole numbers from 0 to 15;
# 8 is zero. Answer with what you expect at each channel and place, in one of two forms:
#
# * `[4, 16, 16, 16]`: the probability of each of the sixteen levels. Each row of the last axis adds up to one;
# * `[4, 16, 16, 16, 16]`: the same, and the number to the west is known, which a decoder has already read.
#   `tables[c, y, x, w, v]` is the probability of `v` if there stands `w` at `x - 1`. At the left edge, where
#   nothing stands, `w` is 8.
#
# You are measured on 32 other latents: how many bits does a number cost, against one table for each channel,
# which needs about 2.7? Points come at 5, 14 and 19 % fewer; the course's own tables save 21 %. And never say
# never: what has probability zero and comes all the same costs infinitely many bits.

# %% [raw]
# # BEGIN SOLUTION

# %%
def expect(seen):
    """Probabilities of the levels 0 to 15 at each place, [4, 16, 16, 16], or given the number to the west as well."""
    # BEGIN SOLUTION
    here = functional.one_hot(seen, 16).double()
    west = functional.one_hot(functional.pad(seen, (1, 0), value=8)[..., :-1], 16).double()
    channel = here.mean((0, 2, 3)) + 1e-3
    # what a place and its eight neighbours held, and a little of what the channel holds anywhere
    counts = here.sum(0).permute(0, 3, 1, 2)
    around = functional.avg_pool2d(counts, 3, 1, 1, count_include_pad=False).permute(0, 2, 3, 1)
    place = around + 2 * channel[:, None, None]
    # how much likelier the number to the west makes each level
    after = torch.einsum("ncyxw,ncyxv->cwv", west, here) + 2 * channel[:, None]
    likelier = after / after.sum(-1, keepdim=True) / channel[:, None]
    # both say in part the same, so the second one counts a little less
    tables = place[:, :, :, None] * likelier[:, None, None] ** 0.8
    return tables / tables.sum(-1, keepdim=True)
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION
