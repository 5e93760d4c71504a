"""Scenes: what may stand in them, and that a seed means a scene."""

import math

import pytest

from course_utils.critters import CHOICES, LARGE_ABOVE, RANGES, SMALL_BELOW, Scene, sample


def test_same_seed_same_scenes_other_seed_others():
    assert sample(20, 7) == sample(20, 7)
    assert sample(20, 7) != sample(20, 8)


def test_a_longer_sample_begins_with_the_shorter_one():
    assert sample(30, 3)[:10] == sample(10, 3)


def test_every_value_occurs_about_equally_often():
    scenes = sample(3000, 0)
    for name, allowed in CHOICES.items():
        shares = [sum(getattr(s, name) == value for s in scenes) / len(scenes) for value in allowed]
        assert max(abs(share - 1 / len(allowed)) for share in shares) < 0.04, name


def test_numbers_fill_their_ranges():
    scenes = sample(2000, 0)
    for name, (low, high) in RANGES.items():
        values = [getattr(s, name) for s in scenes]
        assert low <= min(values) < low + 0.03 * (high - low), name
        assert high >= max(values) > high - 0.03 * (high - low), name


def test_walking_animals_are_caught_in_their_stride():
    assert all(abs(s.stride) >= 0.5 for s in sample(500, 1) if s.stance == "walking")


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_an_unknown_word_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match=f"{name}='zebra': choose one of {', '.join(CHOICES[name])}"):
        Scene(**{name: "zebra"})


@pytest.mark.parametrize("name", sorted(RANGES))
@pytest.mark.parametrize("value", [-99.0, 99.0, math.nan, math.inf, "large", None, True])
def test_a_number_out_of_range_is_refused_with_the_range(name, value):
    low, high = RANGES[name]
    if value is True and low <= 1 <= high:
        value = "1"  # a word is no number either, even one that looks like one
    with pytest.raises(ValueError, match=f"{name}=.*choose a number from {low:g} to {high:g}"):
        Scene(**{name: value})


def test_but_changes_just_what_it_says():
    scene = Scene()
    assert scene.but(coat="blue") == Scene(coat="blue")
    assert scene == Scene()
    with pytest.raises(ValueError, match="no field colour: choose from species"):
        scene.but(colour="blue")


@pytest.mark.parametrize(
    ("size", "word"),
    [(0.52, "small"), (SMALL_BELOW, None), (0.65, None), (LARGE_ABOVE, None), (0.78, "large")],
)
def test_size_word_is_silent_in_the_middle(size, word):
    assert Scene(size=size).size_word == word


def test_negative_count_is_refused():
    with pytest.raises(ValueError, match="n=-1"):
        sample(-1, 0)
