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
# `check.hint("q1")` as often as you like; hints cost nothing.

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
# Stable Diffusion's VAE turns 512 × 512 × 3 numbers into 64 × 64 × 4. That is one VAE. Write a function that tells, for
# *any* `AutoencoderKL`, how many times fewer numbers the latent has than the picture.
#
# `config` is the configuration as a dictionary. Three entries matter: `in_channels`, `latent_channels` and
# `block_out_channels`, a list with one width for each block of the encoder. `height` and `width` divide evenly.

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

# %% [raw]
# # END QUESTION
