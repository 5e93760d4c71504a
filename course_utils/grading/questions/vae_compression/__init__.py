"""Section 1: what a latent keeps."""

EXERCISE = "01_vae_compression"
