import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.critters import edge_map, pose_map, sample
from course_utils.diffusion.maps import prepared


@pytest.fixture(scope="module")
def scenes():
    return sample(2, 0)


def test_whatever_a_map_is_kept_in_it_reads_the_same(scenes):
    drawn = np.stack([pose_map(scene) for scene in scenes])
    ready = prepared(drawn, 2)
    torch.testing.assert_close(ready, torch.tensor(drawn).permute(0, 3, 1, 2) / 255)
    narrow = (drawn / 255).astype(np.float32)
    for same in (list(drawn), [Image.fromarray(d) for d in drawn], drawn / 255, narrow, ready):
        torch.testing.assert_close(prepared(same, 2), ready)


def test_grey_maps_become_pictures_and_one_serves_all(scenes):
    edges = edge_map(scenes[0])
    one = prepared(edges, 3)
    assert one.shape == (3, 3, 128, 128)
    assert one[0].equal(one[2])
    assert one[0, 0].equal(one[0, 2])
    assert prepared(np.stack([edges, edges]), 2).equal(prepared(edges, 2))


def test_the_right_size_is_left_alone_and_another_is_named(scenes):
    small = pose_map(scenes[0], 64)
    with pytest.warns(UserWarning, match="64x64 and this ControlNet reads 128x128: it was resized"):
        ready = prepared(small, 1)
    assert (ready - prepared(pose_map(scenes[0]), 1)).abs().mean() < 0.02
    with pytest.warns(UserWarning, match="100x50"):
        assert prepared(np.full((50, 100), 255, np.uint8), 1).eq(1).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepared(pose_map(scenes[0]), 1)


@pytest.mark.parametrize(("drawn", "says"), [
    (np.full((128, 128), np.nan), "NaN"), (np.full((128, 128), np.inf), "NaN or numbers outside"),
    (np.full((128, 128), 200), "divide by 255"), (torch.full((1, 3, 128, 128), -0.5), "outside"),
    (np.zeros((3, 128, 128, 3), np.uint8), "one map or 2"), (np.zeros((128, 128, 4), np.uint8)[None], "cannot be read"),
    (np.zeros((0, 128, 128), np.uint8), "cannot be read"), (torch.zeros(3, 128, 128), "need one map")])
def test_what_is_no_map_is_refused(drawn, says):
    with pytest.raises(ValueError, match=says):
        prepared(drawn, 2)
