"""Pictures: the same for a scene, different for every field, whole and inside the frame."""

import hashlib
import importlib
import json
from pathlib import Path

import numpy as np
import PIL
import pytest

from course_utils.critters import BACKGROUNDS, COATS, SPECIES, STANCES, TEXTURES, Scene, mask, render, sample, sheet
from course_utils.critters.palette import BACKGROUND_COLOURS, COAT_COLOURS, mix, palette
from course_utils.critters.parts import Material
from course_utils.critters.shapes import ellipse, limb, perimeter, points, resample, rotate, smooth, tufted

painting = importlib.import_module("course_utils.critters.render")  # the package's attribute is the function
STORED = json.loads((Path(__file__).parent / "hashes.json").read_text())


@pytest.mark.parametrize("name", sorted(STORED["pictures"]))
def test_pictures_have_the_stored_hashes_on_the_pinned_versions(name):
    if PIL.__version__ != STORED["pillow"]:
        pytest.skip(f"hashes were stored with Pillow {STORED['pillow']}, this is {PIL.__version__}")
    seed, size = (int(v) for v in name.split("x"))
    digest = hashlib.sha256(b"".join(render(s, size).tobytes() for s in sample(12, seed))).hexdigest()
    assert digest[:16] == STORED["pictures"][name]


@pytest.mark.parametrize("size", [16, 64, 96, 128, 200])
def test_shape_and_type(size):
    picture = render(Scene(), size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize("size", [0, 15, 1025, 64.0, "64"])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValueError, match="from 16 to 1024"):
        render(Scene(), size)


CHANGES = {
    "species": ["cat", "dog"], "texture": ["scaly"], "coat": ["blue", "white"], "background": ["pink"],
    "stance": ["standing", "walking"], "facing": ["left"], "size": [0.6], "head_tilt": [12.0], "tail": [20.0],
    "stride": [0.9], "x": [0.0], "y": [1.0],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CHANGES))
@pytest.mark.parametrize("stance", STANCES)
def test_every_field_shows(name, stance):
    before = Scene(stance=stance, size=0.7)
    for value in CHANGES[name]:
        after = before.but(**{name: value})
        if after != before:
            changed = np.any(render(before) != render(after), axis=-1).mean()
            assert changed > 0.003, f"{name}: {value}"


def test_a_field_changes_only_its_own_business():
    scene = Scene(stance="standing")
    plain = render(scene)
    rows = np.arange(128)
    tilted = np.any(render(scene.but(head_tilt=15.0)) != plain, axis=(1, 2))
    assert rows[tilted].max() < 85, "a tilted head must not move the paws"
    swung = np.any(render(scene.but(tail=20.0)) != plain, axis=(0, 2))
    assert rows[swung].max() < 60, "a swung tail must not move the head"
    recoloured = np.any(render(scene.but(coat="blue")) != plain, axis=2)
    assert not recoloured[mask(scene) == 0].any(), "a new coat must not touch the background"


def test_size_is_continuous():
    areas = [float((mask(Scene(size=s)) / 255).mean()) for s in np.linspace(0.52, 0.78, 14)]
    steps = np.diff(areas)
    assert (steps > 0).all()
    assert steps.max() < 3 * steps.min()


def test_no_animal_is_cropped():
    for scene in sample(400, 5):
        inside = mask(scene)
        border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
        assert border.max() == 0, scene


def test_positions_vary_at_every_size():
    for size in (0.52, 0.65, 0.78):
        centres = [np.argwhere(mask(Scene(size=size, x=x, y=y)) > 127).mean(axis=0) for x in (0, 1) for y in (0, 1)]
        assert np.ptp([c[1] for c in centres]) > 4
        assert np.ptp([c[0] for c in centres]) > 10


def test_facing_left_is_the_mirror_image():
    scene = Scene(species="dog", texture="scaly", x=0.5)
    left, right = mask(scene.but(facing="left")).astype(int), mask(scene)[:, ::-1].astype(int)
    assert np.abs(left - right).mean() < 3


def test_coat_and_background_have_their_colours():
    for coat in COATS:
        for background in BACKGROUNDS:
            picture = render(Scene(coat=coat, background=background, texture="fluffy", stance="standing"))
            assert tuple(picture[2, 2]) == BACKGROUND_COLOURS[background]
            assert np.all(picture == COAT_COLOURS[coat], axis=-1).mean() > 0.02, (coat, background)


def test_no_two_species_or_textures_look_alike():
    pictures = [render(Scene(species=s, texture=t)).astype(float) for s in SPECIES for t in TEXTURES]
    gaps = [np.abs(a - b).mean() for i, a in enumerate(pictures) for b in pictures[:i]]
    assert min(gaps) > 3


def test_palette_is_shared_and_locked():
    table = palette("blue", "pink", "scaly")
    assert table.shape == (len(Material), 3)
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 0
    assert mix((0, 0, 0), (100, 200, 50), 0.5) == (50, 100, 25)


def test_sheet_lays_out_colour_and_grey():
    tiles = [np.full((4, 4, 3), 10, np.uint8), np.full((4, 4), 20, np.uint8), np.full((4, 4, 3), 30, np.uint8)]
    page = sheet(tiles, columns=2, scale=2, pad=1)
    assert page.shape == (17, 17, 3)
    assert page[0, 0, 0] == 10
    assert page[0, 9, 2] == 20
    assert page[9, 0, 0] == 30
    assert page[16, 16, 0] == 255


def test_rotation_is_clockwise_on_the_screen():
    assert np.allclose(rotate(points((1, 0)), (0, 0), 90), [[0, 1]])


def test_resampling_is_even_and_normals_point_outwards():
    even, normal = resample(ellipse((3, 4), 1, 1, 200), 40)
    gaps = np.hypot(*(np.roll(even, -1, axis=0) - even).T)
    assert np.ptp(gaps) < 1e-3
    assert np.allclose(normal, even - (3, 4), atol=0.02)


def test_a_spline_goes_through_its_points():
    corners = points((0, 0), (1, 0), (1, 1), (0, 1))
    assert np.allclose(smooth(corners)[::4], corners)


def test_a_limb_is_as_wide_as_told():
    outline = limb(points((0, 0), (0, 1), (0, 2)), [0.1, 0.1, 0.1])
    assert np.isclose(np.ptp(outline[:, 0]), 0.2, atol=0.01)
    assert np.isclose(outline[:, 1].max(), 2.1, atol=0.01)


def test_tufts_grow_the_outline_and_hang():
    disc = ellipse((0, 0), 0.5, 0.5, 60)
    grown = tufted(disc, 0.05)
    assert perimeter(grown) > 1.15 * perimeter(disc)
    below, above = grown[:, 1].max() - 0.5, -grown[:, 1].min() - 0.5
    assert below > 1.5 * above > 0
    assert np.hypot(*grown.T).max() < 0.6


@pytest.mark.parametrize("size", [128, 200, 512])
def test_outlines_are_whole_at_every_size(size, monkeypatch):
    """As with a box that is the whole canvas: near the border of its box no change of parts is looked for."""
    scenes = sample(3, 5)
    made = [render(scene, size) for scene in scenes]
    monkeypatch.setattr(painting, "_bounds", lambda outlines, side, room: (0, 0, side, side))
    for scene, picture in zip(scenes, made, strict=True):
        np.testing.assert_array_equal(picture, render(scene, size))
