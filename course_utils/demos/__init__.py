"""The live demos: each computes in a function of plain arguments and shows itself with or without a kernel."""

from course_utils.demos.nudge import Nudge

__all__ = ["Nudge"]
