"""An open one: the best sampler for eight evaluations."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.diffusion.schedule import alphas_bar, trailing
from course_utils.grading import faults
from course_utils.grading.faults import Wrong
from course_utils.grading.question import Case, Mistake, Question, Verdict
from course_utils.grading.toys import Budget, first_noise, ideal_noise, outline
from course_utils.grading.values import Given, Hidden

Points = Float[Tensor, "n 2"]
Receipt = dict[str, Any]
NFE, PROBLEMS = 8, 4
RATIOS_TO_POINTS = ((0.5, 5), (0.86, 3), (1.02, 1))
"""The error as a share of that of eight DDIM steps, and what that is worth."""


def cases(rng: np.random.Generator) -> list[Case]:
    """One outline to sample; hidden, others, on which the same recipe is judged."""
    seeds = [int(seed) for seed in rng.integers(1 << 30, size=PROBLEMS + 1)]
    return [{"predict": Given("budget", {"seed": seeds[0], "most": NFE}),
             "z": first_noise(rng.normal(size=(32, 2)), NFE), "seeds": Hidden(seeds[1:])}]


def _bars(times: Sequence[int]) -> list[float]:
    return [float(alphas_bar()[t]) for t in times] + [1.0]


def _log_snr(bar: float) -> float:
    return float(np.log(bar / (1 - bar)) / 2)


def _multistep(predict: Callable[[Any, int], Any], z: Any, times: Sequence[int], second: bool = True) -> Any:
    """DPM-Solver++ of second order, or DDIM, along some timesteps and to the picture."""
    levels, before = _bars(times), None
    for k, t in enumerate(times):
        now, then = levels[k], levels[k + 1]
        x0 = guess = (z - (1 - now) ** 0.5 * predict(z, t)) / now**0.5
        if second and before is not None and then < 1:
            ratio = (_log_snr(now) - _log_snr(levels[k - 1])) / (_log_snr(then) - _log_snr(now))
            guess = x0 + (x0 - before) / (2 * ratio)
        shrink = ((1 - then) / (1 - now)) ** 0.5
        z, before = shrink * z + (then**0.5 - shrink * now**0.5) * guess, x0
    return z


GOOD = (999, 916, 815, 687, 522, 326, 145, 40)
"""Noise-to-signal ratios as Karras et al. (2022) space them, rho = 7, down to 0.2, where these outlines are sharp."""


def eight(predict: Budget, z: Points) -> Receipt:
    """Second order, and levels closer together where the picture is decided."""
    return predict.receipt(_multistep(predict, z, GOOD))


def _with(times: Sequence[int], second: bool = True) -> Callable[[Budget, Points], Receipt]:
    return lambda predict, z: predict.receipt(_multistep(predict, z, times, second))


def _double(predict: Budget, z: Points) -> Receipt:
    return predict.receipt(_multistep(predict, z.double(), GOOD))


def _in_place(predict: Budget, z: Points) -> Receipt:
    return predict.receipt(z.copy_(_multistep(predict, z.clone(), GOOD)))


def _forged(predict: Budget, z: Points) -> Receipt:
    """A receipt of nothing: no query, and an end that claims to be perfect."""
    return {"times": [999], "queries": torch.zeros(1, NFE + 1), "end": torch.eye(NFE + 1)[1]}


def replayed(receipt: Receipt, noise: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The same weighted sums, from other noise, with the answers for other points."""
    known = [noise]
    for t, weights in zip(receipt["times"], receipt["queries"], strict=True):
        query = sum(w * value for w, value in zip(weights, known, strict=False))
        known.append(ideal_noise(np.asarray(query), float(alphas_bar()[t]), points))
    return np.asarray(sum(w * value for w, value in zip(receipt["end"], known, strict=False)))


def error_ratio(receipt: Receipt, seeds: Sequence[int]) -> float:
    """Distance from the exact end of each path, root mean square, against that of eight DDIM steps."""
    errors = np.zeros(2)
    for seed in seeds:
        points, noise = outline(seed), np.random.default_rng(seed).normal(size=(64, 2))

        def ask(z: np.ndarray, t: int, points: np.ndarray = points) -> np.ndarray:
            return ideal_noise(z, float(alphas_bar()[t]), points)

        exact = _multistep(ask, noise, range(999, 0, -4))
        ends = replayed(receipt, noise, points), _multistep(ask, noise, trailing(NFE), second=False)
        errors += [np.sqrt(((end - exact) ** 2).sum(1).mean()) for end in ends]
    return float(errors[0] / errors[1])


def checked(output: Any) -> Receipt:
    """A receipt that can be replayed."""
    if not isinstance(output, dict) or set(output) != {"times", "queries", "end"}:
        raise Wrong("Hand in `predict.receipt(z)`: it holds your result, and how you came by it.")
    times = output["times"]
    if not isinstance(times, list) or not all(type(t) is int and 0 <= t < 1000 for t in times):
        raise Wrong("The receipt's timesteps are whole numbers from 0 to 999.")
    if not 1 <= len(times) <= NFE:
        raise Wrong(f"The budget is {NFE} evaluations, at least one; the receipt has {len(times)}.")
    queries = faults.array(output["queries"], "the receipt's queries", (len(times), NFE + 1))
    end = faults.array(output["end"], "the receipt's end", (NFE + 1,))
    if np.triu(queries, 1).any() or end[len(times) + 1 :].any():
        raise Wrong("The receipt uses answers before they were given.")
    return {"times": times, "queries": queries, "end": end}


def judge(given: Sequence[Case], outputs: Sequence[Any]) -> Verdict:
    """The recipe that a receipt holds, on outlines that nobody has seen."""
    receipt = checked(outputs[0])
    ratio = error_ratio(receipt, given[0]["seeds"].value)
    measured = f"{ratio:.2f} of the error of eight DDIM steps, with {len(receipt['times'])} evaluations"
    points = next((points for least, points in RATIOS_TO_POINTS if ratio <= least), 0)
    if points == QUESTION.points:
        return Verdict(points, "Right, that is a sampler for small budgets.", measured)
    if points:
        raise Wrong("It arrives, and can come nearer. Does it use what it learned one step before? Are its levels where"
                    " the picture is decided?", points, measured)
    raise Wrong("Farther off than eight plain DDIM steps: begin with these, then change one thing at a"
                " time.", 0, measured)


QUESTION = Question(
    id="q5", title="The best sampler for eight evaluations", answer="eight", points=5, minutes=30, stretch=True,
    target="half the error of eight DDIM steps; the course's own sampler has 0.36 of it",
    hints=(
        "Write DDIM along schedule.trailing(8) first, with ᾱ = 1 at the end. Its error is the yardstick.",
        "Each step can lean on the picture implied one step earlier: along the logarithm of the signal-to-noise ratio,"
        " pictures change nearly on a straight line. That is DPM-Solver++ of second order.",
        "Then move the levels. Karras and others space them evenly in sigma to the power of 1/7; where should the last"
        " but one lie, if the lines of a drawing are so wide as these?",
    ),
    reference=eight, cases=cases, judge=judge,
    alternatives=(_double, _in_place, _with((999, 903, 788, 645, 470, 280, 125, 40))),
    mistakes=(
        Mistake("DDIM", _with(trailing(NFE), second=False), "It arrives, and can come nearer.", 1),
        Mistake("second order, plain levels", _with(trailing(NFE)), "It arrives, and can come nearer.", 1),
        Mistake("half of the budget", _with(trailing(4), second=False), "Farther off than eight plain DDIM steps"),
        Mistake("leading timesteps", _with([1 + 125 * k for k in reversed(range(NFE))], second=False),
                "It arrives, and can come nearer.", 3),
        Mistake("stops too early", lambda predict, z: predict.receipt(predict(z, 999) + z),
                "Farther off than eight plain DDIM steps"),
        Mistake("nothing asked", lambda predict, z: predict.receipt(z), "RuntimeError"),
        Mistake("too many", _with(trailing(12), second=False), "the budget of 8 evaluations is spent"),
        Mistake("noise predicted backwards", lambda predict, z: predict.receipt(_multistep(
            lambda x, t: -predict(x, t), z, GOOD)), "Farther off than eight plain DDIM steps"),
        Mistake("forged", _forged, "Farther off than eight plain DDIM steps"),
        Mistake("the result alone", lambda predict, z: _multistep(predict, z, GOOD), "Hand in `predict.receipt(z)`"),
    ),
)
