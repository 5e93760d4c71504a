"""Edges drawn by hand: from text to lines to a map, and the edges that one can begin with."""

import numpy as np
import pytest

from course_utils.critters import Scene, edge_map
from course_utils.demos import sketch


def test_text_becomes_lines():
    assert sketch.strokes("12.34_15.40-40.50") == [[(12, 34), (15, 40)], [(40, 50)]]
    assert sketch.strokes("") == []


@pytest.mark.parametrize(("text", "says"), [("12", "points x.y"), ("1.2_a.b", "points x.y"), ("1.128", "127.127")])
def test_what_is_no_drawing_is_told(text, says):
    with pytest.raises(ValueError, match=says):
        sketch.strokes(text)


def widths(edges):
    """How wide lines are that cross a row: the grey of each run of up to three pixels."""
    runs = [run for row in edges for run in np.split(row, np.flatnonzero(row == 0)) if (run > 0).any()]
    return [run.sum() for run in runs if (run > 0).sum() <= 3]


def test_a_line_is_about_as_wide_and_bright_as_the_worlds_edges():
    drawn = sketch.sketched("20.40_100.40")
    column = drawn[:, 60].astype(float) / 255
    assert column.argmax() == 40
    assert column.sum() == column.max() == 1  # one pixel wide, which most of the world's edges are
    assert np.median(widths(edge_map(Scene(size=0.65)) / 255)) == pytest.approx(1, abs=0.01)
    assert drawn[40, 18] == drawn[44, 60] == 0


def test_lines_lie_over_edges():
    edges = edge_map(Scene(size=0.65))
    both = sketch.sketched("3.3_3.30", edges)
    assert (both >= edges).all()
    assert both[20, 3] == 255
    assert (both[:, 10:] == edges[:, 10:]).all()


def test_the_sheet_holds_all_animals_and_left_is_right_mirrored():
    sheet = sketch.samples(0.65)
    assert sheet.shape == (128, 9 * 128)
    walking = sheet[:, 8 * 128 :]
    assert (walking == edge_map(Scene("cat", stance="walking", size=0.65))).all()
    assert (walking[:, ::-1] == edge_map(Scene("cat", stance="walking", size=0.65, facing="left"))).all()
    assert np.unique(sheet).size > 2
