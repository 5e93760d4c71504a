"""Section 2: two spaces."""

EXERCISE = "02_latent_vs_clip"
