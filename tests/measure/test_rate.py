import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from course_utils.measure import ans, latent_file, rate
from course_utils.measure.photos import china
from course_utils.measure.pictures import psnr


@pytest.fixture(scope="module")
def latent():
    """A latent with neighbours alike, and channels of different width, one of them constant."""
    z = np.random.default_rng(0).normal(size=(4, 16, 20))
    z = (z + np.roll(z, 1, 1) + np.roll(z, 1, 2) + np.roll(z, (1, 1), (1, 2))) / 2
    return (z * np.array([1, 3, 0.2, 0])[:, None, None] + 0.7).astype(np.float32)


@pytest.fixture(scope="module")
def photo():
    return china()[100:228, 200:328]


def test_entropy_of_known_sources():
    assert rate.empirical_entropy(np.array([0, 1, 2, 3] * 5)) == 2
    assert rate.empirical_entropy(np.full((3, 3), 7)) == 0
    np.testing.assert_allclose(rate.empirical_entropy(np.array([0, 0, 0, 1])), 0.811278, rtol=1e-6)


def test_quantising_errs_by_half_a_step_at_most(latent):
    again = rate.dequantise(rate.quantise(latent, 0.3), 0.3)
    assert np.abs(again - latent).max() <= 0.15 + 1e-6
    with pytest.raises(ValueError, match="positive"):
        rate.quantise(latent, 0)


@pytest.mark.parametrize("step", [3.0, 1.0, 0.1, 0.01])
def test_the_coder_gives_back_exactly_what_went_in(latent, step):
    data = rate.entropy_coded(latent, step)
    step = float(np.float32(step))
    np.testing.assert_array_equal(rate.entropy_decoded(data), rate.dequantise(rate.quantise(latent, step), step))
    assert rate.entropy_coded_bytes(latent, step) == len(data)


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 1, 7), (2, 9, 1), (16, 4, 4)])
def test_odd_shapes_and_far_values(shape):
    levels = np.random.default_rng(1).integers(-900, 900, shape)
    again, step = latent_file.decode(latent_file.encode(levels, 0.5))
    np.testing.assert_array_equal(again, levels)
    assert step == 0.5


def test_size_is_near_the_entropy_where_there_is_nothing_to_predict():
    z = np.random.default_rng(2).normal(size=(4, 52, 80))
    size, bound = rate.entropy_coded_bytes(z, 0.5), rate.entropy_bytes(z, 0.5)
    assert bound < size < 1.01 * bound + 60


def test_prediction_goes_below_the_entropy_of_single_numbers():
    z = np.random.default_rng(3).normal(size=(4, 52, 80)).cumsum(1).cumsum(2) / 20
    assert rate.entropy_coded_bytes(z, 0.1) < 0.7 * rate.entropy_bytes(z, 0.1)


def test_side_information_is_counted_and_small(latent):
    data = rate.entropy_coded(latent, 0.25)
    assert 20 < latent_file.side_bytes(data) < 64
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    point = rate.latent_point(black, latent, lambda z: white, 0.25)
    assert point == rate.RatePoint("latent", "step 0.25", len(data), latent_file.side_bytes(data), 0.0)


def test_latent_curve_trades_bytes_for_quality(photo):
    def decode(z):
        return np.kron(z.transpose(1, 2, 0), np.ones((8, 8, 1))).clip(0, 255).round().astype(np.uint8)

    means = photo.reshape(16, 8, 16, 8, 3).mean((1, 3)).transpose(2, 0, 1)
    fine, coarse = rate.latent_curve(photo, means, decode, [1, 40])
    assert fine.bytes > coarse.bytes
    assert fine.psnr > coarse.psnr
    assert coarse.setting == "step 40"


def test_a_cut_file_is_an_error(latent):
    data = rate.entropy_coded(latent, 0.25)
    for length in (2, 6, 10, len(data) - 40):
        with pytest.raises(ValueError, match="cut short"):
            latent_file.decode(data[:length])


def test_a_step_too_small_is_an_error(latent):
    with pytest.raises(ValueError, match="larger step"):
        rate.entropy_coded(latent, 1e-5)


def test_a_coder_that_errs_is_noticed(latent, monkeypatch):
    monkeypatch.setattr(latent_file, "decode", lambda data: (np.zeros(latent.shape, int), 1.0))
    with pytest.raises(AssertionError, match="did not give back"):
        rate.entropy_coded(latent, 0.5)


def test_frequencies_reach_the_total_and_leave_nothing_out():
    table = ans.frequencies(np.array([1e-12, 1.0, 1e6]))
    assert table.sum() == ans.TOTAL
    assert table.min() == 1


def test_the_coder_spends_the_cross_entropy():
    rng, table = np.random.default_rng(4), ans.frequencies(np.array([0.7, 0.2, 0.06, 0.04]))
    symbols = rng.choice(4, 20000, p=table / table.sum()).tolist()
    bits = -np.log2(table / ans.TOTAL)[symbols].sum()
    data = ans.encode(symbols, [table] * len(symbols))
    assert bits / 8 <= len(data) < 1.002 * bits / 8 + 8
    decoder, cumulative = ans.Decoder(data), [0, *np.cumsum(table).tolist()]
    assert [decoder.read(cumulative) for _ in symbols] == symbols


def test_plain_precisions(latent):
    half, half_bytes = rate.half_precision(latent)
    eight, eight_bytes = rate.eight_bit(latent)
    assert half_bytes == 2 * latent.size
    assert eight_bytes == latent.size + 8 * 4
    assert np.abs(half - latent).max() < 2**-11 * np.abs(latent).max()
    span = np.ptp(latent, axis=(1, 2))
    assert (np.abs(eight - latent).max((1, 2)) <= span / 255 / 2 + 1e-6).all()
    assert len(np.unique(eight[0])) <= 256


def test_png_is_lossless_and_smaller_than_raw(photo):
    data = rate.png_bytes(photo)
    np.testing.assert_array_equal(rate.decoded(data), photo)
    assert len(data) < photo.size


def test_files_grow_with_quality(photo):
    for codec in ("jpeg", "webp"):
        points = rate.file_curve(photo, codec, [20, 60, 95])
        assert [p.bytes for p in points] == sorted(p.bytes for p in points)
        assert [p.psnr for p in points] == sorted(p.psnr for p in points)
        assert all(p.container < p.bytes for p in points)
    assert psnr(photo, rate.decoded(rate.jpeg_bytes(photo, 95, full_colour=True))) > points[-1].psnr


@pytest.mark.parametrize("codec", ["jpeg", "webp"])
def test_smallest_at_equal_quality_is_the_smallest(photo, codec):
    """Against trying every quality with every treatment of colour."""
    point = rate.smallest_at_equal_quality(photo, 30, codec)
    assert point.psnr >= 30
    every = [rate.file_point(photo, codec, "", save(q)) for _, save in rate._treatments(photo, codec)
             for q in range(1, 101, 1 if codec == "jpeg" else 3)]
    assert point.bytes <= min(p.bytes for p in every if p.psnr >= 30)


def test_full_colour_wins_where_colour_is_all_there_is():
    """Stripes of equal brightness vanish at half the colour resolution."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (200, 60, 60), (60, 120, 190)
    assert "4:4:4" in rate.smallest_at_equal_quality(stripes, 30, "jpeg").setting
    with pytest.raises(ValueError, match="cannot reach"):
        rate.smallest_at_equal_quality(stripes, 70, "webp")


@pytest.mark.parametrize("progressive", [False, True])
def test_container_of_a_jpeg(photo, progressive):
    """Two pictures of other content, the same tables: headers alike, to the byte."""
    sizes = []
    for picture in (photo, photo[::-1, ::-1]):
        out = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(picture)).save(out, "JPEG", quality=75, progressive=progressive)
        data = out.getvalue()
        sizes.append((rate.container_bytes(data), len(data)))
    if not progressive:  # progressive files fit their tables to the picture
        assert sizes[0][0] == sizes[1][0]
    assert all(500 < header < 1100 < whole for header, whole in sizes)


def test_containers_of_png_and_webp(photo):
    assert rate.container_bytes(rate.webp_bytes(photo, 50)) == 20
    assert rate.container_bytes(rate.png_bytes(photo)) % 12 == (8 + 25 + 12) % 12
    with pytest.raises(ValueError, match="not a PNG"):
        rate.container_bytes(b"GIF89a.........")
    with pytest.raises(ValueError, match="'jpeg' and 'webp'"):
        rate.file_curve(photo, "gif", [1])


def test_bits_per_pixel(photo):
    assert rate.bits_per_pixel(photo.size, photo) == 24


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_a_latent_that_overflowed_is_no_small_file(number):
    latent = np.zeros((4, 16, 16), np.float32)
    latent[1, 2, 3] = number
    with pytest.raises(ValueError, match="did half precision overflow"):
        rate.entropy_coded(latent, 0.1)


def test_too_small_a_step_is_refused_before_memory_is_asked_for():
    latent = np.random.default_rng(0).normal(size=(1, 8, 8)).astype(np.float32)
    tracemalloc.start()
    with pytest.raises(ValueError, match="take a larger step"):
        rate.entropy_coded(latent, 1e-7)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e7
