"""Questions for the tests, as short as one can be written."""

from course_utils.grading.question import Question


def question(reference, cases, **more):
    """A question about the function `reference`, on what `cases(rng)` draws; `more` are its other fields."""
    fields = {"points": 2, "minutes": 5, "hints": ("a", "b", "c"), "mistakes": (), "alternatives": ()} | more
    return Question(id="q1", title="A toy", answer=reference.__name__, reference=reference, cases=cases, **fields)
