"""Figures of section 2: means with bars, cursor against reading, maps whose points know their pictures."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from course_utils import show
from course_utils.show import spaces

TIMES = (0.0, 0.5, 1.0)
MANY = np.array([[0.0, 1.0, 0.0], [0.2, 1.4, 0.1], [0.1, 1.2, 0.2]])


def drawn(picture):
    return Image.open(io.BytesIO(picture.png))


def test_bands_stack_panels_and_keep_their_description():
    lines = {"one": MANY, "two": MANY + 1}
    single = show.bands({"a": lines}, TIMES, "Two lines with bars against time.", {"one": "orange", "two": "blue"})
    double = show.bands({"a": lines, "b": lines}, TIMES, "Two panels of two lines.", {"one": "orange", "two": "blue"},
                        floors={"b": (0.5, "floor")}, legend="below")  # fmt: skip
    assert drawn(double).size[1] > 1.5 * drawn(single).size[1]
    assert double.alt.startswith("Two panels")


def test_an_interval_needs_two_paths():
    with pytest.raises(ValueError, match="two or more"):
        show.bands({"a": {"one": MANY[:1]}}, TIMES, "One path is no mean of paths.", {"one": "orange"})


def test_cursor_against_reading_has_a_panel_for_each_side():
    picture = show.against_cursor({"x": {"one": MANY}, "y": {"two": MANY}}, TIMES, "Two panels against the cursor.",
                                  {"one": "orange", "two": "blue"}, {"x": "a", "y": "b"})  # fmt: skip
    assert drawn(picture).size[0] > drawn(picture).size[1]


PICTURES = np.random.default_rng(0).integers(0, 256, (4, 128, 128, 3), dtype=np.uint8)
PLACES = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 0.5], [3.0, 3.0]])


@pytest.fixture
def bundle():
    words = {"kind": ["a", "b", "a", "b"], "skin": ["c", "c", "c", "d"]}
    captions = [f"<scene> {k}" for k in range(4)]
    places = {"CLIP": PLACES, "VAE": -PLACES}
    chart = show.two_maps(places, words, PICTURES, captions, "Four maps of four points.", "maps")
    return chart._repr_mimebundle_()


def test_every_point_is_there_once_in_each_map_and_knows_its_picture(bundle):
    traces = bundle["application/vnd.plotly.v1+json"]["data"]
    assert [trace["name"] for trace in traces] == ["a", "a", "b", "b", "c", "c", "d", "d"]
    assert sorted(k for trace in traces[:4:2] for k in trace["customdata"]) == [0, 1, 2, 3]
    assert traces[2]["x"] == [1.0, 3.0]
    assert traces[3]["x"] == [-1.0, -3.0]
    assert len({(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in traces}) == 4


def test_labels_say_what_a_point_is_where_no_script_runs(bundle):
    trace = bundle["application/vnd.plotly.v1+json"]["data"][0]
    assert trace["text"] == ["<scene> 0", "<scene> 2"]
    assert bundle["text/html"].count("<td>&lt;scene&gt; ") == 4
    assert bundle["text/plain"] == "Figure. Four maps of four points."


def test_the_page_carries_each_picture_once_and_shows_it_on_hover(bundle):
    html = bundle["text/html"]
    found = json.loads(re.search(r'id="maps-thumbnails">(\[.*?\])<', html)[1])
    assert len(found) == 4
    picture = Image.open(io.BytesIO(base64.b64decode(found[0].split(",")[1])))
    assert picture.size == (spaces.THUMBNAIL, spaces.THUMBNAIL)
    assert "plotly_hover" in html
    assert "plotly_unhover" in html
    assert "http" not in html
    assert html.count("</figure>") == 1
    assert "thumbnails" not in json.dumps(bundle["application/vnd.plotly.v1+json"])


def test_a_thumbnail_is_a_kilobyte_or_so():
    smooth = np.tile(np.arange(128, dtype=np.uint8)[:, None, None], (1, 128, 3))
    assert len(show.spaces.thumbnail(smooth)) < 1500
