import numpy as np
import pytest

from course_utils.measure.spectrum import error_by_frequency, radial_power_spectrum


def wave(cycles, axis=0, n=64):
    x = np.cos(2 * np.pi * cycles * np.arange(n) / n)
    return np.broadcast_to(x[:, None] if axis == 0 else x[None, :], (n, n))[..., None].astype(float)


@pytest.mark.parametrize("shape", [(64, 64, 3), (2, 48, 80, 3), (33, 20, 1)])
def test_parseval(shape):
    x = np.random.default_rng(0).normal(3, 2, shape)
    _, power = radial_power_spectrum(x, window="none")
    spatial = x.var(axis=(-3, -2)).mean()
    np.testing.assert_allclose(power.sum(), spatial)


def test_parseval_under_a_window():
    x = np.random.default_rng(1).normal(3, 2, (40, 40, 1))
    w = np.outer(np.hanning(42)[1:-1], np.hanning(42)[1:-1])[..., None]
    mean = (x * w).sum() / w.sum()
    _, power = radial_power_spectrum(x, window="hann")
    np.testing.assert_allclose(power.sum(), ((x - mean) ** 2 * w**2).sum() / (w**2).sum())


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("cycles", [4, 12, 30])
def test_a_wave_stands_at_its_frequency(cycles, axis):
    frequency, power = radial_power_spectrum(wave(cycles, axis), window="none")
    peak = power.argmax()
    half_a_ring = (frequency[1] - frequency[0]) / 2
    assert abs(frequency[peak] - cycles / 64) <= half_a_ring * 1.001
    np.testing.assert_allclose(power[peak], 0.5)  # a cosine's mean square


def test_a_window_keeps_a_border_from_posing_as_detail():
    ramp = np.broadcast_to(np.linspace(0, 1, 64)[:, None, None], (64, 64, 1))
    frequency, bare = radial_power_spectrum(ramp, window="none")
    _, windowed = radial_power_spectrum(ramp, window="hann")
    high = frequency > 0.25
    assert windowed[high].sum() / windowed.sum() < 1e-3 * bare[high].sum() / bare.sum()


def test_white_noise_is_flat_per_frequency_and_uint8_is_welcome():
    x = np.random.default_rng(2).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    frequency, power = radial_power_spectrum(x, rings=8)
    _, count = radial_power_spectrum(np.eye(1, 64 * 64).reshape(64, 64, 1), window="none", rings=8)  # an impulse
    density = power[1:] / count[1:]
    assert density.std() / density.mean() < 0.05
    assert frequency[-1] < 0.7072


def test_error_is_zero_for_a_copy_and_one_for_nothing():
    x = np.random.default_rng(3).normal(size=(2, 32, 32, 3))
    _, kept = error_by_frequency(x, x)
    _, lost = error_by_frequency(x, np.zeros_like(x))
    np.testing.assert_array_equal(kept, 0)
    np.testing.assert_allclose(lost, 1)


@pytest.mark.parametrize("rings", [None, 8, 24])
def test_no_ring_is_empty(rings):
    for shape in ((1, 32, 32, 3), (1, 64, 48, 1), (1, 128, 128, 3), (1, 416, 640, 1)):
        _, power = radial_power_spectrum(np.random.default_rng(4).normal(size=shape), rings=rings)
        assert (power > 0).all()


def test_error_tells_frequencies_apart():
    low, high = wave(3), 0.5 * wave(25)
    frequency, share = error_by_frequency(low + high, low, window="none")
    at = {cycles: np.abs(frequency - cycles / 64).argmin() for cycles in (3, 25)}
    assert share[at[3]] < 1e-12
    np.testing.assert_allclose(share[at[25]], 1)
    assert np.isnan(share[np.abs(frequency - 40 / 64).argmin()])  # nothing there to lose


def test_clear_errors():
    x = np.zeros((16, 16, 3))
    with pytest.raises(ValueError, match="compare"):
        error_by_frequency(x, x[:8])
    with pytest.raises(ValueError, match="channels"):
        radial_power_spectrum(x[..., 0])
    with pytest.raises(ValueError, match="4 x 4"):
        radial_power_spectrum(x[:2, :2])
    with pytest.raises(ValueError, match="hann"):
        radial_power_spectrum(x, window="kaiser")
