"""Models by role and scale."""
