"""What guidance costs: network evaluations, with an interval and without."""
from __future__ import annotations

import numpy as np

from course_utils.diffusion import guidance, schedule
from course_utils.grading.question import Case, Mistake, Question

Interval = tuple[float, float] | None


def cases(rng: np.random.Generator) -> list[Case]:
    """With and without an interval, whose ends are timesteps of the sampler; the two scales that are cheap."""
    timesteps = [schedule.trailing(int(n)) for n in rng.integers(15, 40, 6)]
    ends = [sorted(int(t) for t in rng.choice(one[3:-3], 2, replace=False)) for one in timesteps]
    scales = [float(s) for s in rng.uniform(2, 12, 6)]
    scales[3], scales[4] = 1.0, 0.0
    inside = [None, tuple(ends[1]), tuple(ends[2]), tuple(ends[3]), None, (0, ends[5][1])]
    return [{"timesteps": t, "scale": s, "interval": i} for t, s, i in zip(timesteps, scales, inside, strict=True)]


def evaluations(timesteps: list[int], scale: float, interval: Interval) -> int:
    """Two for a step that is guided, one for any other."""
    count = 0
    for t in timesteps:
        inside = interval is None or interval[0] < t <= interval[1]
        count += 2 if inside and scale not in (0, 1) else 1
    return count


def _library(timesteps: list[int], scale: float, interval: Interval) -> int:
    return sum(1 if guidance.scale_at(t, scale, interval) in (0, 1) else 2 for t in timesteps)


def _numpy(timesteps: list[int], scale: float, interval: Interval) -> np.ndarray:
    t = np.array(timesteps)
    low, high = interval or (-1, 1000)
    guided = (t > low) & (t <= high) & (scale != 0) & (scale != 1)
    return np.sum(1 + guided)


def _early(timesteps: list[int], scale: float, interval: Interval) -> float:
    if scale in (0, 1):
        return float(len(timesteps))
    if interval is None:
        return 2.0 * len(timesteps)
    return float(len(timesteps) + len([t for t in timesteps if interval[0] < t <= interval[1]]))


def _count(timesteps: list[int], scale: float, inside: list[bool], within: int = 2, outside: int = 1) -> int:
    return sum(within if one and scale not in (0, 1) else outside for one in inside)


QUESTION = Question(
    id="q2", title="What guidance costs", answer="evaluations", points=2, minutes=5,
    hints=(
        "How many predictions go into the guidance sum of one step?",
        "Outside of the interval the scale is 1. Which of the two predictions does the sum need then? And at scale 0?",
        "The interval is (low, high]: a step at `low` is outside, one at `high` inside.",
    ),
    reference=evaluations, cases=cases, alternatives=(_library, _numpy, _early),
    mistakes=(
        Mistake("one a step", lambda timesteps, scale, interval: len(timesteps),
                "That is the number of steps. A guided step asks the network twice."),
        Mistake("two a step", lambda timesteps, scale, interval: 2 * len(timesteps),
                "Not every step is guided: the interval leaves some out, and so do two special scales."),
        Mistake("interval forgotten", lambda timesteps, scale, interval: evaluations(timesteps, scale, None),
                "The interval is not used: steps outside of it are not guided."),
        Mistake("special scales forgotten", lambda timesteps, scale, interval: evaluations(timesteps, 2, interval),
                "At two scales the sum needs only one of its two predictions: which are they?", 1),
        Mistake("scale 1 only", lambda timesteps, scale, interval: evaluations(timesteps, scale or 2, interval),
                "Right but for one scale: at 0 the sum needs only one of its predictions too.", 1),
        Mistake("scale 0 only", lambda timesteps, scale, interval: evaluations(
            timesteps, 2 if scale == 1 else scale, interval),
                "Right but for one scale: at 1 the sum needs only one of its predictions too.", 1),
        Mistake("closed interval", lambda timesteps, scale, interval: _count(
            timesteps, scale, [interval is None or interval[0] <= t <= interval[1] for t in timesteps]),
                "A step just at the lower end of the interval is counted as inside; (low, high] leaves it out.", 1),
        Mistake("open interval", lambda timesteps, scale, interval: _count(
            timesteps, scale, [interval is None or interval[0] < t < interval[1] for t in timesteps]),
                "A step just at the upper end of the interval is left out; (low, high] includes it.", 1),
        Mistake("inside out", lambda timesteps, scale, interval: _count(
            timesteps, scale, [interval is None or not interval[0] < t <= interval[1] for t in timesteps]),
                "Inside and outside of the interval have changed places."),
        Mistake("nothing outside", lambda timesteps, scale, interval: _count(
            timesteps, scale, [interval is None or interval[0] < t <= interval[1] for t in timesteps], 2, 0)
            if scale not in (0, 1) else len(timesteps),
                "Steps outside of the interval are free in your count. They too ask the network, only without"
                " guidance."),
        Mistake("mean", lambda timesteps, scale, interval: evaluations(timesteps, scale, interval) / len(timesteps),
                "That is the mean for one step; the question is about the whole picture."),
    ),
)
