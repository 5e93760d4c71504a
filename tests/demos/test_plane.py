"""The plane as a demo: its computation on a stand-in that paints what it is told, its widget, its poster."""

import base64
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.critters import Scene
from course_utils.demos import base, plane


class Painter:
    """Grey as bright as the first number of the conditioning, which tells texture (tens) and size (hundreds) apart."""

    text = SimpleNamespace(read=lambda prompts: torch.tensor(
        [[[10.0 * ("scaly" in prompt) + 100.0 * ("large" in prompt)]] for prompt in prompts]))

    def __init__(self):
        self.calls = 0

    def __call__(self, states, seeds):
        self.calls += 1
        assert len(states) == len(seeds)
        assert set(map(type, seeds)) == {int}  # given noise would go on with the noise of other seeds
        return np.stack([np.full((128, 128, 3), int(grey), np.uint8) for grey in states[:, 0, 0]])


@pytest.fixture
def demo():
    return plane.Plane(Painter(), {"a fox": Scene(), "a cat": Scene("cat")}, scaly=1.0, large=0.0)


def test_a_place_is_drawn_from_its_conditioning():
    draw = Painter()
    four = plane.corners(draw, Scene())
    for scaly, large, grey in ((0, 0, 0), (1, 0, 10), (0, 1, 100), (1, 1, 110), (0.5, 0.5, 55)):
        assert (plane.visit(draw, four, scaly, large, seed=0).picture == grey).all()


def test_small_is_below_and_scaly_to_the_right(demo):
    sheet, _ = demo.present()
    assert sheet.shape == (256, 256, 3)
    assert [int(sheet[y, x, 0]) for y, x in ((200, 50), (200, 200), (50, 50), (50, 200))] == [0, 10, 100, 110]


def test_the_dot_stands_where_the_cursor_is():
    white = np.full((256, 256, 3), 255, np.uint8)
    for scaly, large, side in ((0, 0, (242, 13)), (1, 1, (13, 242)), (0, 1, (13, 13))):
        png = plane.beside(white, white[:128, :128], scaly, large)
        assert np.asarray(Image.open(io.BytesIO(png)))[side].max() < 100


def test_the_poster_shows_the_present_state_and_is_drawn_once(demo):
    before = demo.poster_png(), demo.sentence()
    demo.large = 1.0
    assert demo.poster_png() != before[0]
    assert "1.00 scaly, 1.00 large" in demo.sentence()
    calls = demo.draw.calls
    demo.poster()
    assert demo.draw.calls == calls


def test_it_begins_with_the_first_scene():
    demo = plane.Plane(Painter(), {"a cat": Scene("cat", coat="blue", stance="walking"), "a fox": Scene()}, seed=3)
    state = {name: getattr(demo, name) for name in ("species", "coat", "stance", "seed", "scaly", "large")}
    assert state == {"species": "cat", "coat": "blue", "stance": "walking", "seed": 3, "scaly": 0.5, "large": 0.5}


def test_a_plane_without_scenes_is_refused():
    with pytest.raises(ValueError, match="at least one scene"):
        plane.Plane(Painter(), {})


def test_kernel_and_static_page_each_get_what_they_can_show(demo):
    bundle = demo._repr_mimebundle_()
    assert bundle[base.WIDGET]["model_id"] == demo.widget.model_id
    source = re.search(r'src="data:image/webp;base64,([^"]+)"', bundle["text/html"])[1]
    assert Image.open(io.BytesIO(base64.b64decode(source))).size == (2 * 256 + 8, 256)
    assert 'alt="Demo. Left: four generated animals' in bundle["text/html"]
    assert "the cursor is yours" in bundle["text/html"]
    assert "http" not in bundle["text/html"]
