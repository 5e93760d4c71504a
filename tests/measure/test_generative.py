import numpy as np
import pytest

from course_utils.critters import caption, parse, render, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.measure import generative

N = 128


def renderer(scenes):
    """A maker that draws each caption as the world does: the best there can be, but for scenes of equal captions."""
    by_caption = {caption(scene): scene for scene in scenes}

    def make(prompts, seeds):
        assert len(prompts) == len(seeds)
        return np.stack([render(by_caption[prompt]) for prompt in prompts])

    return make


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """The features of renders, found once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def perfect(cache):
    scenes = sample(N, HELD_OUT_SEED)
    return generative.of_pictures(*generative.drawn(renderer(scenes), N), cache, least=N)


def test_a_perfect_generator_reaches_the_floor(perfect):
    assert perfect["n"] == N
    assert perfect["mean_accuracy"] > 0.995
    assert perfect["frechet"] == pytest.approx(perfect["frechet_floor"], rel=0.05)
    assert perfect["agreement"]["noticed"] == []
    assert perfect["doubles"]["two_animals"] < 0.06


def test_one_that_ignores_its_prompts_is_found_out(perfect, cache):
    scenes = sample(N, HELD_OUT_SEED)
    made = np.stack([render(scene) for scene in scenes])[::-1]
    facts = generative.of_pictures(made, scenes, cache, least=N)
    assert facts["mean_accuracy"] < 0.6
    assert facts["frechet"] == pytest.approx(perfect["frechet"], rel=0.05)  # as a crowd they are as good


def test_one_that_always_draws_the_same_has_no_diversity(tmp_path):
    same = generative.spread_across_seeds(lambda prompts, seeds: np.stack([render(sample(1, 0)[0])] * len(prompts)),
                                          tmp_path, prompts=3, seeds=2)
    assert same["distance"] == 0
    assert same["distance_of_renders"] > 0


def test_a_sweep_finds_the_best_scale_for_each_end(cache):
    def make_at(scale):
        """Obeys more and more, and paints ever darker."""
        def make(prompts, seeds):
            scenes = sample(len(prompts), HELD_OUT_SEED)
            drawn = np.stack([render(s if k < scale * len(scenes) else scenes[0]) for k, s in enumerate(scenes)])
            return (drawn * (1.2 - 0.2 * max(scale, 1))).astype(np.uint8)
        return make

    rows = generative.sweep(make_at, N, cache, scales=(0.5, 1.0, 3.0))
    assert [row["scale"] for row in rows] == [0.5, 1.0, 3.0]
    assert generative.best(rows) == {"accuracy": 1.0, "frechet": 1.0}
    assert rows[0]["mean_accuracy"] < rows[1]["mean_accuracy"]


def test_prompts_are_captions_of_held_out_scenes_and_seeds_count_up():
    asked = []
    generative.drawn(lambda prompts, seeds: asked.append((prompts, seeds)) or np.zeros((3, 8, 8, 3), np.uint8), 3)
    assert asked[0][1] == [0, 1, 2]
    assert all("species" in parse(prompt) for prompt in asked[0][0])
