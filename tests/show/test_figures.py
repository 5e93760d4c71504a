"""Figures: real PNGs, the same bytes each time, never without a description."""

import base64
import io

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import show
from course_utils.show.image import to_png
from course_utils.show.style import PAPER

ALT = "A description that is long enough to be of use to somebody."
NAMES = ("pictures", "change", "channels", "curves", "bars", "scatter")


def random_picture(seed: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def opened(picture: show.Picture) -> np.ndarray:
    data, _ = picture._repr_mimebundle_()
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB"))


def draw() -> dict[str, show.Picture]:
    row = [random_picture(seed) for seed in range(3)]
    change = np.abs(np.random.default_rng(0).normal(size=(32, 32)))
    line = ([1, 2, 3], [3, 2, 5])
    return {
        "pictures": show.pictures({"one": row, "two": row[::-1]}, alt=ALT),
        "change": show.change_maps(row[0], {str(k): (change, (k, k)) for k in range(3)}, alt=ALT),
        "channels": show.channel_maps(np.random.default_rng(0).normal(size=(4, 16, 16)), alt=ALT),
        "curves": show.curves({"panel": {"line": line}}, alt=ALT, colours={"line": "blue"}, markers=True, xlabel="x"),
        "bars": show.bars({"a": 1.0, "b": 30.0}, ALT, ["1", "30"], ["blue", "orange"], xscale="log"),
        "scatter": show.scatter({"a": (0, 1), "b": (2, 3)}, ALT, {"a": "blue", "b": "green"}, ylabel="y"),
    }


@pytest.fixture(scope="module")
def drawings():
    return draw()


def test_the_same_numbers_give_the_same_bytes(drawings):
    assert {name: picture.png for name, picture in draw().items()} == {name: p.png for name, p in drawings.items()}


@pytest.mark.parametrize("name", NAMES)
def test_figures_have_a_size_and_a_description(name, drawings):
    first = drawings[name]
    data, metadata = first._repr_mimebundle_()
    assert 900 <= opened(first).shape[1] <= 1100
    assert metadata["image/png"]["alt"] == ALT
    assert ALT in data["text/plain"]


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_opaque_cards_for_dark_pages(name, drawings):
    assert tuple(opened(drawings[name])[0, -1]) == tuple(bytes.fromhex(PAPER[1:]))


@pytest.mark.parametrize("markers", [True, False])
def test_curves_are_told_apart_without_their_colours(markers, monkeypatch):
    cards = []
    monkeypatch.setattr(show.charts, "figure", lambda card, *args, **options: cards.append(card))
    x = list(range(100))
    show.curves({"panel": {"a": (x, x), "b": (x, x[::-1])}}, ALT, {"a": "blue", "b": "green"}, markers)
    lines = cards[0].axes[0].lines
    assert len({line.get_marker() for line in lines} - {"None"}) == 2
    assert all((line.get_markevery() == 1) == markers for line in lines)


def test_a_figure_without_description_is_refused():
    with pytest.raises(ValueError, match="description"):
        show.Picture(b"", "short")


def test_figures_leave_the_readers_own_matplotlib_alone():
    before = dict(mpl.rcParams)
    draw()
    assert dict(mpl.rcParams) == before


def test_style_changes_it_on_request():
    with mpl.rc_context():
        show.style()
        assert mpl.rcParams["axes.facecolor"] == "#fbf8f2"


def test_difference_is_grey_where_pictures_agree_and_keeps_the_sign():
    a = np.full((2, 2, 3), 100, np.uint8)
    b = a.copy()
    b[0, 0], b[1, 1] = 110, 90
    assert show.difference(a, b, gain=3)[:, :, 0].tolist() == [[158, 128], [128, 98]]


def test_difference_of_unequal_shapes_is_refused():
    with pytest.raises(ValueError, match="equal shape"):
        show.difference(random_picture(0, 32), random_picture(0, 16))


def test_pixels_are_shown_as_whole_squares():
    row = [random_picture(seed, 32) for seed in range(3)]
    card = opened(show.pictures({"one": row}, alt=ALT))
    zoom = 10  # 3 pictures of 32 pixels in about 960
    assert (card[-8 - 32 * zoom : -8, 8 : 8 + 32 * zoom] == row[0].repeat(zoom, 0).repeat(zoom, 1)).all()


def test_rows_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="same number of pictures of one shape"):
        show.pictures({"one": [random_picture(0)], "two": [random_picture(0)] * 2}, alt=ALT)


def test_grey_maps_are_shown_grey():
    grey = random_picture(0, 32)[..., 0]
    maps, twins = (opened(show.pictures({"a": [one, one]}, alt=ALT)) for one in (grey, np.stack([grey] * 3, -1)))
    assert np.array_equal(maps, twins)


def test_latent_picture_shows_a_cell_as_a_square():
    latent = torch.zeros(4, 2, 3)
    latent[0, 1, 2], latent[2, 0, 0] = 10.0, -10.0
    picture = show.latent_picture(latent, block=8)
    assert picture.shape == (16, 24, 3)
    assert picture[8:, 16:, 0].min() == 255
    assert picture[:8, :8, 2].max() == 0
    assert picture[0, 8, 0] == 127


def test_png_bytes_depend_on_pixels_only():
    assert to_png(random_picture(1)) == to_png(random_picture(1)) != to_png(random_picture(2))


def test_columns_and_the_first_rows_name_do_not_overprint():
    with pytest.raises(ValueError, match="call it ' '"):
        show.pictures({"a name": [np.zeros((8, 8, 3), np.uint8)]}, "Nothing to see, but described.", columns=["one"])
