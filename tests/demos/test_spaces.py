"""Four ways between two animals as a demo: a stand-in whose latents tell what they were made from."""

import numpy as np
import pytest
import torch

from course_utils.critters import Scene
from course_utils.demos import base, spaces, ways
from course_utils.diffusion.interpolation import slerp
from course_utils.diffusion.samplers import initial_noise


class Text:
    """Hidden states that know nothing but the prompt's length."""

    def read(self, prompts):
        return torch.stack([torch.full((24, 4), float(len(prompt))) for prompt in prompts])


class Adder:
    """Its latent is the noise, and the states' first number on top; it predicts no noise, so that DDIM only scales."""

    text = Text()

    def noise(self, seeds):
        return initial_noise(seeds)

    def latents(self, states, noise):
        return noise + states[:, :1, :1, None]

    def predictor(self, states, scale):
        assert scale == 1.0
        return lambda z, t: torch.zeros_like(z)

    def decode(self, z):
        return np.repeat(z[:, :3].clamp(0, 255).round().byte().permute(0, 2, 3, 1).numpy(), 8, 1).repeat(8, 2)


PROMPTS = ("a fox", "a much longer prompt")


def test_each_way_moves_what_it_is_named_after():
    draw, (x, y) = Adder(), initial_noise([0, 1]).split(1)
    lengths = [float(len(prompt)) for prompt in PROMPTS]
    found = spaces.between(draw, draw, PROMPTS, (0, 1), 0.25)
    between = lengths[0] + 0.25 * (lengths[1] - lengths[0])
    wanted = {"codes": torch.lerp(x + lengths[0], y + lengths[1], 0.25), "noise": slerp(x, y, 0.25) + lengths[0],
              "words": x + between, "inversion": slerp(x + lengths[0], y + lengths[1], 0.25)}  # fmt: skip
    assert found.keys() == wanted.keys()
    for name, z in wanted.items():
        assert np.abs(found[name].astype(int) - draw.decode(z)[0]).max() <= 1, name


def test_all_ways_but_the_words_begin_and_end_at_the_same_animals():
    draw = Adder()
    for t, seed, prompt in ((0.0, 0, PROMPTS[0]), (1.0, 1, PROMPTS[1])):
        animal = draw.decode(ways.end(draw, prompt, seed).latent)[0]
        for name, picture in spaces.between(draw, draw, PROMPTS, (0, 1), t).items():
            assert np.abs(picture.astype(int) - animal).max() <= 1, name


@pytest.mark.parametrize("t", [-0.1, 1.1])
def test_a_place_outside_of_the_way_is_refused(t):
    with pytest.raises(ValueError, match="a time from 0 to 1"):
        spaces.between(Adder(), Adder(), PROMPTS, (0, 1), t)


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="one of codes, noise, words, inversion"):
        ways.on_way(Adder(), Adder(), "magic", ("a fox", 0), ("a cat", 1), 0.5)


def test_what_took_long_is_remembered_and_the_oldest_forgotten():
    known, made = ways.Known(), []
    for key in [*range(ways.KEPT), 0, ways.KEPT, 0]:
        known.once(key, lambda key=key: made.append(key))
    assert made == [*range(ways.KEPT + 1), 0]


def test_the_demo_walks_when_its_place_moves_and_says_what_is_seen():
    demo = spaces.Spaces(Adder(), {"a dog": Scene("dog"), "a cat": Scene("cat")}, seed=2)
    assert (demo.a_species, demo.b_species, demo.a_seed, demo.b_seed) == ("dog", "cat", 4, 5)
    before = demo.poster_png()
    demo.t = 1.0
    assert demo.poster_png() != before
    assert "At 1.00 of the way the critic sees, latents blended: " in demo.sentence()
    assert 'data-demo="spaces"' in demo._repr_mimebundle_()["text/html"]
    assert demo._repr_mimebundle_()[base.WIDGET]["model_id"] == demo.widget.model_id
    with pytest.raises(ValueError, match="at least two scenes"):
        spaces.Spaces(Adder(), {"a dog": Scene("dog")})
