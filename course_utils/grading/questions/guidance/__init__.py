"""Section 3: guidance."""

EXERCISE = "03_guidance"
