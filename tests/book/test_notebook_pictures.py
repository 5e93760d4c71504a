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


def gradient(size=192):
    """A picture of every hue and no edge, like noise through a decoder: a palette would band it."""
    x, y = np.meshgrid(np.linspace(0, 255, size), np.linspace(0, 255, size))
    return np.stack([x, y, 255 - (x + y) / 2], -1) + np.random.default_rng(0).normal(0, 1, (size, size, 3))


def opened(light):
    return Image.open(io.BytesIO(base64.b64decode(light)))


def test_soft_pictures_become_lighter_and_stay_as_they_look():
    full = png(soft())
    kind, light = notebooks.lighter(full)
    assert len(light) < 0.8 * len(full)
    assert kind == {"PNG": "image/png", "JPEG": "image/jpeg"}[opened(light).format]
    assert nbval_pictures.difference(full, light) is None


def test_a_palette_that_is_there_stays_and_is_packed_tightly():
    image = Image.fromarray(soft().astype(np.uint8)).quantize(16)
    loose = notebooks.encoded(image, "PNG", compress_level=0)
    kind, light = notebooks.lighter(loose)
    assert (kind, opened(light).mode) == ("image/png", "P")
    assert len(light) < 0.5 * len(loose)
    assert len(light) < len(notebooks.encoded(image, "PNG", optimize=True))
    np.testing.assert_array_equal(np.asarray(opened(light).convert("RGB")), np.asarray(image.convert("RGB")))
    assert notebooks.lighter(light) == (kind, light)


def test_smooth_pictures_become_jpegs_and_stay_as_they_look():
    full = png(gradient().clip(0, 255))
    kind, light = notebooks.lighter(full)
    assert (kind, opened(light).format) == ("image/jpeg", "JPEG")
    assert len(light) < 0.3 * len(full)
    assert nbval_pictures.difference(full, light) is None
    assert "differs" in nbval_pictures.difference(png((gradient() + 6).clip(0, 255)), light)


def test_where_jpegs_will_not_do_a_palette_may():
    assert notebooks.lighter(png(gradient().clip(0, 255)), jpeg=False)[0] == "image/png"
    cells = [{"cell_type": "code", "source": tag, "metadata": {"tags": [tag]}, "outputs": [
        {"output_type": "display_data", "data": {"image/png": png(gradient().clip(0, 255))}, "metadata": {}}]}
        for tag in ("hide-input", "front-page")]  # fmt: skip
    found = notebooks.regular({"cells": cells, "metadata": {}})
    assert [list(cell["outputs"][0]["data"]) for cell in found["cells"]] == [["image/jpeg"], ["image/png"]]


def test_pictures_that_need_their_colours_keep_them():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    kind, light = notebooks.lighter(notebooks.encoded(Image.fromarray(noise), "PNG", compress_level=0))
    assert kind == "image/png"
    np.testing.assert_array_equal(np.asarray(opened(light)), noise)
    assert notebooks.lighter(light) == (kind, light)


def test_another_picture_is_noticed_in_spite_of_the_bytes_saved():
    light = notebooks.lighter(png(soft()))[1]
    assert "differs" in nbval_pictures.difference(png(soft(seed=1)), light)
    shifted = png((soft() + 4).clip(0, 255))
    assert "differs" in nbval_pictures.difference(shifted, light)
    assert "differs" in nbval_pictures.difference(notebooks.lighter(shifted)[1], light)


def test_only_pictures_are_touched_and_their_description_goes_along():
    text = {"output_type": "stream", "name": "stdout", "text": "a"}
    table = {"output_type": "display_data", "data": {"text/html": "<b>1</b>"}, "metadata": {}}
    assert [notebooks.light(one) for one in (text, table)] == [text, table]
    for pixels in (soft(), gradient().clip(0, 255)):
        data, metadata = {"image/png": png(pixels), "text/plain": "x"}, {"image/png": {"alt": "A fox."}}
        found = notebooks.light({"output_type": "display_data", "data": data, "metadata": metadata})
        (kind,) = found["data"].keys() - {"text/plain"}
        assert found["data"]["text/plain"] == "x"
        assert found["metadata"] == {kind: {"alt": "A fox."}}
        assert len(found["data"][kind]) < len(data["image/png"])
        assert list(nbval_pictures.encoded([found])) == [found["data"][kind]]
