import numpy as np
import pytest
from sklearn.decomposition import PCA

from course_utils.measure.linear_codes import FILTERS, BlockBasis, PictureBasis, best_down_up, down_up
from course_utils.measure.pictures import psnr


@pytest.fixture(scope="module")
def smooth():
    """Sixty pictures of soft random colours."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (60, 4, 4, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((1, 6, 6, 1), np.uint8))


def test_picture_basis_is_that_of_scikit_learn():
    x = np.random.default_rng(1).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    ours, theirs = PictureBasis.fit(x, 10), PCA(10, svd_solver="full").fit(x.reshape(50, -1).astype(float))
    overlap = np.abs(ours.basis @ theirs.components_.T)
    np.testing.assert_allclose(overlap, np.eye(10), atol=1e-3)
    np.testing.assert_allclose(ours.mean, theirs.mean_, rtol=1e-5)


def test_pictures_of_few_dimensions_come_back(smooth):
    """They lie in a space of 48 dimensions: 48 numbers give back what was fitted, and pictures never seen."""
    basis = PictureBasis.fit(smooth[:55], 48)
    assert basis.encode(smooth).shape == (60, 48)
    assert (psnr(smooth, basis.reconstruct(smooth)) > 50).all()
    assert PictureBasis.fit(smooth, 12).reconstruct(smooth[0]).shape == (1, 24, 24, 3)


def test_more_numbers_never_hurt_and_rows_are_orthonormal(smooth):
    bases = [PictureBasis.fit(smooth, k) for k in (1, 8, 24)]
    quality = [psnr(smooth, basis.reconstruct(smooth)).mean() for basis in bases]
    assert quality == sorted(quality)
    np.testing.assert_allclose(bases[-1].basis @ bases[-1].basis.T, np.eye(24), atol=1e-5)


def test_fit_reads_memory_maps_and_more_than_one_slice(tmp_path):
    x = np.random.default_rng(2).integers(0, 256, (12, 40, 40, 3), dtype=np.uint8)  # 4,800 numbers each
    np.save(tmp_path / "x.npy", x)
    mapped = PictureBasis.fit(np.load(tmp_path / "x.npy", mmap_mode="r"), 11)
    assert (psnr(x, mapped.reconstruct(x)) > 50).all()  # 12 centred pictures span 11 dimensions


def test_mirrored_is_the_basis_of_pictures_and_mirror_images():
    x = np.random.default_rng(6).integers(0, 256, (30, 20, 12, 3), dtype=np.uint8)
    short, long = PictureBasis.fit(x, 20, mirrored=True), PictureBasis.fit(np.concatenate([x, x[:, :, ::-1]]), 20)
    np.testing.assert_allclose(short.mean, long.mean, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.svd(short.basis @ long.basis.T)[1], 1, atol=1e-3)  # the same subspace
    assert PictureBasis.fit(x, 40, mirrored=True).basis.shape == (40, 720)  # more than there are pictures
    with pytest.raises(ValueError, match="even width"):
        PictureBasis.fit(x[:, :, :11], 20, mirrored=True)


def test_block_basis_gives_back_blocks_it_can_express():
    rng = np.random.default_rng(3)
    flat = np.kron(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    basis = BlockBasis.fit([flat], coefficients=3)  # a flat block is three numbers
    assert np.abs(basis.reconstruct(flat)[0].astype(int) - flat).max() <= 1


def test_block_basis_beats_block_averages_with_one_number_more():
    """Averages of 8x8 blocks are a linear code with three of the four numbers: the best one cannot be worse."""
    from course_utils.measure.photos import training_photo

    photo = training_photo("chelsea")[:296, :448]
    basis = BlockBasis.fit([photo])
    assert psnr(photo, basis.reconstruct(photo)) > psnr(photo, down_up(photo, 8, "box", "box")) + 0.1


def test_block_basis_takes_any_size():
    rng = np.random.default_rng(4)
    pictures = [rng.integers(0, 256, (21, 30, 3), dtype=np.uint8), rng.integers(0, 256, (16, 9, 3), dtype=np.uint8)]
    basis = BlockBasis.fit(pictures, coefficients=192)
    for picture in pictures:
        assert np.abs(basis.reconstruct(picture)[0].astype(int) - picture).max() <= 1


def test_down_up_by_averages():
    x = np.random.default_rng(5).integers(0, 256, (2, 16, 24, 3), dtype=np.uint8)
    means = x.reshape(2, 2, 8, 3, 8, 3).mean((2, 4)).round()
    expected = np.kron(means, np.ones((1, 8, 8, 1)))
    np.testing.assert_allclose(down_up(x, 8, "box", "box"), expected, atol=1)


@pytest.mark.parametrize("up", sorted(FILTERS))
def test_a_flat_picture_survives_every_filter(up):
    x = np.full((1, 24, 24, 3), 77, np.uint8)
    np.testing.assert_array_equal(down_up(x, 8, "lanczos", up), x)


def test_best_down_up_is_at_least_as_good_as_each(smooth):
    name, best = best_down_up(smooth[:8], 8)
    down, up = name.split(", then ")
    np.testing.assert_array_equal(best, down_up(smooth[:8], 8, down, up))
    assert psnr(smooth[:8], best).mean() >= psnr(smooth[:8], down_up(smooth[:8])).mean()


def test_a_larger_thumbnail_keeps_more(smooth):
    assert psnr(smooth, down_up(smooth, 48**0.5)).mean() > psnr(smooth, down_up(smooth, 12)).mean()


def test_clear_errors(smooth):
    with pytest.raises(ValueError, match="more than 60 pictures"):
        PictureBasis.fit(smooth, 60)
    with pytest.raises(ValueError, match="fitted to pictures"):
        PictureBasis.fit(smooth, 4).encode(smooth[:, :12])
    with pytest.raises(ValueError, match="1 to 192"):
        BlockBasis.fit(smooth, coefficients=193)
    with pytest.raises(ValueError, match="at least one"):
        BlockBasis.fit([])
    with pytest.raises(ValueError, match="lanczos"):
        down_up(smooth, 8, "nearest")


def test_a_symmetry_that_adds_nothing_is_left_out():
    x = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
    symmetric = np.concatenate([x[:, :, :2], x[:, :, 1::-1]], axis=2)
    basis = PictureBasis.fit(symmetric, 3, mirrored=True)
    np.testing.assert_allclose(basis.basis @ basis.basis.T, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(basis.basis.reshape(3, 4, 4, 3), basis.basis.reshape(3, 4, 4, 3)[:, :, ::-1], atol=1e-5)
    assert len(PictureBasis.fit(x, 1, mirrored=True).basis) == 1


def test_pictures_that_are_all_alike_span_nothing():
    with pytest.raises(ValueError, match="do not vary in 2 directions"):
        PictureBasis.fit(np.full((5, 4, 4, 3), 7, np.uint8), 2)
