import numpy as np
import pytest

from course_utils.critters import Scene, mask, render, sample
from course_utils.measure.reader import read_by_colour

SCENES = sample(150, seed=901)
PICTURES = np.stack([render(scene) for scene in SCENES])


@pytest.fixture(scope="module")
def reading():
    return read_by_colour(PICTURES)


def truth(name):
    return np.array([getattr(scene, name) for scene in SCENES])


@pytest.mark.parametrize(("name", "floor"), [("background", 0.99), ("coat", 0.97), ("texture", 0.95)])
def test_it_reads_renders(reading, name, floor):
    assert np.mean(reading.labels[name] == truth(name)) >= floor


def test_its_masks_are_the_animals(reading):
    masks = np.stack([mask(scene) for scene in SCENES]) > 127
    overlap = (masks & reading.masks).sum((1, 2)) / (masks | reading.masks).sum((1, 2))
    assert np.median(overlap) > 0.95
    assert overlap.min() > 0.85


def test_size_follows_the_scene(reading):
    assert np.corrcoef(reading.size, truth("size"))[0, 1] > 0.8
    assert abs(np.mean(reading.size - truth("size"))) < 0.02


def test_one_animal_is_one_and_two_are_two(reading):
    assert (reading.animals == 1).mean() > 0.98
    left = render(Scene(size=0.52, x=0.0, y=0.5))
    wide = np.concatenate([left, left], axis=1)
    assert read_by_colour(wide[None]).animals[0] == 2
    small, room = render(Scene(size=0.6), 80), np.repeat(render(Scene(size=0.6))[:, :1], 128, axis=1)
    room[28:108, :64] = room[28:108, 64:] = small[:, 8:72]
    assert read_by_colour(room[None]).animals[0] == 2


def test_an_empty_room_has_no_animal():
    room = np.full((1, 64, 64, 3), (152, 207, 124), np.uint8)
    reading = read_by_colour(room)
    assert (reading.animals[0], reading.size[0], reading.area[0]) == (0, 0, 0)
    assert reading.labels["background"][0] == "green"


def test_noise_does_not_throw_it():
    noise = np.random.default_rng(0).normal(0, 8, PICTURES.shape)
    worn = read_by_colour((PICTURES + noise).clip(0, 255).astype(np.uint8))
    assert np.mean(worn.labels["coat"] == truth("coat")) > 0.93
    assert np.mean(worn.labels["texture"] == truth("texture")) > 0.93


@pytest.mark.parametrize("wrong", [PICTURES[0], PICTURES[:0], PICTURES[..., :1]])
def test_what_is_no_batch_is_refused(wrong):
    with pytest.raises(ValueError, match="expected pictures"):
        read_by_colour(wrong)


def test_pictures_are_bytes():
    with pytest.raises(TypeError, match="uint8"):
        read_by_colour(np.zeros((1, 128, 128, 3), np.float32))
