"""The ways of section 2: their points, and the plane, where what must come out is known."""

import numpy as np
import pytest
import torch

from course_utils.critters import caption
from course_utils.measure.sweeps import paths, spaces
from course_utils.models.tokenizer import encode


def test_every_way_begins_at_a_and_ends_at_b():
    a, b = torch.randn(2, 1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    for way in (torch.lerp, paths.slerp, paths.switched):
        points = paths.along(a, b, way)
        assert points.shape == (9, 4, 16, 16)
        torch.testing.assert_close(points[:1], a)
        torch.testing.assert_close(points[-1:], b)


def test_the_switch_is_thrown_half_way():
    a, b = torch.zeros(1, 2), torch.ones(1, 2)
    assert paths.along(a, b, paths.switched)[:, 0].tolist() == [0] * 4 + [1] * 5


def test_pairs_differ_where_it_shows_and_their_tokens_are_aligned():
    for a, b in paths.pairs(20):
        assert a.species != b.species
        assert a.background != b.background
        lengths = {int((ids != ids[-1]).sum()) for ids in encode([caption(a), caption(b)])}
        assert len(lengths) == 1
    assert paths.pairs(20)[:5] == paths.pairs(5)
    with pytest.raises(ValueError, match="pairs"):
        paths.pairs(1000)


def test_the_corners_of_the_plane_are_the_corners_and_the_middle_is_their_mean():
    four = torch.randn(2, 2, 24, 3, generator=torch.Generator().manual_seed(0))
    for large in (0, 1):
        for scaly in (0, 1):
            torch.testing.assert_close(paths.on_plane(four, scaly, large)[0], four[large, scaly])
    torch.testing.assert_close(paths.on_plane(four, 0.5, 0.5)[0], four.mean((0, 1)))


@pytest.mark.parametrize("place", [(-0.1, 0), (0, 1.1)])
def test_a_place_outside_of_the_plane_is_refused(place):
    with pytest.raises(ValueError, match="plane reaches"):
        paths.on_plane(torch.zeros(2, 2, 24, 3), *place)


def test_coarse_pixels_are_means_of_blocks():
    import numpy as np

    picture = np.zeros((1, 128, 128, 3), np.uint8)
    picture[0, :8, 8:16] = 255
    coarse = spaces.coarse(picture).reshape(16, 16, 3)
    assert coarse[0, 1].tolist() == [1, 1, 1]
    assert coarse.sum() == 3


def test_a_cursor_over_pictures_without_an_animal_has_no_jumps():
    grey = np.full((25, 64, 64, 3), 128, np.uint8)
    found = paths.on_cursor(grey)
    assert np.ptp(found["area"]) == 0
    assert np.isnan(found["size_jump"])
