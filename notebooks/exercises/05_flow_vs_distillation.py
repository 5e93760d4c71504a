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
# name: 05_flow_vs_distillation
# tests:
#   files: true
#   ok_format: false
# init_cell: false
# check_all_cell: false
# export_cell: false

# %% [markdown]
# # Exercises for section 5: flow and distillation
#
# Straight paths, bent paths, and fewer steps. After each question, run its check: it says at once whether
# your answer is right, and if not, why not. Ask `check.hint("q1")` as often as you like; hints cost nothing.

# %%
from itertools import pairwise

import torch

from course_utils.diffusion.samplers import ddim_step
from course_utils.diffusion.schedule import alphas_bar

# %%
from course_utils.grading import exercise

check = exercise("05_flow_vs_distillation")

# %% [raw]
# # BEGIN QUESTION
# name: q1
# points: 3

# %% [markdown]
# ## Question 1: The flow-matching loss (3 points, 10 minutes)
#
# A rectified flow is trained on straight lines: at $\sigma=0$ is the picture, at $\sigma=1$ the noise, and
# the network, shown a point between them, is to say the **velocity** with which the point moves as $\sigma$
# grows.
#
# Write the loss: the mean squared error, over all numbers, of the network's answer. `x0` and `epsilon` are
# `[b, c, h, w]`; `sigma` `[b]` has one level for each picture. `network(x, t)` reads timesteps
# $t=1000\,\sigma$. Answer with one number.

# %% [raw]
# # BEGIN SOLUTION

# %%
def flow_loss(network, x0, epsilon, sigma):
    """Mean squared error of the velocity that the network predicts."""
    # BEGIN SOLUTION
    s = sigma.view(-1, 1, 1, 1)
    x = (1 - s) * x0 + s * epsilon
    velocity = epsilon - x0
    return (network(x, 1000 * sigma) - velocity).square().mean().item()
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q2
# points: 3

# %% [markdown]
# ## Question 2: Euler's sampler (3 points, 10 minutes)
#
# To sample, walk back along the velocity. **Euler's** way: at each level ask for the velocity where you are,
# and go straight on to the next level as if it stayed the same.
#
# `sigmas` is a list of levels that fall, from 1 (noise) to the last one at which you should end; they need
# not be at equal distances. `predict(x, t)` is the velocity at timestep $t=1000\,\sigma$.

# %% [raw]
# # BEGIN SOLUTION

# %%
def euler(predict, x, sigmas):
    """From x at the first level to the last, by Euler's steps."""
    # BEGIN SOLUTION
    for now, then in pairwise(sigmas):
        x = x + (then - now) * predict(x, 1000 * now)
    return x
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q3
# points: 2

# %% [markdown]
# ## Question 3: How straight is a path? (2 points, 10 minutes)
#
# "Flows learn straight paths": how straight are they? A path's **detour** is how much longer it is than the
# straight way between its ends, as a share of the latter: 0 for a straight path, 1 for one that is twice as
# long.
#
# `path` `[points, n, d]` holds `n` samples, each at `points` moments. Add up each sample's steps, compare
# with the direct way, and give back the mean over samples.

# %% [raw]
# # BEGIN SOLUTION

# %%
def detour(path):
    """Mean over samples of (length of the path) / (distance of its ends) - 1."""
    # BEGIN SOLUTION
    walked = (path[1:] - path[:-1]).norm(dim=2).sum(0)
    direct = (path[-1] - path[0]).norm(dim=1)
    return float((walked / direct - 1).mean())
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q4
# points: 4

# %% [markdown]
# ## Question 4: A step of consistency distillation (4 points, 20 minutes)
#
# A consistency model answers with the picture at once, from anywhere on a path of its teacher. It learns from
# itself: what it says at `t` should be what it says one step of the teacher nearer to the picture, at `s`.
# And that goal is taken as it is: nothing is learned *through* it.
#
# `z` is a latent at timestep `t`. `teacher(z, t)` predicts noise, and `ddim_step(z, epsilon, alphas_bar()[t],
# alphas_bar()[s])` takes the step. `student(z, t)` answers with a picture; all that it learns is
# `student.weight`. Give back a dictionary: `"loss"`, the mean squared difference between the student's two
# answers, as a number; and `"gradient"`, that of the loss with respect to `student.weight`.

# %% [raw]
# # BEGIN SOLUTION

# %%
def distil(student, teacher, z, t, s):
    """Loss and gradient of one step of consistency distillation."""
    # BEGIN SOLUTION
    with torch.no_grad():
        nearer = ddim_step(z, teacher(z, t), alphas_bar()[t], alphas_bar()[s])
        goal = student(nearer, s)
    loss = (student(z, t) - goal).square().mean()
    (gradient,) = torch.autograd.grad(loss, student.weight)
    return {"loss": loss.item(), "gradient": gradient}
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION
