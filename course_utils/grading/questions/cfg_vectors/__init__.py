"""Section 3: guidance."""

EXERCISE = "03_cfg_vectors"
