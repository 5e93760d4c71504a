"""What otter-grader's test files call: three lines each, and no logic there."""

from __future__ import annotations

from typing import Any

from course_utils.grading.notebook import Exercise


def earns(exercise: str, question: str, points: float, namespace: dict[str, Any]) -> None:
    """Fail with the check's message where the answer in `namespace` gets fewer than `points`."""
    checked = Exercise(exercise, namespace)(question)
    if checked.points < points:
        raise AssertionError(checked.message)
