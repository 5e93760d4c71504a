"""Figures of guidance: the same bytes each time, and arrows that end where they should."""

import numpy as np
import pytest

from course_utils.show import guidance

ALT = "A description that is long enough to be of use to somebody."
COLOURS = {"a": "grey", "b": "blue", "c": "orange"}
ARROWS = {"a": (3.0, 0.0), "b": (3.0, 1.0), "c": (3.0, 4.0)}


def draw():
    measured = ([0, 1, 2], [1.0, 2.0, 3.0], [0.1, 0.2, 0.3])
    return {
        "sweep": guidance.sweep({"one": {"a": measured, "b": ([1], [2.0], [0.5])}, "two": {"c": measured}}, ALT,
                                COLOURS, {"two": ("floor", 1.5)}, xlabel="w"),
        "plane": guidance.plane({"t = 999": ARROWS, "t = 39": ARROWS}, ALT, COLOURS),
    }  # fmt: skip


def test_the_same_numbers_give_the_same_bytes_and_the_description():
    first, second = draw(), draw()
    assert {name: picture.png for name, picture in first.items()} == {name: p.png for name, p in second.items()}
    assert all(picture.alt == ALT for picture in first.values())


def test_arrows_keep_their_lengths_and_angles_and_the_ends_are_enlarged(monkeypatch):
    cards = []
    monkeypatch.setattr(guidance, "figure", lambda card, *_, **__: cards.append(card))
    guidance.plane({"t": ARROWS}, ALT, COLOURS)
    whole, ends = cards[0].axes
    for axis in (whole, ends):
        points = {line.get_label(): line.get_xydata()[0] for line in axis.lines if line.get_label() in ARROWS}
        assert {name: tuple(point) for name, point in points.items()} == ARROWS
        assert axis.get_aspect() == 1
        (low, high), (bottom, top) = axis.get_xlim(), axis.get_ylim()
        assert high - low == pytest.approx(top - bottom)
        for x, y in ARROWS.values():
            assert low < x < high
            assert bottom < y < top
    assert whole.get_xlim()[0] < 0 < ends.get_xlim()[0]


def test_equal_arrows_still_make_a_figure():
    same = {"a": (32.0, 0.0), "b": (32.0, 0.0), "c": (32.0, 0.0)}
    assert guidance.plane({"t": same}, ALT, COLOURS).png


def test_heat_is_white_at_zero_and_darkest_at_the_top():
    picture = guidance.heat(np.array([[0.0, 0.5], [1.0, 0.25]]), side=4)
    assert picture.shape == (4, 4, 3)
    assert picture[0, 0].tolist() == [255, 255, 255]
    assert picture[3, 0].sum() == picture.sum(2).min()
    assert (picture[:2, :2] == picture[0, 0]).all()


def test_maps_can_share_a_top_and_an_empty_one_is_white():
    assert (guidance.heat(np.zeros((2, 2)), side=4) == 255).all()
    half = guidance.heat(np.array([[0.5]]), side=1, top=1.0)
    assert half.sum() > guidance.heat(np.array([[0.5]]), side=1).sum()


def test_a_line_joins_no_two_points_and_a_panel_ends_where_it_must(monkeypatch):
    """Between two points nothing was measured; without an interval there is no bar, and a share ends at 1."""
    cards = []
    monkeypatch.setattr(guidance, "figure", lambda card, *_, **__: cards.append(card))
    lines = {"a": ([0, 1, 2], [0.5, 0.9, 1.0], None), "b": ([0, 2], [0.4, 0.9], [0.3, 0.3])}
    guidance.sweep({"one": lines}, ALT, COLOURS, limits={"one": (0, 1)})
    (panel,) = cards[0].axes
    joined, apart = (container.lines[0] for container in panel.containers)
    assert (joined.get_linestyle(), apart.get_linestyle()) == ("-", "None")
    assert [bool(container.lines[2]) for container in panel.containers] == [False, True]
    assert panel.get_ylim() == (0, 1)
    assert panel.get_legend()


def test_many_names_stand_in_one_legend_below_and_inside_the_card(monkeypatch):
    cards = []
    monkeypatch.setattr(guidance, "figure", lambda card, *_, **__: cards.append(card))
    lines = {f"a name of thirty-two characters {k}": ([1, 2, 4], [k, k, k], None) for k in range(4)}
    colours = dict(zip(lines, ("blue", "orange", "green", "pink"), strict=True))
    floors = {title: ("renders, coded", 2.0) for title in ("one", "two")}
    guidance.sweep({"one": lines, "two": lines}, ALT, colours, floors, below=True)
    (card,) = cards
    card.draw_without_rendering()
    assert not any(panel.get_legend() for panel in card.axes)
    box = card.legends[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= card.bbox.x1
