import math

import numpy as np
import pytest
import torch

from course_utils.critters import KEYPOINTS, Scene, render, sample
from course_utils.measure import doubles as module
from course_utils.measure.critic import load_critic
from course_utils.measure.doubles import (
    SHARP,
    TWO_FROM,
    blended,
    ghost_score,
    heat_spread,
    joint_spreads,
    pasted,
    rates,
    report,
    separate_animals,
    threshold,
    two_animals,
    vivid,
)

COUNT = 64
SCENES = sample(2 * COUNT, seed=905)
FIRST, SECOND = (np.stack([render(s) for s in part]) for part in (SCENES[:COUNT], SCENES[COUNT:]))


@pytest.fixture(scope="module")
def alone():
    return ghost_score(FIRST)


def spots(*places):
    """Heat with equal sharp peaks at (row, column) of an 8x16 map."""
    heat = torch.full((1, 1, 8, 16), -80.0)
    for row, column in places:
        heat[0, 0, row, column] = 80
    return heat


def test_one_spot_has_no_spread():
    assert heat_spread(spots((3, 5))).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("other", "distance"), [((3, 13), 8), ((7, 5), 4), ((6, 9), 5)])
def test_two_spots_spread_by_half_their_distance(other, distance):
    assert heat_spread(spots((3, 5), other)).item() == pytest.approx(distance / 16 / 2, rel=1e-5)


def test_flat_heat_spreads_like_a_uniform_variable():
    assert heat_spread(torch.zeros(2, 3, 16, 16))[1, 2].item() == pytest.approx(
        math.sqrt(2 * (1 - 1 / 256) / 12), rel=1e-5)


def test_renders_are_single_and_blends_are_not(alone):
    assert (alone > TWO_FROM).mean() <= 0.05
    assert two_animals(blended(FIRST, SECOND)).mean() >= 0.93


def test_the_ghost_score_rises_along_a_blend(alone):
    some = slice(0, 24)
    scores = [alone[some].mean()] + [
        ghost_score(blended(FIRST[some], SECOND[some], share)).mean() for share in (0.15, 0.3, 0.5)]
    assert scores == sorted(scores)
    assert scores[-1] > 2 * scores[0]


def test_slight_wear_makes_no_ghost():
    noise = np.random.default_rng(0).normal(0, 6, FIRST.shape)
    worn = (FIRST + noise).clip(0, 255).astype(np.uint8)
    assert two_animals(worn).mean() <= 0.05


def test_a_clean_animal_between_two_is_no_ghost():
    """Halfway in every number is a scene of its own: one animal."""
    between = [Scene(size=0.65, head_tilt=t, tail=-t, x=0.5, y=0.5) for t in (-10, 0, 10)]
    assert not two_animals(np.stack([render(s) for s in between])).any()


def test_animals_side_by_side_are_two_to_both_readers():
    small = np.stack([render(s, 80) for s in (Scene(size=0.6), Scene(species="dog", coat="blue", size=0.6))])
    room = np.repeat(render(Scene(size=0.6))[:, :1], 128, axis=1)
    room[28:108, :64], room[28:108, 64:] = small[0][:, 8:72], small[1][:, 8:72]
    assert two_animals(room[None])[0]
    seen = report(np.stack([room, FIRST[0]]))
    assert seen["n"] == 2
    assert seen["two_animals"] >= 0.5
    assert separate_animals(FIRST).mean() < 0.05


def test_a_pasted_animal_hides_what_is_behind():
    behind, before = Scene(size=0.52, x=0.0), Scene(size=0.52, x=1.0, background="pink", coat="blue")
    picture, seen = pasted(behind, before)
    assert picture.shape == (128, 128, 3)
    assert picture[0, 0].tolist() == render(behind)[0, 0].tolist()  # the room is the one behind's
    assert 0 < seen < 1
    assert pasted(behind, behind)[1] < 0.02
    assert two_animals(picture[None])[0]


def test_blending_is_exact():
    a, b = np.full((1, 2, 2, 3), 100, np.uint8), np.full((1, 2, 2, 3), 200, np.uint8)
    assert blended(a, b).mean() == 150
    assert blended(a, b, 0.35).mean() == 135
    assert blended(a, b, 0).mean() == 100


def test_vivid_keeps_middle_gray_and_clips():
    ladder = np.array([0, 100, 128, 200, 255], np.uint8).reshape(1, 1, 5, 1).repeat(3, -1)
    assert vivid(ladder)[0, 0, :, 0].tolist() == [0, 89, 128, 229, 255]


def test_the_threshold_is_a_quantile_of_renders(alone, monkeypatch):
    monkeypatch.setattr(module, "ghost_score", lambda pictures: np.arange(101) / 100)
    assert threshold(FIRST) == pytest.approx(0.99)
    assert threshold(FIRST, 0.1) == pytest.approx(0.9)


def test_rates_tell_both_sides():
    measured = rates(12, seed=1)
    assert measured["n"] == 12
    assert 0 < measured["n_pasted"] <= 12
    assert measured["false_positives"] <= 0.2
    assert measured["blends"] >= 0.8
    assert measured["pasted"] >= 0.5


def test_the_critic_is_left_as_it_was():
    spreads = joint_spreads(FIRST[:3])
    assert spreads.shape == (3, len(KEYPOINTS))
    assert not load_critic().heat._forward_hooks
    with pytest.raises(ValueError, match="no pictures"):
        joint_spreads(FIRST[:0])
    assert not load_critic().heat._forward_hooks


def test_sharp_joints_are_sharper_than_the_others():
    spreads = np.median(joint_spreads(FIRST[:16]), axis=0)
    inner = [k for k, name in enumerate(KEYPOINTS) if name not in SHARP and name != "tail_base"]
    assert max(spreads[KEYPOINTS.index(name)] for name in SHARP) < min(spreads[inner])
