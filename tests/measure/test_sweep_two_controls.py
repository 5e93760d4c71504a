"""Two ControlNets at once: whose answers are added, and what is measured of the pictures."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_utils.critters import caption, render, sample
from course_utils.measure.sweeps import two_controls
from course_utils.measure.sweeps.control import maps


class Base:
    """A U-Net whose prediction is the sum of all that is added to its middle."""

    dtype = torch.float32

    def __init__(self):
        self.added = []

    def __call__(self, z, t, context, mid_block_additional_residual=None, **_):
        nothing = torch.zeros(len(z), 1, 1, 1)
        self.added.append(nothing if mid_block_additional_residual is None else mid_block_additional_residual)
        return (torch.zeros_like(z) + self.added[-1],)


def says(number):
    """A ControlNet that answers a number, times its scale."""
    return lambda z, t, context, shown, scale, return_dict: ([], torch.full((len(z), 1, 1, 1), number * scale))


@pytest.fixture
def draw():
    read = lambda texts: torch.arange(len(texts)).float().view(-1, 1, 1)  # noqa: E731
    noise = lambda seeds: torch.stack([torch.full((4, 16, 16), float(seed)) for seed in seeds])  # noqa: E731
    return SimpleNamespace(unet=Base(), text=SimpleNamespace(read=read), noise=noise, decode=lambda z: z, guidance=3.0,
                           sampler="ddim", steps=2, side=128, place="cpu", batch=2)


@pytest.mark.parametrize(("pull", "sum_"), [((1, 0), 2), ((0, 1), 30), ((1, 1), 32), ((0.5, 0.5), 16), ((0, 0), 0)])
def test_answers_are_added_up_each_times_its_scale(draw, pull, sum_):
    blank = np.zeros((2, 128, 128), np.uint8)
    controls = [(says(2.0), blank, pull[0]), (says(30.0), blank, pull[1])]
    made = two_controls.steered(draw, ["a cat", "a fox"], [5, 6], controls)
    assert made.shape == (2, 4, 16, 16)
    assert len(draw.unet.added) == 2  # steps
    assert {float(one.mean()) for one in draw.unet.added} == {sum_}
    assert len(draw.unet.added[0]) in (1, 4)  # both branches of both pictures


@pytest.fixture
def facts(monkeypatch):
    """Three pictures by one who draws the skeleton's scene, whatever the outlines and the caption."""
    scenes, asked = sample(3, two_controls.HELD_OUT_SEED), []

    def painted(draw, prompts, chosen, controls):
        asked.extend(zip(chosen, prompts, strict=True))
        (_, bones, _), (_, edges, _) = controls
        np.testing.assert_array_equal(bones, maps("pose", [scenes[k] for k in chosen]))
        assert len(edges) == len(prompts)
        return np.stack([render(scenes[k]) for k in chosen])

    monkeypatch.setattr(two_controls, "steered", painted)
    monkeypatch.setattr(two_controls, "load", lambda *_: None)
    return {**two_controls.two_controls(3, pulls={"both": (1, 1)}, draw=SimpleNamespace(batch=2)), "asked": asked}


def test_pictures_of_the_maps_score_like_renders(facts):
    (row,) = facts["rows"]
    assert row["name"] == "both"
    assert max(row["joints"]) < 0.02
    assert row["theirs"] == row["joints"]
    assert min(row["edges"]) > 0.8
    assert row["accuracy"] > 0.9


def test_a_quarrel_is_told_by_the_caption_of_either_side_and_held_against_both(facts):
    words = [caption(scene) for scene in sample(3, two_controls.HELD_OUT_SEED)]
    own = list(enumerate(words))
    assert facts["asked"] == [*own, *own, *enumerate([*words[1:], words[0]])]
    for quarrel in facts["quarrels"].values():
        assert max(quarrel["joints"]) < 0.02
        assert quarrel["theirs"] == pytest.approx(facts["apart"], abs=0.02)
        assert max(quarrel["edges"]) < 0.6
    assert facts["quarrels"]["skeleton"]["accuracy"] > 0.9 > facts["quarrels"]["edges"]["accuracy"]
