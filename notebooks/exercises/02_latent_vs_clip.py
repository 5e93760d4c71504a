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
# name: 02_latent_vs_clip
# tests:
#   files: true
#   ok_format: false
# init_cell: false
# check_all_cell: false
# export_cell: false

# %% [markdown]
# # Exercises for section 2: two spaces
#
# Two animals, two spaces, and ways between them. After each question, run its check: it says at once whether
# your answer is right, and if not, why not. Ask `check.hint("q1")` as often as you like; hints cost nothing.

# %%
import numpy as np
import torch

from course_utils.critters import KEYPOINTS
from course_utils.measure.doubles import SHARP, joint_spreads

# %%
from course_utils.grading import exercise

check = exercise("02_latent_vs_clip")

# %% [raw]
# # BEGIN QUESTION
# name: q1
# points: 1

# %% [markdown]
# ## Question 1: A way between two prompts (1 point, 5 minutes)
#
# A prompt reaches the denoiser as hidden states, one vector for each token. Between two prompts of one
# template lies a straight way: token by token, a little less of A and a little more of B.
#
# Give back `points` equal steps of it, both ends included. `words_a` and `words_b` are `[1, n, d]`; the way
# is `[points, n, d]`, ready to be handed to `TextToImage` in place of prompts.

# %% [raw]
# # BEGIN SOLUTION

# %%
def way(words_a, words_b, points):
    """Points on the straight way from A to B, both ends included: [points, n, d]."""
    # BEGIN SOLUTION
    times = torch.linspace(0, 1, points)
    return torch.cat([torch.lerp(words_a, words_b, t) for t in times])
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
# ## Question 2: One formula, both ways (2 points, 10 minutes)
#
# DDIM believes the noise that a network predicts, works out the picture that this implies, and mixes the two
# again for another level. Towards the picture, that is sampling; away from it, it is **inversion**: the same
# formula.
#
# `now` and `then` are $\bar\alpha$ of the level where `z` is and of the level where it should go: the share
# of the *variance* that is picture, so that $z=\sqrt{\bar\alpha}\,z_0+\sqrt{1-\bar\alpha}\,\epsilon$. `then`
# may be above or below `now`, or 1, which is the picture itself.

# %% [raw]
# # BEGIN SOLUTION

# %%
def move(z, epsilon, now, then):
    """The latent at level `then` of a latent z at level `now`, if epsilon is the noise in it."""
    # BEGIN SOLUTION
    z0 = (z - (1 - now) ** 0.5 * epsilon) / now**0.5
    return then**0.5 * z0 + (1 - then) ** 0.5 * epsilon
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %%
start = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
there = move(start, noise, 0.9, 0.2)
# there and back again: the difference should be next to nothing
there is not None and bool((move(there, noise, 0.2, 0.9) - start).abs().max() < 1e-4)

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: q3
# points: 4

# %% [markdown]
# ## Question 3: On the arc, also where there is none (4 points, 15 minutes)
#
# Noise lives on a sphere, and between two noises one walks on the arc:
#
# $$\operatorname{slerp}(a,b;t)=\frac{\sin((1-t)\,\Omega)}{\sin\Omega}\,a+\frac{\sin(t\,\Omega)}{\sin\Omega}\,b,$$
#
# $\Omega$ being the angle between $a$ and $b$, all numbers of a tensor taken as one vector. Write it for `n`
# pairs at once, `a` and `b` being `[n, c, h, w]` and `t` one number for all. The ends may have any lengths.
#
# In the notebook it was four lines. They fail where the two vectors are parallel, or so nearly that the angle
# drowns in rounding: there the formula says 0 / 0. Yours should not. (Opposite vectors do not come up.) An
# answer that is right where the vectors part ways, and says NaN where they do not, gets half of the points.

# %% [raw]
# # BEGIN SOLUTION

# %%
def slerp(a, b, t):
    """The points at t on the arcs from a to b, pair by pair; straight where they are parallel."""
    # BEGIN SOLUTION
    axes = (1, 2, 3)
    lengths = a.square().sum(axes, keepdim=True) * b.square().sum(axes, keepdim=True)
    cosine = (a * b).sum(axes, keepdim=True) / lengths.sqrt()
    omega = cosine.clamp(-1, 1).acos()
    near = omega < 1e-2
    sine = torch.where(near, 1, omega.sin())
    arc = ((1 - t) * omega).sin() / sine * a + (t * omega).sin() / sine * b
    return torch.where(near, (1 - t) * a + t * b, arc)
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
# ## Question 4: Does a space sort by a word? (3 points, 15 minutes)
#
# Does a space sort pictures by species? **Neighbourhood purity** asks each vector for its `k` nearest
# *others*, by cosine, and says which share of them has the same word, on average over all vectors.
#
# `vectors` is `[n, d]`, rows of any length; `words` `[n]` holds a whole number for each one's word. Answer
# with one number between 0 and 1.

# %% [raw]
# # BEGIN SOLUTION

# %%
def purity(vectors, words, k):
    """Mean share of the k nearest other vectors, by cosine, that have the same word."""
    # BEGIN SOLUTION
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    cosines = (unit @ unit.T).fill_diagonal_(-torch.inf)
    near = cosines.topk(k).indices
    return float((words[near] == words[:, None]).float().mean())
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
# ## Question 5: A ghost score of your own (stretch, 5 points, 30 minutes)
#
# The open question of this section. A double exposure has two animals in one place. Find a number that says
# so: a **ghost score**, which is higher for double exposures than for single animals.
#
# `pictures` is a uint8 array `[n, 128, 128, 3]`; answer with `n` numbers. Twenty are renders of one critter,
# twenty are blends of two renders, from 75 to 25 up to even. Only the order of your scores counts: you are
# measured by the share of pairs, one of each kind, in which the double exposure scores higher (a tie counts
# half; a mere yes or no gets at most one point, unless it is right for every pair). Points come at 70, 80 and
# 90 %. All that the course has is at your service: pixels, the VAE, CLIP, the critic. Do not look
# at the order of the pictures; there is none.

# %% [raw]
# # BEGIN SOLUTION

# %%
def ghost(pictures):
    """A score for each picture, high where two animals shine through one another: [n]."""
    # BEGIN SOLUTION
    # where there are two noses, the critic's heat for *nose* lies in two spots: it is spread out
    sharp = [KEYPOINTS.index(name) for name in SHARP]
    return np.log(joint_spreads(pictures)[:, sharp]).mean(axis=1)
    # END SOLUTION

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION
