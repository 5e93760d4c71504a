"""The sweeps of section 3: what they count, on pictures and vectors where it is known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_utils.critters import caption, parse, render, sample
from course_utils.measure import critic
from course_utils.measure.sweeps import guidance


class Painter:
    """A perfect generator: it paints the scene that the prompt describes."""

    evaluations, steps, device = 50.0, 25, "cpu"

    def __call__(self, prompts, seeds, **options):
        assert len(prompts) == len(seeds)
        scenes = {caption(scene): scene for scene in sample(2, guidance.HELD_OUT_SEED)}
        return np.stack([render(scenes[prompt]) for prompt in prompts])


@pytest.fixture
def painter(monkeypatch):
    monkeypatch.setattr(guidance.TextToImage, "load", classmethod(lambda cls, **_: Painter()))


def test_a_perfect_painter_finds_all_words_and_one_without_ideas_has_no_diversity(painter):
    facts = guidance.guidance_scales(2, None, scales=(3.0,))
    (row,) = facts["rows"]
    assert (row["scale"], row["pictures"], row["evaluations"]) == (3.0, 8, 50.0)
    assert row["accuracy"][0] > 0.95
    assert row["diversity"][0] == pytest.approx(0, abs=1e-4)
    assert row["frechet"] is None
    assert facts["renders"]["diversity"][0] > 1


def test_the_twin_is_measured_as_the_model_is_up_to_where_that_breaks(monkeypatch):
    roles = []
    loaded = classmethod(lambda cls, role, **_: roles.append(role) or Painter())
    monkeypatch.setattr(guidance.TextToImage, "load", loaded)
    monkeypatch.setattr(guidance, "drawn", lambda draw, n, cache, **options: options)
    rows = guidance.guidance_nodropout(2, None)["rows"]
    assert roles == ["text_to_image_nodropout"]
    assert [row["scale"] for row in rows] == [scale for scale in guidance.SCALES if scale < 15]


def test_repairs_ask_for_what_they_are_called(painter, monkeypatch):
    asked = []
    monkeypatch.setattr(guidance, "drawn", lambda draw, n, cache, **options: asked.append(options) or {})
    facts = guidance.guidance_repairs(2, None)
    assert [row["name"] for row in facts["rows"]] == ["rescale", "interval"]
    assert [sorted(options) for options in asked] == [["guidance_scale", "rescale"], ["guidance_scale", "interval"]]


def test_size_counts_only_where_a_caption_states_it():
    large, silent = sample(1, 0)[0].but(size=0.75), sample(1, 0)[0].but(size=0.65)
    labels = {name: np.array([getattr(large, name)] * 2) for name in guidance.CHOICES}
    labels["coat"] = np.array(["none", "none"])
    reading = SimpleNamespace(labels=labels, size=np.array([0.7, 0.2]))
    assert guidance.right(reading, [large, silent]).tolist() == [6 / 7, 5 / 6]


def test_intervals_are_over_prompts_and_not_over_pictures():
    mean, half = guidance.over_prompts(np.repeat([0.0, 1.0, 0.5], guidance.SEEDS))
    assert mean == 0.5
    assert half == pytest.approx(4.303 * 0.5 / 3**0.5, rel=1e-3)


def test_too_few_pictures_have_no_frechet_distance():
    assert guidance.distance(np.zeros((140, 64)), None) is None


def test_the_jackknife_leaves_out_prompts_with_all_their_seeds(monkeypatch):
    """Of pictures that differ from prompt to prompt only: the error is that of the prompts' mean."""
    features = np.repeat(np.random.default_rng(0).normal(size=40), guidance.SEEDS)[:, None] * np.ones(64)
    monkeypatch.setattr(guidance.frechet, "real_features", lambda n, cache: None)
    monkeypatch.setattr(guidance.frechet, "frechet", lambda part, real: part.mean())
    whole, error = guidance.distance(features, None)
    eighths = features[:: guidance.SEEDS, 0].reshape(5, 8).mean(0)
    assert whole == pytest.approx(features.mean())
    assert error == pytest.approx(eighths.std(ddof=1) / 8**0.5)


def test_a_prompt_that_leaves_the_size_open_is_compared_with_a_world_that_does(monkeypatch):
    """Renders of a prompt are as diverse as the world is under that prompt, and not under one with a size more."""
    compared = []
    monkeypatch.setattr(guidance.diversity, "diversity",
                        lambda features, asked, cache: compared.extend(asked) or {"of_world": 1.0})
    prompts = [caption(scene) for scene in sample(2, guidance.HELD_OUT_SEED)]
    redrawn = [guidance.diversity.allowed(prompt, 1, 1000 + k)[0] for k, prompt in enumerate(prompts)]
    assert [caption(scene) for scene in redrawn] != prompts
    guidance.of_renders(2, None)
    assert compared == prompts


def test_cats_are_fluffy_and_state_their_size_and_moved_prompts_mean_the_same():
    cats = guidance.cats(20)
    assert len(cats) == 20
    assert {(cat.species, cat.texture, cat.size_word is None) for cat in cats} == {("cat", "fluffy", False)}
    for cat in cats:
        assert caption(cat).split()[2] == "fluffy"
        assert parse(guidance.behind(caption(cat))) == parse(caption(cat))
        assert guidance.behind(caption(cat)).startswith("on a ")


class Letters:
    """A text encoder whose hidden states are word counts: *scaly* and *fluffy* in one number, at the third place."""

    def read(self, prompts):
        states = torch.zeros(len(prompts), 8, 2)
        states[:, 3, 0] = torch.tensor([float("scaly" in prompt) for prompt in prompts])
        states[:, 5, 1] = torch.tensor([float("cat" in prompt) for prompt in prompts])
        return states


def test_the_direction_is_the_difference_and_knows_no_cats():
    draw = SimpleNamespace(text=Letters())
    direction = guidance.texture_direction(draw, 8)
    assert direction.shape == (1, 8, 2)
    assert direction.nonzero().tolist() == [[0, 3, 0]]
    every = guidance.edits(draw, guidance.cats(3))
    torch.testing.assert_close(every["direction"], every["word replaced"])
    torch.testing.assert_close(every["at the word only"], every["word replaced"])
    torch.testing.assert_close(every["back again"], every["as written"])
    torch.testing.assert_close((every["one vector for all"] - every["as written"])[0, :, 0], torch.full((8,), 1 / 8))
    random = every["random direction"] - every["as written"]
    torch.testing.assert_close(random.norm(dim=-1), direction.norm(dim=-1).expand(3, -1))
    assert (random[0, 3] - random[1, 3]).norm() > 0.1, "each cat has one of its own"


def test_negative_prompts_are_handed_on_and_prompts_say_nothing_of_texture():
    asked = []

    def draw(prompts, seeds, negative_prompt):
        asked.append((list(prompts), negative_prompt))
        return np.stack([render(cat.but(texture="scaly")) for cat in guidance.cats(len(prompts))])

    facts = guidance.negative_prompts(3, None, names=("", "a fluffy cat"), draw=draw)
    assert [negative for _, negative in asked] == ["", "a fluffy cat"]
    assert not [prompt for prompts, _ in asked for prompt in prompts if "texture" in parse(prompt)]
    assert [row["scaly"][0] for row in facts["rows"]] == [1, 1]
    assert min(row["others"][0] for row in facts["rows"]) > 0.9


def test_pairs_differ_in_one_word():
    for change, (old, new) in guidance.SWAPPED.items():
        before, after = guidance.swap_pairs(change, 3)
        for a, b in zip(before, after, strict=True):
            assert (getattr(a, change), getattr(b, change)) == (old, new)
            assert a.but(**{change: new}) == b


def test_swapping_is_judged_by_word_joints_and_silhouette(monkeypatch):
    """Where the second picture is the first one: nothing moved, and the old word is still there."""
    monkeypatch.setattr(guidance, "swap",
                        lambda draw, before, after, until: 2 * (np.stack([render(s) for s in before]),))
    before, _ = guidance.swap_pairs("species", 3)
    elsewhere = guidance.read_by_colour(np.stack([render(s)[:, ::-1] for s in before])).masks
    facts = guidance.swap_facts(None, "species", 3, 0.0, elsewhere)
    assert facts["moved"][0] == 0
    assert facts["overlap"][0] == 1
    assert facts["overlaps"] == [1, 1, 1]
    assert facts["obeyed"][0] == 0
    assert facts["kept"][0] > 0.9
    assert 0 < facts["others"][0] < 0.9
    assert critic.read(render(sample(1, 0)[0])[None]).labels["species"].shape == (1,)


def test_strangers_share_the_words_of_the_new_picture_and_not_its_noise():
    """What a change of noise alone does to a silhouette is no more than what holds at equal words."""
    asked = []

    def draw(prompts, seeds):
        asked.append((list(prompts), set(seeds)))
        return np.stack([render(scene) for scene in guidance.swap_pairs("species", len(prompts))[1]])

    masks = guidance.strangers(draw, "species", 3)
    ((prompts, seeds),) = asked
    assert prompts == [caption(scene) for scene in guidance.swap_pairs("species", 3)[1]]
    assert not seeds & set(range(3)), "the noises of the pairs themselves"
    assert masks.shape == (3, 128, 128)
