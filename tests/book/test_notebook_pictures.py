"""Pictures of executed notebooks: lightened where nobody would see it, and still compared."""

import base64
import io

import numpy as np
from PIL import Image

import notebooks
from tests import nbval_pictures


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def soft(seed=0, size=96):
    """A picture of few hues and many shades, like a drawn animal's that went through a decoder."""
    rng = np.random.default_rng(seed)
    hues = rng.integers(60, 200, (4, 4, 3)).repeat(size // 4, 0).repeat(size // 4, 1)
    return (hues + rng.normal(0, 2, (size, size, 3))).clip(0, 255)


def test_soft_pictures_become_lighter_and_stay_as_they_look():
    full = png(soft())
    light = notebooks.lighter(full)
    assert len(light) < 0.8 * len(full)
    assert Image.open(io.BytesIO(base64.b64decode(light))).mode == "P"
    assert nbval_pictures.difference(full, light) is None
    assert notebooks.lighter(light) == light


def test_pictures_that_need_their_colours_keep_them():
    noise = png(np.random.default_rng(0).integers(0, 256, (64, 64, 3)))
    assert notebooks.lighter(noise) == noise


def test_another_picture_is_noticed_in_spite_of_the_palette():
    light = notebooks.lighter(png(soft()))
    assert "differs" in nbval_pictures.difference(png(soft(seed=1)), light)
    shifted = png((soft() + 4).clip(0, 255))
    assert "differs" in nbval_pictures.difference(shifted, light)
    assert "differs" in nbval_pictures.difference(notebooks.lighter(shifted), light)


def test_only_pictures_are_touched():
    text = {"output_type": "stream", "name": "stdout", "text": "a"}
    table = {"output_type": "display_data", "data": {"text/html": "<b>1</b>"}, "metadata": {}}
    assert [notebooks.light(one) for one in (text, table)] == [text, table]
    shown = {"output_type": "display_data", "data": {"image/png": png(soft()), "text/plain": "x"}, "metadata": {}}
    assert notebooks.light(shown)["data"]["text/plain"] == "x"
    assert len(notebooks.light(shown)["data"]["image/png"]) < len(shown["data"]["image/png"])
