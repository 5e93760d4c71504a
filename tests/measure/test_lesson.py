"""What a cell takes from the scale: the course's own truths at its own, published means at the others."""

import numpy as np
import pytest
import torch

from course_utils import show
from course_utils.critters import depth_map, edge_map, render, sample
from course_utils.measure import critic, lesson, zero_shot
from course_utils.measure.canny import canny

SCENES = sample(2, 2)


@pytest.fixture
def larger(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "sd15")


def test_at_its_own_scale_the_course_reads_joints_and_says_nothing(monkeypatch):
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    renders = np.stack([render(scene) for scene in SCENES])
    assert lesson.note() is None
    assert lesson.condition() == "pose"
    assert lesson.twin() == "text_to_image_nodropout"
    assert lesson.maps(SCENES).shape == (2, 128, 128, 3)
    assert np.array_equal(lesson.maps(SCENES, kind="edge")[0], edge_map(SCENES[0]))
    assert lesson.distances(renders, SCENES) == pytest.approx(critic.keypoint_errors(critic.read(renders), SCENES))
    assert lesson.read(renders).features.shape == (2, 64)


def test_at_another_it_follows_edges_and_says_so(larger, monkeypatch):
    renders = np.stack([render(scene, 64) for scene in SCENES])
    assert "sd15" in lesson.note().data
    assert lesson.condition() == "edge"
    assert lesson.twin() == "text_to_image"
    assert np.array_equal(lesson.maps(SCENES, 64), canny(renders))
    assert np.array_equal(lesson.maps(SCENES, 64, "depth")[1], depth_map(SCENES[1], 64))
    assert not lesson.distances(renders, SCENES).any()
    assert lesson.distances(renders[::-1], SCENES).max() > 0.02
    monkeypatch.setattr(zero_shot, "read_zero_shot", lambda pictures: ("by clip", len(pictures)))
    assert lesson.read(renders) == ("by clip", 2)


def test_what_was_kept_is_compared_at_its_own_scale_only(monkeypatch):
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    lesson.agree([1.0, 2.0], [1.1, 2.1], 0.1001)
    with pytest.raises(AssertionError, match=r"species: 0.1 apart, 0.05 allowed"):
        lesson.agree([1.0, 2.0], [1.1, 2.1], 0.05, "species")
    with pytest.raises(AssertionError):
        lesson.agree(float("nan"), 0.0, 1.0)
    monkeypatch.setenv("COURSE_SCALE", "sd15")
    lesson.agree([1.0, 2.0], [9.0], 0.05)


def test_bounds_of_what_is_trained_live_are_the_courses_own(monkeypatch):
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    with pytest.raises(AssertionError):
        show.below(2.0, 1.0)
    assert show.below(0.5, 1.0) == "less than 1"
    monkeypatch.setenv("COURSE_SCALE", "sd15")
    assert (show.below(2.0, 1.0), show.above(0.5, 1.0)) == ("2.00", "0.500")


def test_answers_of_networks_agree_to_rounding(monkeypatch):
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    lesson.close(torch.ones(2), torch.ones(2) + 1e-5)
    with pytest.raises(AssertionError):
        lesson.close(torch.ones(2), torch.ones(2) + 1e-2)
