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
# name: 04_controlnet_zero_conv
# tests:
#   files: true
#   ok_format: false
# init_cell: false
# check_all_cell: false
# export_cell: false

# %% [markdown]
# # Exercises for section 4: control
#
# What a ControlNet adds, how it learns from nothing, and whether a picture follows. After each question, run
# its check: it says at once whether your answer is right, and if not, why not. Ask `check.hint("q1")` as
# often as you like; hints cost nothing.

# %%
import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, gaussian_gradient_magnitude
from torch import nn

# %%
from course_utils.grading import exercise

check = exercise("04_controlnet_zero_conv")

# %% [raw]
# # BEGIN QUESTION
# name: q1
# points: 1

# %% [markdown]
# ## Question 1: Two controls at once (1 point, 5 minutes)
#
# A ControlNet answers with one residual for each skip connection of the base, and the residuals, times the
# *conditioning scale*, are added to these. Two ControlNets at once are no more than two such sums.
#
# `skips` is the list of the base's skip connections; `controls[i]` is the list of what ControlNet `i` answers
# to them, in the same order; `scales[i]` is its conditioning scale. Give back the list of what the base goes
# on with.

# %% [raw]
# # BEGIN SOLUTION

# %%
def add_controls(skips, controls, scales):
    """The skip connections with every ControlNet's residuals added, each times its scale."""
    # BEGIN SOLUTION
    total = list(skips)
    for control, scale in zip(controls, scales):
        total = [skip + scale * residual for skip, residual in zip(total, control)]
    return total
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
# ## Question 2: A zero convolution wakes (2 points, 10 minutes)
#
# A **zero convolution** is a 1×1 convolution whose numbers all begin at zero. It says nothing at first, so
# the base is not disturbed; and yet it can learn. See both happen.
#
# Build one for features `x` `[b, c, h, w]`, from `c` channels to `c`, with a bias. Ask it. Then `gradient`,
# of the same shape as its answer, is what the loss says about that answer: do one step of plain gradient
# descent with the learning rate `rate`, and ask it about `x` again. Give back both answers, before and after.

# %% [raw]
# # BEGIN SOLUTION

# %%
def wake(x, gradient, rate):
    """What a zero convolution answers before and after one step: two tensors like x."""
    # BEGIN SOLUTION
    layer = nn.Conv2d(x.shape[1], x.shape[1], kernel_size=1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    before = layer(x)
    before.backward(gradient)
    torch.optim.SGD(layer.parameters(), lr=rate).step()
    return before, layer(x)
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q3
# points: 4

# %% [markdown]
# ## Question 3: The first step, by hand (4 points, 20 minutes)
#
# Now without autograd. A 1×1 convolution does the same at every place: $y=Wx+b$, here with $W=0$ and $b=0$.
# Given what the loss says about the answers, $g=\partial L/\partial y$ at every place, work out by hand what
# one step of gradient descent makes of $W$ and of $b$, and which gradient reaches the features *behind* the
# layer in that step.
#
# `x` is `[b, c_in, h, w]`, `gradient` is `[b, c_out, h, w]`. Give back a dictionary: `"weight"` `[c_out,
# c_in]` and `"bias"` `[c_out]` after the step, and `"behind"`, the gradient of the loss with respect to `x`.

# %% [raw]
# # BEGIN SOLUTION

# %%
def first_step(x, gradient, rate):
    """Weight and bias of a zero convolution after one step, and the gradient behind it."""
    # BEGIN SOLUTION
    weight = -rate * torch.einsum("bohw,bihw->oi", gradient, x)
    bias = -rate * gradient.sum((0, 2, 3))
    return {"weight": weight, "bias": bias, "behind": torch.zeros_like(x)}
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
# ## Question 4: Does a picture follow its edges? (3 points, 20 minutes)
#
# Does a generated picture follow the edges it was shown? Compare two drawings of contours, and forgive a
# little: a pixel is *near* a drawing if one of its pixels is at most `reach` away, by Euclidean distance.
#
# The **precision** is the share of the pixels of `edges` that are near `wanted`; the **recall** is the share
# of the pixels of `wanted` that are near `edges`. Give back their harmonic mean, $F_1=2pr/(p+r)$, as one
# number; 0 where nothing was drawn. `edges` and `wanted` are boolean arrays `[h, w]`, and `wanted` is never
# empty.

# %% [raw]
# # BEGIN SOLUTION

# %%
def edge_f1(edges, wanted, reach):
    """F1 of drawn against wanted edges, forgiving distances up to `reach` pixels."""
    # BEGIN SOLUTION
    if not edges.any():
        return 0.0
    precision = (distance_transform_edt(~wanted)[edges] <= reach).mean()
    recall = (distance_transform_edt(~edges)[wanted] <= reach).mean()
    if precision + recall == 0:
        return 0.0
    return float(2 * precision * recall / (precision + recall))
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %%
from course_utils.critters import Scene, edge_map

sitting, walking = (edge_map(Scene(stance=stance)) > 127 for stance in ("sitting", "walking"))
edge_f1(sitting, walking, 1.5)

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q5
# points: 5

# %% [markdown]
# ## Question 5: An adherence measure of your own (stretch, 5 points, 30 minutes)
#
# The open question of this section. An F1 score forgives a pixel and no more: all who miss by more are alike.
# Find a measure of **adherence** of your own, which is higher the better a picture follows its edge map.
#
# `pictures` is a uint8 array `[n, 128, 128, 3]`, `edges` `[n, 128, 128]` holds the map that each was to
# follow (255 on a contour). Answer with `n` numbers. The pictures are renders; their maps are of the same
# animals, moved and bent by more or less. You are measured by the rank correlation (Spearman's) of your
# scores with the truth, how far the joints are from where they were wanted. Points come at 0.5, 0.65 and 0.8;
# the course's own measure reaches about 0.92.

# %% [raw]
# # BEGIN SOLUTION

# %%
def adherence(pictures, edges):
    """A score for each picture, the higher the better it follows its edge map: [n]."""
    # BEGIN SOLUTION
    scores = []
    for picture, wanted in zip(pictures, edges):
        colours = picture.astype(float).transpose(2, 0, 1)
        change = sum(gaussian_gradient_magnitude(colour, 0.8) for colour in colours)
        away = distance_transform_edt(change < np.quantile(change, 0.85))
        scores.append(-np.minimum(away[wanted > 100], 12).mean())
    return np.array(scores)
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION
