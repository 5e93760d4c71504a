"""The demo of guidance: arrows that obey the sum, a widget that answers, a poster."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.critters import parse
from course_utils.demos import base, guidance
from course_utils.demos.guidance import Guidance, guide


class Words:
    """Reads the length of a prompt, nothing else."""

    def read(self, prompts):
        return torch.tensor([float(len(prompt)) for prompt in prompts]).view(-1, 1, 1).expand(-1, 2, 3)


class Sum:
    """A stand-in for `TextToImage`: unconditional is the latent itself; a prompt turns it by a right angle."""

    text = Words()

    def latents(self, prompts, seeds, guidance_scale, steps, watch, negative_prompt):
        self.asked = steps, negative_prompt
        z = torch.full((1, 4, 2, 2), float(seeds[0] + 1))
        for t in range(steps):
            watch(z, 999.0 - 40 * t)
        return z * guidance_scale

    def unet(self, z, t, context, return_dict):
        sign = torch.ones_like(z)
        sign[:, :2] = -1
        return (torch.where(context[:, :1, :1, None] > 0, z * sign, z),)

    def decode(self, z):
        return np.full((1, 16, 16, 3), min(255, int(z.mean())), np.uint8)


@pytest.fixture
def demo():
    return Guidance(Sum())


def test_the_words_make_a_caption_of_the_world():
    prompt = guidance.prompt_of("fox", "scaly", "orange", "pink")
    assert parse(prompt) == {"species": "fox", "texture": "scaly", "coat": "orange", "background": "pink",
                             "stance": "sitting", "facing": "right"}  # fmt: skip


def test_the_guided_arrow_is_the_sum_in_the_plane():
    state = guide(Sum(), "a fox", scale=3.0, seed=1, step=4)
    length = 2 * 16**0.5
    assert state.degrees == pytest.approx(90)
    assert state.timestep == 999 - 160
    np.testing.assert_allclose(state.arrows, [[length, 0], [0, length], [-2 * length, 3 * length]], atol=1e-5)
    assert state.picture[0, 0, 0] == 6


def test_without_a_prompt_there_is_nothing_to_guide_by():
    state = guide(Sum(), "", scale=7.5, seed=0, step=0)
    assert state.degrees == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(state.arrows[2], state.arrows[0], atol=1e-4)


@pytest.mark.parametrize("step", [-1, 25])
def test_steps_that_do_not_exist_are_refused(step):
    with pytest.raises(ValueError, match="0 to 24"):
        guide(Sum(), "a fox", 3.0, 0, step)


def test_the_poster_shows_the_present_state(demo):
    before = demo.poster_png(), demo.sentence()
    demo.scale = 15
    assert demo.poster_png() != before[0]
    assert "at scale 15" in demo.sentence()
    demo.prompt = "a scaly blue cat sitting on a pink background, facing right"
    assert "cat" in demo.alt()


def test_it_begins_with_a_caption_of_the_world(demo):
    assert parse(demo.prompt)["species"] == "dog"
    assert (demo.scale, demo.steps, demo.at, demo.negative) == (3, 25, 12, "")


def test_kernel_and_static_page_each_get_what_they_can_show(demo):
    bundle = demo._repr_mimebundle_()
    assert bundle[base.WIDGET]["model_id"] == demo.widget.model_id
    html = bundle["text/html"]
    source = re.search(r'src="data:image/webp;base64,([^"]+)"', html)[1]
    assert Image.open(io.BytesIO(base64.b64decode(source))).height == guidance.ENLARGED
    assert 'alt="Demo. Left, what the model draws' in html
    assert "Run this notebook" in html
    assert "http" not in html


def test_what_guidance_leads_away_from_and_the_steps_make_another_picture(demo):
    before = demo.present()
    demo.negative = "blue"
    assert demo.present() is not before
    demo.steps = 8  # the arrows were looked at before step 12
    assert demo.present().timestep == 999 - 40 * 7
    assert demo.draw.asked == (8, "blue")
