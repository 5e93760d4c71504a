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
import math
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

# %% [raw]
# # BEGIN QUESTION
# name: q5
# points: 5

# %% [markdown]
# ## Question 5: The best sampler for eight evaluations (stretch, 5 points, 30 minutes)
#
# The open question of this section, and of few-step sampling: how near can one come with **eight
# evaluations** and no training? The problem is the refresher's, points on a critter's outline with a little
# ink around them, and the denoiser is the ideal one.
#
# `predict(z, t)` is the noise in points `z` `[n, 2]` at a whole timestep `t`, 999 to 0, and answers eight
# times, not once more. `z` is where sampling begins, standard normal, at 999. (But for its last rows, where the
# receipt keeps its books: treat them like all others, and leave them out of means and norms.) End at the
# picture (ᾱ = 1), and hand in `predict.receipt(z)` of the result.
#
# The receipt notes the timesteps and how each query and the result are *weighted sums* of the first noise and
# the answers so far: so your recipe can be followed on other outlines, and it is there that it is judged. (So
# weighted sums are all that a recipe may use; which weights is up to you.) Measured is the distance from
# where the exact path ends, against that of eight plain DDIM steps. Points come at 1.02 (as good), 0.86 and
# 0.5 of it; the course's own recipe has 0.36.

# %% [raw]
# # BEGIN SOLUTION

# %%
def eight(predict, z):
    """From noise to the picture in eight evaluations; answers with the receipt."""
    # BEGIN SOLUTION
    times = (999, 916, 815, 687, 522, 326, 145, 40)  # after Karras and others, rho = 7
    levels = [float(alphas_bar()[t]) for t in times] + [1.0]
    log_snr = [0.5 * math.log(bar / (1 - bar)) for bar in levels[:-1]]
    before = None
    for k, t in enumerate(times):
        now, then = levels[k], levels[k + 1]
        x0 = guess = (z - (1 - now) ** 0.5 * predict(z, t)) / now**0.5
        if before is not None and then < 1:  # on from the picture implied one step earlier
            ratio = (log_snr[k] - log_snr[k - 1]) / (log_snr[k + 1] - log_snr[k])
            guess = x0 + (x0 - before) / (2 * ratio)
        shrink = ((1 - then) / (1 - now)) ** 0.5
        z = shrink * z + (then**0.5 - shrink * now**0.5) * guess
        before = x0
    return predict.receipt(z)
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION
