r"""Classifier-free guidance: two predictions and one sum (Ho and Salimans, Classifier-Free Diffusion Guidance, 2022).

The course counts the scale as Stable Diffusion does: \(w = 0\) is the unconditional prediction, \(w = 1\) the
conditional one, \(w > 1\) goes beyond. The original paper's number is one less.
"""
from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

Prediction = Float[Tensor, "b c h w"]


def guided(unconditional: Prediction, conditional: Prediction, scale: float) -> Prediction:
    r"""\(\epsilon_u + w\,(\epsilon_c - \epsilon_u)\), for any scale w, also in [0, 1]; the same sum for a velocity."""
    return unconditional + scale * (conditional - unconditional)


def rescaled(guidance: Prediction, conditional: Prediction, amount: float = 0.7) -> Prediction:
    r"""A guided prediction brought back towards the spread of the conditional one, picture by picture.

    \(\phi\,\epsilon\,\sigma_c/\sigma + (1-\phi)\,\epsilon\) with standard deviations over all numbers of a picture,
    and \(\phi\) in [0, 1] the `amount` (Lin et al., Common Diffusion Noise Schedules and Sample Steps Are Flawed, 2024,
    equations 15 and 16).
    """
    axes = (1, 2, 3)
    ratio = conditional.std(axes, keepdim=True) / guidance.std(axes, keepdim=True)
    return guidance * (amount * ratio + 1 - amount)


def scale_at(t: float, scale: float, interval: tuple[float, float] | None = None) -> float:
    """The scale at timestep t: `scale` within the interval (low, high], 1 outside; without one, `scale` always.

    Guidance at the highest noise costs diversity and at the lowest does nothing (Kynkäänniemi et al., Applying Guidance
    in a Limited Interval, 2024; they count in noise levels, which rise with t).
    """
    return scale if interval is None or interval[0] < t <= interval[1] else 1.0
