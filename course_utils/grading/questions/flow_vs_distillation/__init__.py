"""Section 5: flow matching and distillation."""

EXERCISE = "05_flow_vs_distillation"
