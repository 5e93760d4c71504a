"""Stands in for `course_utils.grading` where a submission is scored: its checks do nothing, nothing is known there."""


class _Silent:
    def __call__(self, question: str) -> None:
        return None

    def hint(self, question: str) -> None:
        return None


def exercise(name: str) -> _Silent:
    """A check that checks nothing."""
    return _Silent()
