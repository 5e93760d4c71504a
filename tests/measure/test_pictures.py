import numpy as np
import pytest

from course_utils.measure.pictures import batch, mean_and_interval, psnr, ssim


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (3, 32, 40, 3), dtype=np.uint8)


def test_psnr_of_a_known_error():
    black = np.zeros((2, 8, 8, 3), np.uint8)
    other = black.copy()
    other[0] += 5  # mean squared error 25
    other[1, 0, 0, 0] = 255  # one of 192 numbers wrong by the full range
    np.testing.assert_allclose(psnr(black, other), [20 * np.log10(255 / 5), 10 * np.log10(192)])


def test_psnr_is_symmetric_and_does_not_wrap_around():
    dark, light = np.full((8, 8, 3), 1, np.uint8), np.full((8, 8, 3), 255, np.uint8)
    np.testing.assert_allclose([psnr(dark, light), psnr(light, dark)], 20 * np.log10(255 / 254))


def test_equal_pictures(noise):
    assert np.isinf(psnr(noise, noise)).all()
    np.testing.assert_allclose(ssim(noise, noise), 1)


def test_ssim_of_flat_pictures_is_the_luminance_term():
    a, b = np.full((16, 16, 3), 100, np.uint8), np.full((16, 16, 3), 150, np.uint8)
    c1 = (0.01 * 255) ** 2
    np.testing.assert_allclose(ssim(a, b), (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1), rtol=1e-6)


def test_ssim_is_the_published_formula_in_a_gaussian_window_of_eleven_pixels():
    """Pictures of 11x11 have exactly one such window (Wang et al., 2004, equations 13 to 16)."""
    a, b = np.random.default_rng(0).integers(0, 256, (2, 11, 11, 3)).astype(np.uint8)
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = (np.outer(taps, taps) / taps.sum() ** 2)[..., None]

    def mean(values):
        return (window * values).sum((0, 1))

    x, y, c1, c2 = a.astype(float), b.astype(float), (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    known = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    np.testing.assert_allclose(ssim(a, b), known.mean(), rtol=1e-6)


def test_ssim_punishes_lost_structure_more_than_a_shift_of_brightness(noise):
    brighter = np.clip(noise.astype(int) + 20, 0, 255).astype(np.uint8)
    flat = np.broadcast_to(noise.mean((1, 2), keepdims=True), noise.shape).astype(np.uint8)
    assert (ssim(noise, brighter) > 0.9).all()
    assert (ssim(noise, flat) < 0.1).all()


def test_interval_against_a_table():
    interval = mean_and_interval([1, 2, 3, 4, 5])
    assert interval.mean == 3
    assert interval.n == 5
    np.testing.assert_allclose(interval.half_width, 2.776445 * np.sqrt(2.5) / np.sqrt(5), rtol=1e-6)
    np.testing.assert_allclose((interval.low + interval.high) / 2, 3)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.inf], [1.0, np.nan]])
def test_no_interval_where_there_is_none(values):
    with pytest.raises(ValueError, match="finite"):
        mean_and_interval(values)


def test_clear_errors(noise):
    with pytest.raises(TypeError, match="to_array"):
        psnr(noise.astype(float), noise)
    with pytest.raises(ValueError, match="shape"):
        batch(noise[..., 0])
    with pytest.raises(ValueError, match="compare"):
        psnr(noise, noise[:2])
    with pytest.raises(ValueError, match="11 pixels"):
        ssim(noise[:, :8], noise[:, :8])
