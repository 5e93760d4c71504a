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
# name: 03_cfg_vectors
# tests:
#   files: true
#   ok_format: false
# init_cell: false
# check_all_cell: false
# export_cell: false

# %% [markdown]
# # Exercises for section 3: guidance
#
# One sum, its repair, its price and its trace. After each question, run its check: it says at once whether
# your answer is right, and if not, why not. Ask `check.hint("q1")` as often as you like; hints cost nothing.

# %%
import numpy as np
import torch
from scipy.ndimage import zoom

# %%
from course_utils.grading import exercise

check = exercise("03_cfg_vectors")

# %% [raw]
# # BEGIN QUESTION
# name: q1
# points: 3

# %% [markdown]
# ## Question 1: The sum, and its repair (3 points, 10 minutes)
#
# Guidance leaves the unconditional prediction behind and goes `scale` times as far as the conditional one: 0
# stays at the unconditional prediction, 1 arrives at the conditional one, more goes beyond. The farther it
# goes, the larger the prediction's spread, and the more the picture glares.
#
# **Rescaling** repairs that: bring the guided prediction's standard deviation, over all numbers of a picture,
# back to that of the conditional one; and go only the share `rescale` of the way from the plain sum (0) to
# that (1). Predictions are `[b, c, h, w]`, and each picture is by itself. (Lin and others, 2024, equations 15
# and 16.)

# %% [raw]
# # BEGIN SOLUTION

# %%
def guide(unconditional, conditional, scale, rescale):
    """The guided prediction, rescaled by the share `rescale`."""
    # BEGIN SOLUTION
    guided = unconditional + scale * (conditional - unconditional)
    spread = conditional.std((1, 2, 3), keepdim=True)
    ratio = spread / guided.std((1, 2, 3), keepdim=True)
    return rescale * ratio * guided + (1 - rescale) * guided
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q2
# points: 2

# %% [markdown]
# ## Question 2: What guidance costs (2 points, 5 minutes)
#
# What does guidance cost? Count how often the network is evaluated for one picture. A guided step needs both
# predictions, each of which is an evaluation. But an `interval` `(low, high]` limits guidance to some
# timesteps (`low < t <= high`); outside of it the scale is 1. `None` means that all steps are guided. Mind
# the scales at which the sum needs only one of its two predictions.

# %% [raw]
# # BEGIN SOLUTION

# %%
def evaluations(timesteps, scale, interval):
    """Network evaluations for one picture along `timesteps`."""
    # BEGIN SOLUTION
    count = 0
    for t in timesteps:
        inside = interval is None or interval[0] < t <= interval[1]
        count += 2 if inside and scale not in (0, 1) else 1
    return count
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %%
from course_utils.diffusion.schedule import trailing

evaluations(trailing(25), 7.5, None)

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q3
# points: 3

# %% [markdown]
# ## Question 3: Which scale was it? (3 points, 15 minutes)
#
# Somebody hands you three predictions of a step, the unconditional, the conditional and the guided one, and
# has forgotten the scale. Recover it, for each picture of the batch: the `w` with which the guidance sum
# comes closest to the guided prediction, in the sense of **least squares**. The guided prediction may carry
# noise; the scale may be below 1, or negative. Answer with a tensor `[b]`.

# %% [raw]
# # BEGIN SOLUTION

# %%
def recover_scale(unconditional, conditional, guided):
    """The guidance scale of each picture, by least squares: [b]."""
    # BEGIN SOLUTION
    way = (conditional - unconditional).flatten(1)
    walked = (guided - unconditional).flatten(1)
    return (walked * way).sum(1) / (way * way).sum(1)
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q4
# points: 3

# %% [markdown]
# ## Question 4: Away from a text (3 points, 10 minutes)
#
# There is no code for negative prompts in a diffusion model. There is the guidance sum, which leaves one
# prediction behind and goes towards another, and nobody said that the one left behind must be that of an
# *empty* prompt.
#
# `unet` is the course's own denoiser, a stock `UNet2DConditionModel`; `unet(z, t, words).sample` is the noise
# that it predicts at timestep `t` for hidden states `words`. Give back the prediction that leads towards
# `wanted` and away from `unwanted`: at a scale of 1 it is the one for `wanted`.

# %% [raw]
# # BEGIN SOLUTION

# %%
def away(unet, z, t, wanted, unwanted, scale):
    """The prediction guided towards one text and away from another."""
    # BEGIN SOLUTION
    with torch.inference_mode():
        both = unet(torch.cat([z, z]), t, torch.cat([unwanted, wanted])).sample
    negative, positive = both.chunk(2)
    return negative + scale * (positive - negative)
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q5
# points: 5

# %% [markdown]
# ## Question 5: Where is the animal? (stretch, 5 points, 30 minutes)
#
# The open question of this section. A render was noised half-way, its caption read beside it, and each word's
# attention map written down: `maps` `[n, 8, 8]` says how much each of the 8×8 places reads each of the `n`
# words in `words`. Where is the animal?
#
# Give back a mask `[128, 128]` of True and False. You are measured on fresh scenes by the mean **intersection
# over union** with the true masks. A box in the middle, drawn without looking, has 0.5 already. Points come
# at 0.53 and 0.56; the course's own answer reaches about 0.6, and does not choose its words.

# %% [raw]
# # BEGIN SOLUTION

# %%
def animal_mask(words, maps):
    """Where the animal is, by what each place reads: [128, 128] of True and False."""
    # BEGIN SOLUTION
    large = zoom(maps.mean(axis=0), 16, order=1, mode="nearest", grid_mode=True)
    return large > np.quantile(large, 0.72)
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION
