import numpy as np
import pytest

from course_utils.critters import Scene, caption, parse, render, sample
from course_utils.measure import diversity as module
from course_utils.measure.diversity import (
    allowed,
    clipped,
    colours,
    contrast,
    diversity,
    mean_pairwise_distance,
    saturation,
    spread,
)


def flat(*colour):
    return np.full((1, 8, 8, 3), colour, np.uint8)


def test_two_points_at_distance_five():
    x = np.array([[0.0, 0], [3, 4]])
    assert mean_pairwise_distance(x) == pytest.approx(5)
    assert spread(x) == pytest.approx(5 / np.sqrt(2))


def test_the_corners_of_a_square():
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    assert mean_pairwise_distance(x) == pytest.approx((4 + 2 * np.sqrt(2)) / 6)
    assert spread(x) == pytest.approx(np.sqrt(2 / 3))


def test_the_same_picture_again_has_no_diversity():
    assert mean_pairwise_distance(np.ones((5, 3))) == 0
    assert spread(np.ones((5, 3))) == 0


def test_it_does_not_depend_on_how_many_are_drawn():
    rng = np.random.default_rng(0)
    few = np.mean([mean_pairwise_distance(rng.normal(size=(3, 4))) for _ in range(2000)])
    many = mean_pairwise_distance(rng.normal(size=(600, 4)))
    assert few == pytest.approx(many, rel=0.03)


@pytest.mark.parametrize("wrong", [np.ones((1, 3)), np.ones(3), np.array([[1.0, np.nan], [0, 1]])])
def test_what_has_no_diversity_is_refused(wrong):
    for measure in (spread, mean_pairwise_distance):
        with pytest.raises(ValueError, match="two pictures or more"):
            measure(wrong)


@pytest.mark.parametrize("scene", sample(6, seed=3))
def test_scenes_that_a_full_caption_allows_have_that_caption(scene):
    found = allowed(caption(scene), 8, seed=0)
    if scene.size_word:
        assert {caption(one) for one in found} == {caption(scene)}
    assert len(set(found)) == 8
    assert min(abs(one.stride) for one in found) >= 0.5 or scene.stance != "walking"


def test_a_short_prompt_leaves_the_rest_open():
    found = allowed("a small cat", 60, seed=0)
    assert {one.species for one in found} == {"cat"}
    assert {one.size_word for one in found} == {"small"}
    for name in ("coat", "background", "stance", "facing", "texture"):
        assert len({getattr(one, name) for one in found}) > 1
    assert len({parse(caption(one)).get("size") for one in allowed("", 60, seed=0)}) == 3
    assert allowed("", 1, seed=0) == sample(1, seed=0)


def test_diversity_stands_beside_the_worlds(monkeypatch):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(module, "features_of", lambda scenes, cache: rng.normal(size=(len(scenes), 64)))
    prompts = [caption(scene) for scene in sample(5, seed=1)]
    half = diversity(0.5 * rng.normal(size=(5, 12, 64)), prompts)
    assert (half["prompts"], half["seeds"]) == (5, 12)
    assert half["of_world"] == pytest.approx(0.5, rel=0.05)
    assert half["distance_interval"] < half["distance"] / 5
    with pytest.raises(ValueError, match="of 4 prompts"):
        diversity(rng.normal(size=(5, 12, 64)), prompts[:4])


def test_the_world_is_as_diverse_as_itself():
    prompts = ["a large fluffy orange fox sitting on a green background, facing right", "a dog"]
    renders = module.features_of([scene for prompt in prompts for scene in allowed(prompt, 12, seed=50)])
    measured = diversity(renders.reshape(2, 12, 64), prompts)
    assert measured["of_world"] == pytest.approx(1, abs=0.3)
    fixed, open_ = (mean_pairwise_distance(x) for x in renders.reshape(2, 12, 64))
    assert fixed < open_  # what a prompt leaves open shows


def test_saturation_of_known_colours():
    for colour, value in [((255, 0, 0), 1), ((128, 128, 128), 0), ((0, 0, 0), 0), ((200, 100, 150), 0.5)]:
        assert saturation(flat(*colour))[0] == pytest.approx(value)


def test_contrast_of_known_pictures():
    halves = np.zeros((1, 4, 4, 3), np.uint8)
    halves[:, :2] = 255
    assert contrast(halves)[0] == pytest.approx(0.5, abs=1e-6)
    assert contrast(flat(10, 200, 30))[0] == pytest.approx(0, abs=1e-6)


def test_clipped_counts_the_edge():
    picture = flat(0, 255, 100)
    assert clipped(picture)[0] == pytest.approx(2 / 3)
    assert clipped(picture // 2 + 1)[0] == 0


def test_exaggerated_colours_are_told_from_the_worlds():
    worlds = np.stack([render(Scene()), render(Scene(coat="blue"))])
    vivid = ((worlds.astype(np.float32) - 127.5) * 1.5 + 127.5).clip(0, 255).astype(np.uint8)
    plain, loud = colours(worlds), colours(vivid)
    assert plain["n"] == 2
    for name in ("saturation", "contrast", "clipped"):
        assert loud[name] > plain[name]


def test_only_pictures_are_measured():
    with pytest.raises(TypeError, match="uint8"):
        saturation(np.zeros((1, 4, 4, 3)))
