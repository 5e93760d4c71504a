"""The ideal denoiser's demo: Bayes' rule where the answer is known, the widget, and its poster."""

import base64
import io
import re

import ipywidgets as widgets
import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.demos import base, noise
from course_utils.demos.noise import IdealDenoiser
from course_utils.diffusion.schedule import alphas_bar
from course_utils.models.images import to_tensor

LISTED = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
OTHER = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def listed():
    return to_tensor(LISTED).double()


@pytest.fixture
def demo():
    return IdealDenoiser(LISTED, {"listed": LISTED[3], "stranger": OTHER}, t=999)


def test_belief_is_bayes_rule():
    points, x, t = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [3.0, 0.0]]), torch.tensor([0.4, 0.2]), 300
    a = alphas_bar()[t].double()
    normal = torch.distributions.MultivariateNormal(torch.zeros(2).double(), (1 - a) * torch.eye(2).double())
    likelihood = normal.log_prob(x.double() - a.sqrt() * points.double()).exp()
    torch.testing.assert_close(noise.belief(x, points, t), likelihood / likelihood.sum(), rtol=1e-5, atol=1e-9)


def test_between_two_mirrored_points_the_belief_is_split():
    torch.testing.assert_close(noise.belief(torch.zeros(2), torch.tensor([[1.0, 0], [-1, 0]]), 500),
                               torch.tensor([0.5, 0.5]).double())  # fmt: skip


def test_under_no_noise_to_speak_of_a_listed_picture_is_recognised(listed):
    state = noise.guess(listed, LISTED[3], 0, seed=0)
    assert (state.guess == LISTED[3]).all()
    assert state.right
    assert state.among == pytest.approx(1)


def test_a_picture_that_is_not_listed_is_taken_for_one_that_is(listed):
    state = noise.guess(listed, OTHER, 0, seed=0)
    assert not state.right
    assert any((state.guess == picture).all() for picture in LISTED)


def test_among_equals_it_wavers_between_all_of_them():
    twins = to_tensor(np.repeat(LISTED[:1], 7, axis=0)).double()
    assert noise.guess(twins, LISTED[0], 999, seed=0).among == pytest.approx(7)


def test_noise_follows_the_seed_and_nothing_else(listed):
    noised = [noise.guess(listed, LISTED[0], 500, seed).noised for seed in (4, 4, 5)]
    assert (noised[0] == noised[1]).all()
    assert (noised[0] != noised[2]).any()


def test_timesteps_and_shapes_that_do_not_exist_are_refused(listed):
    with pytest.raises(IndexError, match="0 to 999"):
        noise.guess(listed, LISTED[0], 1000, seed=0)
    with pytest.raises(ValueError, match="listed pictures are"):
        noise.guess(listed, np.zeros((8, 8, 3), np.uint8), 1, seed=0)
    with pytest.raises(ValueError, match="at least one picture"):
        IdealDenoiser(LISTED, {})


def test_the_slider_reaches_both_ends_and_what_it_changes_is_told(demo):
    slider = demo.controls["t"]
    assert (slider.min, slider.max, (slider.max - slider.min) % slider.step) == (0, 999, 0)
    before = demo.image.value, demo.status.value
    slider.value = 0
    assert demo.image.value != before[0]
    assert "certain of one picture: the right one" in demo.status.value
    demo.controls["picture"].value = "stranger"
    assert "certain of one picture: another one" in demo.status.value
    slider.value = 999
    assert re.search(r"wavers between about [\d.]+ of 12 pictures", demo.status.value)


def test_controls_are_native_and_labelled_and_results_announced(demo):
    assert {name: type(control) for name, control in demo.controls.items()} == {
        "picture": widgets.Dropdown, "t": widgets.IntSlider, "seed": widgets.IntSlider}  # fmt: skip
    assert all(control.description for control in demo.controls.values())
    assert 'role="status" aria-live="polite"' in demo.status.value


def test_kernel_and_static_page_each_get_what_they_can_show(demo):
    bundle = demo._repr_mimebundle_()
    assert bundle[base.WIDGET]["model_id"] == demo.widget.model_id
    html = bundle["text/html"]
    source = re.search(r'src="data:image/webp;base64,([^"]+)"', html)[1]
    assert Image.open(io.BytesIO(base64.b64decode(source))).size == (3 * 256 + 2 * noise.MARGIN, 256)
    assert 'alt="Demo. Three views of listed' in html
    assert "Run this notebook" in html
    assert "http" not in html
