"""Figures of points: the same bytes each time, described, and honest about where arrows end."""

import numpy as np
import pytest
import torch
from matplotlib.quiver import Quiver

from course_utils.show import refresher

ALT = "A description that is long enough to be of use to somebody."
CLOUD = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))


def draw():
    path = torch.stack([CLOUD, CLOUD / 2, CLOUD / 4])
    return {
        "clouds": refresher.clouds({"one": {"a": CLOUD, "b": CLOUD}, " ": {"a": CLOUD.numpy(), "c": CLOUD}}, ALT),
        "arrows": refresher.arrows({f"t = {t}": (CLOUD, CLOUD / 2) for t in range(3)}, ALT, CLOUD),
        "paths": refresher.paths(path, ALT, CLOUD),
    }


def test_the_same_points_give_the_same_bytes():
    first, second = draw(), draw()
    assert {name: p.png for name, p in first.items()} == {name: p.png for name, p in second.items()}
    assert all(picture.alt == ALT for picture in first.values())


def test_rows_hold_equally_many_clouds():
    with pytest.raises(ValueError, match="the same number"):
        refresher.clouds({"one": {"a": CLOUD}, "two": {"a": CLOUD, "b": CLOUD}}, ALT)


def test_short_arrows_end_at_their_goals_and_long_ones_are_cut(monkeypatch):
    drawn = []
    monkeypatch.setattr(refresher, "figure", lambda card, *_, **__: drawn.extend(
        part for axis in card.axes for part in axis.collections if isinstance(part, Quiver)))  # fmt: skip
    places, goals = np.zeros((3, 2)), np.array([[0.1, 0.0], [0.0, -4.0], [0.0, 0.0]])
    refresher.arrows({"t": (places, goals)}, ALT, CLOUD, longest=0.3)
    (field,) = drawn
    np.testing.assert_allclose(np.stack([field.U, field.V], 1), [[0.1, 0], [0, -0.3], [0, 0]], atol=1e-12)
