"""Section 4: control."""

EXERCISE = "04_controlnet_zero_conv"
