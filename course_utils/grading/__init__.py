"""Graded exercises: what is asked, what is right, instant checks, and scores from a process no submission can reach."""
