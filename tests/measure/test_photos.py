import io

import numpy as np
import pytest
from PIL import Image

from course_utils.measure import photos
from course_utils.measure.photos import PhotoError, china, fitted, flower, load_photo, read_photo


def file_of(array, kind="PNG", **options):
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind, **options)
    return out.getvalue()


@pytest.fixture
def picture():
    """Red above, blue below, a green column on the left."""
    x = np.zeros((96, 160, 3), np.uint8)
    x[:48, :, 0], x[48:, :, 2], x[:, :32] = 220, 220, (0, 220, 0)
    return x


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a photograph was fetched from the network")

    monkeypatch.setattr("socket.socket.connect", refuse)


def test_held_out_photographs_are_not_trained_on():
    assert china().shape == flower().shape == (416, 640, 3)
    assert list(photos.held_out()) == ["china", "flower"]
    assert not set(photos.HELD_OUT) & set(photos.TRAINING)


def test_training_photographs_are_there_without_a_network():
    every = photos.training_photos()
    assert list(every) == list(photos.TRAINING)
    assert all(p.dtype == np.uint8 and p.ndim == 3 and p.shape[2] == 3 and min(p.shape[:2]) >= 256
               for p in every.values())
    assert np.ptp(every["brick"], axis=2).max() == 0  # grey
    with pytest.raises(KeyError, match="astronaut"):
        photos.training_photo("lena")


def test_a_png_comes_back_to_the_byte(picture, tmp_path):
    path = tmp_path / "mine.png"
    path.write_bytes(file_of(picture))
    photo = load_photo(path)
    np.testing.assert_array_equal(photo.pixels, picture)
    assert photo.name == "mine.png"
    assert photo.note == ""
    np.testing.assert_array_equal(load_photo(str(path)).pixels, picture)
    np.testing.assert_array_equal(load_photo(memoryview(file_of(picture))).pixels, picture)


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_nothing_given_is_no_mistake(nothing):
    photo = load_photo(nothing)
    assert photo.name == "china"
    assert photo.note == ""
    np.testing.assert_array_equal(photo.pixels, china())


def test_turned_upright(picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter clockwise
    turned = read_photo(file_of(picture, exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(picture, -1))


def test_transparency_lies_on_white(picture):
    clear = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    clear[:, 64:, 3] = 0
    read = read_photo(file_of(clear))
    np.testing.assert_array_equal(read[:, :64], picture[:, :64])
    assert (read[:, 64:] == 255).all()


def test_a_palette_with_a_transparent_colour(picture):
    indexed = np.zeros((64, 64), np.uint8)
    indexed[:, 32:] = 1
    image = Image.fromarray(indexed).convert("P")
    image.putpalette([10, 20, 30, 200, 100, 0] + [0] * 762)
    out = io.BytesIO()
    image.save(out, "PNG", transparency=1)
    read = read_photo(out.getvalue())
    assert (read[:, :32] == (10, 20, 30)).all()
    assert (read[:, 32:] == 255).all()


def test_grey_of_eight_and_sixteen_bits():
    grey = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    np.testing.assert_array_equal(read_photo(file_of(grey))[..., 1], grey)
    np.testing.assert_array_equal(read_photo(file_of(grey.astype(np.uint16) * 257))[..., 1], grey)


def test_large_pictures_are_reduced_and_sides_divide_by_32():
    wide = np.random.default_rng(0).integers(0, 256, (700, 1500, 3), dtype=np.uint8)
    for data in (file_of(wide), file_of(wide, "JPEG")):
        assert read_photo(data).shape == (288, 640, 3)
    assert read_photo(file_of(wide), longest_side=320).shape == (128, 320, 3)
    assert min(read_photo(file_of(wide[:70])).shape[:2]) == 64  # a ribbon stays wide enough


def test_fitted_keeps_the_middle():
    x = np.arange(70)[:, None, None] * np.ones((1, 65, 3), int)
    assert fitted(x, 32)[:, 0, 0].tolist() == list(range(3, 67))


@pytest.mark.parametrize(("content", "complaint"), [
    (b"Dear reader, this is a letter.", "is not a picture"),
    (b"", "is not a picture"),
    (file_of(np.zeros((256, 256, 3), np.uint8), "PNG")[:150], "damaged"),
    (file_of(np.zeros((20, 400, 3), np.uint8)), "too small"),
])
def test_a_bad_file_gives_a_message_and_the_default(content, complaint):
    with pytest.raises(PhotoError, match=complaint):
        read_photo(content)
    photo = load_photo(content, fallback=flower)
    assert complaint in photo.note
    assert "(flower) instead" in photo.note
    np.testing.assert_array_equal(photo.pixels, flower())


def test_a_missing_file_is_named_without_its_folder(tmp_path):
    note = load_photo(tmp_path / "gone.jpg").note
    assert "no file gone.jpg" in note
    assert str(tmp_path) not in note


def test_a_bomb_is_refused_by_its_header():
    """A small file that would unpack to hundreds of megabytes, and one that Pillow itself refuses."""
    for side in (9_500, 14_000):
        bomb = file_of(np.zeros((side, side), np.uint8), compress_level=1)
        with pytest.raises(PhotoError, match="60 megapixels"):
            read_photo(bomb)


def test_a_huge_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "LARGEST_FILE", 1000)
    path = tmp_path / "huge.png"
    path.write_bytes(b"x" * 2000)
    for source in (path, b"x" * 2000):
        with pytest.raises(PhotoError, match="larger than"):
            read_photo(source)


def test_somebody_elses_home_is_no_file():
    assert "There is no file" in load_photo("~nobody-of-this-name/a.png").note


@pytest.mark.parametrize(
    "grey", [np.linspace(0, 1, 64 * 64, dtype=np.float32), np.arange(64 * 64, dtype=np.int32) % 200])
def test_grey_in_units_of_its_own_is_not_taken_for_black(grey):
    file = io.BytesIO()
    Image.fromarray(grey.reshape(64, 64)).save(file, "TIFF")
    assert "units of its own" in load_photo(file.getvalue()).note
