import numpy as np
import pytest
import torch

from course_utils.models import to_array, to_tensor


def test_every_byte_comes_back():
    pictures = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    x = to_tensor(pictures)
    assert x.shape == (1, 3, 16, 16)
    assert (x.min(), x.max()) == (-1, 1)
    assert np.array_equal(to_array(x), pictures)


def test_channels_stay_in_order():
    picture = np.zeros((1, 4, 4, 3), np.uint8)
    picture[..., 2] = 255
    assert to_tensor(picture)[0, :, 0, 0].tolist() == [-1, -1, 1]


def test_numbers_beyond_the_range_are_clipped():
    assert to_array(torch.full((1, 3, 2, 2), 7.0)).max() == 255
    assert to_array(torch.full((1, 3, 2, 2), -7.0)).max() == 0


@pytest.mark.parametrize("wrong", [
    np.zeros((8, 8, 3), np.uint8), np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 8), np.uint8),
])
def test_what_is_no_batch_of_pictures_is_refused(wrong):
    with pytest.raises(ValueError, match="expected uint8 pictures"):
        to_tensor(wrong)


def test_nan_is_refused_with_a_hint():
    with pytest.raises(ValueError, match="float32"):
        to_array(torch.full((1, 3, 2, 2), float("nan")))


def test_a_latent_is_not_a_picture():
    with pytest.raises(ValueError, match=r"\[1, 4, 2, 2\]"):
        to_array(torch.zeros(1, 4, 2, 2))
