"""Graded exercises: what is asked, what is right, instant checks, and scores from a process no submission can reach.

from course_utils.grading import exercise

check = exercise("01_vae_compression")
check("q1")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_utils.grading.notebook import exercise

__all__ = ["exercise"]


def __getattr__(name: str) -> Any:
    # late, so that the scorer's guests can import `course_utils.grading.running` where no questions are
    if name == "exercise":
        from course_utils.grading.notebook import exercise

        return exercise
    raise AttributeError(f"course_utils.grading has no {name!r}")
