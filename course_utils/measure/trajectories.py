r"""The shape of a sampler's path through latent space, and the angles between predictions.

A path is what a sampler leaves behind: latents `[points, b, c, h, w]`, the first the noise and the last the result
(or the other way round: no measure here minds). Every measure treats a latent as one vector, works in float64 and
answers picture by picture. A path that stands still has no direction: its angles and ratios are NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Path = Float[Tensor, "points b c h w"]
Latents = Float[Tensor, "b c h w"]
PerPicture = Float[Tensor, " b"]


def path_length(path: Path) -> PerPicture:
    r"""\(\sum_k |x_{k+1}-x_k|\), the way walked."""
    return _steps(path).norm(dim=-1).sum(0)


def chord(path: Path) -> PerPicture:
    r"""\(|x_N-x_0|\), the way as the crow flies."""
    x = _vectors(path)
    return (x[-1] - x[0]).norm(dim=-1)


def path_ratio(path: Path) -> PerPicture:
    r"""Way walked over the way as the crow flies: 1 for a straight path, \(\pi/2\sqrt2=1.11\) for a quarter circle."""
    return path_length(path) / chord(path)


def straightness(path: Path, times: Sequence[float] | None = None) -> PerPicture:
    r"""How far the velocity is from constant: 0 for a straight path at even speed, larger for a more curved one.

    \(S=\int_0^1 |(x_1-x_0)-\dot x_t|^2\,dt\;/\;|x_1-x_0|^2\) (Liu, Gong and Liu, Flow Straight and Fast, 2023,
    section 2.1, there without the division, which makes paths of different length comparable). The velocity between
    two points is their difference quotient, which for Euler's method is what the network said. Where \(S=0\) a single
    step would have arrived at the same place.

    Args:
        path: the points.
        times: one for each point, rising or falling, such as the levels \(\sigma\); by default evenly spaced.

    Raises:
        ValueError: for a number of times other than the points', or times that do not rise or fall throughout.
    """
    steps, span = _steps(path), _spans(path, times)
    velocity = steps / span[:, None, None]
    straight = steps.sum(0)
    return (span[:, None] * (velocity - straight).square().sum(-1)).sum(0) / straight.square().sum(-1)


def turning(path: Path) -> Float[Tensor, "points-2 b"]:
    """Angle between successive steps, in radians: 0 straight on, pi straight back. Their sum is the whole turn."""
    steps = _steps(path)
    return _angle(steps[1:], steps[:-1])


def curvature(path: Path) -> Float[Tensor, "points-2 b"]:
    r"""Angle turned per length walked, \(\kappa_k=2\theta_k/(|s_k|+|s_{k+1}|)\): 1/r on a circle of radius r.

    The common discrete curvature of a polygon (Crane and Wardetzky, A Glimpse into Discrete Differential Geometry,
    2017). Multiplied by `chord` it has no unit.
    """
    lengths = _steps(path).norm(dim=-1)
    return 2 * turning(path) / (lengths[1:] + lengths[:-1])


def at_levels(path: Path, levels: Sequence[float], wanted: Sequence[float]) -> Float[Tensor, "wanted b c h w"]:
    r"""Where the polygon through the points is at other levels: so that walks cut differently can be compared.

    Args:
        path: the points.
        levels: one for each point, rising or falling, such as \(\sigma\).
        wanted: levels between the first and the last.

    Raises:
        ValueError: for levels that do not rise or fall throughout, or that the path does not reach.
    """
    _spans(path, levels)
    order = 1 if levels[-1] > levels[0] else -1
    ends, asked = np.asarray(levels)[::order], np.asarray(wanted, dtype=float)
    if asked.min() < ends[0] or asked.max() > ends[-1]:
        raise ValueError(f"the path goes from level {levels[0]:.3g} to {levels[-1]:.3g}; not all wanted lie between")
    after = np.searchsorted(ends, asked).clip(1, len(ends) - 1)
    share = torch.from_numpy((asked - ends[after - 1]) / (ends[after] - ends[after - 1])).view(-1, 1, 1, 1, 1)
    points = path.double().flip(0) if order < 0 else path.double()
    return torch.lerp(points[after - 1], points[after], share.to(path.device))


def norms(path: Path) -> Float[Tensor, "points b"]:
    r"""Root mean square of the numbers at each point: \(|x_k|/\sqrt{d}\), 1 for standard normal noise."""
    return _vectors(path).square().mean(-1).sqrt()


def in_flow_coordinates(
    path: Path, alphas_bar: Sequence[float]
) -> tuple[Float[Tensor, "points b c h w"], list[float]]:
    r"""A path of the 1000-step schedule as the flow models see it, and its levels \(\sigma\).

    With \(c=\sqrt{\bar\alpha}+\sqrt{1-\bar\alpha}\), \(z/c=(1-\sigma)x_0+\sigma\epsilon\) for
    \(\sigma=\sqrt{1-\bar\alpha}/c\): any two noise schedules differ by such a scale and a clock (Karras et al.,
    Elucidating the Design Space of Diffusion-Based Generative Models, 2022). Without it the schedule itself would count
    as curvature: its own path between a picture and a noise is an arc.

    Args:
        path: latents \(z=\sqrt{\bar\alpha}\,x_0+\sqrt{1-\bar\alpha}\,\epsilon\).
        alphas_bar: \(\bar\alpha\) of each point, 0 to 1.
    """
    a = torch.as_tensor(alphas_bar, dtype=torch.float64)
    if len(a) != len(path) or bool(((a < 0) | (a > 1)).any()):
        raise ValueError(f"a path of {len(path)} points needs as many levels from 0 to 1, got {list(alphas_bar)}")
    scale = a.sqrt() + (1 - a).sqrt()
    return path.double() / scale.view(-1, 1, 1, 1, 1).to(path.device), ((1 - a).sqrt() / scale).tolist()


def geometry(path: Path, times: Sequence[float] | None = None) -> dict[str, float]:
    """Means over pictures: `path_ratio`, `straightness`, the whole turn in degrees, and `n` pictures."""
    measures = {"path_ratio": path_ratio(path), "straightness": straightness(path, times),
                "turning_degrees": turning(path).sum(0).rad2deg()}
    return {"n": path.shape[1], **{name: float(value.mean()) for name, value in measures.items()}}


def angle(a: Latents, b: Latents) -> PerPicture:
    r"""Angle between two predictions in radians, \(2\arctan\left(|u-v|/|u+v|\right)\) of their unit vectors.

    Unlike the arc cosine this stays exact for small angles (Kahan, How Futile are Mindless Assessments of Roundoff,
    2006). In d dimensions two random directions stand within about \(1/\sqrt{d}\) of a right angle.
    """
    return _angle(_flat(a), _flat(b))


def projected(a: Latents, onto: Latents) -> tuple[Latents, Latents]:
    r"""`a` split into a part along `onto`, \(\frac{a\cdot b}{b\cdot b}\,b\), and the rest, at right angles to it.

    Of the guidance difference the part along the conditional prediction mostly saturates and the rest carries the
    content (Sadat et al., Eliminating Oversaturation and Artifacts of High Guidance Scales, 2025).
    """
    flat_a, flat_b = _flat(a), _flat(onto)
    share = (flat_a * flat_b).sum(-1, keepdim=True) / flat_b.square().sum(-1, keepdim=True)
    along = (share * flat_b).view_as(a).to(a.dtype)
    return along, a - along


def in_their_plane(a: Latents, b: Latents) -> Float[Tensor, "b 2 2"]:
    r"""Two vectors drawn in the plane that they span, lengths and angle true: `[picture, vector, (x, y)]`.

    The first lies along x, \((|a|, 0)\); the second is \(|b|(\cos\theta, \sin\theta)\). Sums and differences of the
    two, such as a guided prediction, lie in the same plane.
    """
    length_a, length_b = _flat(a).norm(dim=-1), _flat(b).norm(dim=-1)
    theta = angle(a, b)
    first = torch.stack([length_a, torch.zeros_like(length_a)], -1)
    return torch.stack([first, torch.stack([length_b * theta.cos(), length_b * theta.sin()], -1)], 1)


def _vectors(path: Path) -> Float[Tensor, "points b d"]:
    """The points in float64. Raises `ValueError` for what is no path."""
    if path.ndim != 5 or len(path) < 2:
        raise ValueError(f"a path has shape [points, b, c, h, w] with two points or more, got {list(path.shape)}")
    if not bool(torch.isfinite(path).all()):
        raise ValueError("the path holds NaN or infinite numbers: find the step at which the sampler broke")
    return path.double().flatten(2)


def _steps(path: Path) -> Float[Tensor, "points-1 b d"]:
    return _vectors(path).diff(dim=0)


def _spans(path: Path, times: Sequence[float] | None) -> Float[Tensor, " points-1"]:
    """Share of the whole time that each step takes."""
    t = torch.arange(len(path)) if times is None else torch.as_tensor(times, dtype=torch.float64)
    spans = t.to(path.device, torch.float64).diff()
    if len(spans) != len(path) - 1 or not (bool((spans > 0).all()) or bool((spans < 0).all())):
        raise ValueError(f"a path of {len(path)} points needs as many times that rise or fall throughout")
    return spans / spans.sum()


def _flat(x: Latents) -> Float[Tensor, "b d"]:
    return x.double().flatten(1)


def _angle(a: Float[Tensor, "*n d"], b: Float[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    u, v = a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
    return 2 * torch.atan2((u - v).norm(dim=-1), (u + v).norm(dim=-1))
