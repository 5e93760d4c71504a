import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.measure.locality import (
    change_map,
    flip_error,
    mean_change_map,
    nudge,
    relative_error,
    share_inside,
    shift_error,
    shift_errors,
    uniform_share,
)


def blocks(z):
    """A decoder that paints each cell as one flat block of 8x8: perfectly local."""
    return F.interpolate(z[:, :3], scale_factor=8, mode="nearest")


def average(z):
    """A decoder in which every cell touches every pixel alike."""
    return z[:, :3].mean((2, 3), keepdim=True).expand(-1, -1, z.shape[-2] * 8, z.shape[-1] * 8)


def mosaic(x):
    """An autoencoder that keeps block averages: it commutes with shifts by 8 and no others."""
    return F.interpolate(F.avg_pool2d(x, 8), scale_factor=8, mode="nearest")


@pytest.fixture
def latent():
    return torch.randn(1, 4, 9, 9, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def photo():
    coarse = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return F.interpolate(coarse, scale_factor=8, mode="bilinear")


def test_nudge_moves_one_cell(latent):
    moved = nudge(latent, (2, 5), 0.5, channel=1) - latent
    assert moved.nonzero().tolist() == [[0, 1, 2, 5]]
    torch.testing.assert_close(moved.sum(), torch.tensor(0.5))
    assert (nudge(latent, (2, 5), 0.5) - latent).nonzero().shape[0] == 4


@pytest.mark.parametrize(("cell", "channel"), [((9, 0), None), ((0, -1), None), ((0, 0), 4)])
def test_a_cell_outside_is_an_error(latent, cell, channel):
    with pytest.raises(IndexError, match="4 channels, 9 rows"):
        nudge(latent, cell, 1.0, channel)


def test_change_of_a_local_decoder_stays_in_its_block(latent):
    change = change_map(blocks, latent, (3, 4), 2.0)
    assert change.shape == (72, 72)
    np.testing.assert_allclose(change[24:32, 32:40], 4, rtol=1e-5)
    assert share_inside(change, (3, 4), blocks=1) == 1
    only_red = change_map(blocks, latent, (3, 4), 2.0, channel=0)
    np.testing.assert_allclose(only_red[24:32, 32:40], 4 / 3, rtol=1e-5)


def test_change_of_a_global_decoder_is_spread_evenly(latent):
    change = change_map(average, latent, (3, 4))
    for width in (1, 3, 5):
        assert share_inside(change, (3, 4), width) == pytest.approx(width**2 / 81, rel=1e-5)
        assert uniform_share(change.shape, (3, 4), width) == pytest.approx(width**2 / 81)


def test_share_at_a_corner_takes_what_there_is():
    assert uniform_share((72, 72), (0, 0), 3) == pytest.approx(4 / 81)
    assert uniform_share((72, 72), (8, 8), 5) == pytest.approx(9 / 81)


def test_share_of_no_change_is_not_a_number():
    assert np.isnan(share_inside(np.zeros((16, 16)), (0, 0)))
    with pytest.raises(ValueError, match="1, 3, 5"):
        share_inside(np.ones((16, 16)), (0, 0), 2)


def test_mean_change_map_lays_cells_on_one_another(latent):
    cells = [(row, column) for row in range(9) for column in range(9)]
    mean = mean_change_map(blocks, latent, cells, reach=2)
    assert mean.shape == (40, 40)
    assert mean.sum() == pytest.approx(1)
    assert share_inside(mean, (2, 2), blocks=1) == pytest.approx(1)
    with pytest.raises(ValueError, match="border"):
        mean_change_map(blocks, latent, [(0, 0)])


def test_relative_error_of_known_pairs():
    generator = torch.Generator().manual_seed(2)
    a, b = torch.randn(2, 100_000, generator=generator)
    assert relative_error(a, a) == 0
    assert relative_error(torch.zeros_like(b), b) == pytest.approx(1, abs=0.01)
    assert relative_error(a, b) == pytest.approx(2**0.5, abs=0.01)
    flat = torch.full((100,), 0.3)
    assert relative_error(flat + 0.002, flat) == pytest.approx(0.1, rel=1e-3)  # over the floor of 0.02


def test_flip_error_tells_a_symmetric_decoder_from_a_slanted_one(latent):
    assert flip_error(blocks, latent) == flip_error(blocks, latent, axis=-2) == 0
    slanted = lambda z: blocks(z).roll(3, -1)  # noqa: E731
    assert flip_error(slanted, latent) > 0.3
    assert flip_error(slanted, latent, axis=-2) == 0


def test_a_mosaic_commutes_with_whole_blocks_only(photo):
    errors = shift_errors(mosaic, photo, range(17))
    assert errors[0] == errors[8] == errors[16] == 0
    assert min(errors[k] for k in (1, 4, 7, 12)) > 0.05
    assert errors[4] > errors[1]


@pytest.mark.parametrize("shift", [0, 3, 8])
def test_a_pixelwise_code_commutes_with_every_shift(photo, shift):
    assert shift_error(torch.tanh, photo, shift, margin=0) == 0


def test_a_shift_that_leaves_nothing_is_an_error(photo):
    with pytest.raises(ValueError, match="leaves nothing"):
        shift_error(mosaic, photo[..., :48], 16)
    with pytest.raises(ValueError, match="leaves nothing"):
        shift_error(mosaic, photo, -1)


def test_a_low_picture_leaves_nothing_either():
    with pytest.raises(ValueError, match="leaves nothing of 32 rows"):
        shift_error(lambda x: x, torch.zeros(1, 3, 32, 128), 8)
