import numpy as np
import pytest

from course_utils.critters import KEYPOINTS, depth_map, edge_map, mask, render, sample
from course_utils.measure import adherence, contours, dense
from course_utils.measure.adherence import MEASURES, depth_errors, keypoint_error, keypoint_errors, on_animal, spread
from course_utils.measure.contours import edge_scores, paired, thinned
from course_utils.measure.critic import true_keypoints
from course_utils.train.data import HELD_OUT_SEED

SCENES = sample(12, seed=903)
PICTURES = np.stack([render(scene) for scene in SCENES])
EDGES = np.stack([edge_map(scene) for scene in SCENES])
DEPTH = np.stack([depth_map(scene) for scene in SCENES])


def row(y, x, length, size=128):
    """A map with one horizontal line."""
    drawn = np.zeros((1, size, size), np.float32)
    drawn[0, y, x:x + length] = 1
    return drawn


def test_a_map_follows_itself_exactly():
    scores = edge_scores(EDGES, EDGES)
    assert scores.precision.tolist() == scores.recall.tolist() == scores.f1.tolist() == [1.0] * len(SCENES)
    errors = depth_errors(DEPTH, DEPTH)
    assert errors.inside.tolist() == errors.outside.tolist() == [0.0] * len(SCENES)


def test_a_contour_may_lie_one_pixel_off_and_not_two():
    assert edge_scores(np.roll(EDGES, 1, axis=1), EDGES).f1 == pytest.approx(1, abs=1e-9)
    assert edge_scores(row(41, 20, 40), row(40, 20, 40)).f1[0] == 1
    assert edge_scores(row(42, 20, 40), row(40, 20, 40)).f1[0] == 0
    assert edge_scores(row(42, 20, 40), row(40, 20, 40), tolerance=2.01 / np.hypot(128, 128)).f1[0] == 1


def test_precision_and_recall_of_half_a_line():
    """20 of 40 wanted pixels are drawn, nothing else; one more is in reach of the end, but has no partner left."""
    scores = edge_scores(row(40, 20, 20), row(40, 20, 40))
    assert (scores.precision[0], scores.recall[0], scores.f1[0]) == (1.0, 0.5, pytest.approx(2 / 3))
    scores = edge_scores(row(40, 20, 40), row(40, 20, 20))
    assert (scores.precision[0], scores.recall[0]) == (0.5, 1.0)


def test_a_double_line_does_not_count_twice():
    """Two drawn lines lie in reach of the one that was asked for; pairs are one to one, so precision is a half."""
    double = row(39, 20, 40) + row(41, 20, 40)
    scores = edge_scores(double, row(40, 20, 40))
    assert (scores.precision[0], scores.recall[0]) == (0.5, 1.0)


def test_nothing_drawn_and_nothing_wanted():
    empty, line = np.zeros((1, 128, 128)), row(40, 20, 40)
    assert [v[0] for v in edge_scores(empty, line)] == [1, 0, 0]
    assert [v[0] for v in edge_scores(line, empty)] == [0, 1, 0]
    assert [v[0] for v in edge_scores(empty, empty)] == [1, 1, 1]


def test_thick_lines_are_thinned_and_faint_ones_are_kept():
    thick = sum(row(y, 20, 60) for y in range(38, 43))
    assert thinned(thick[0]).sum() < 70
    assert edge_scores(thick, row(40, 20, 60)).f1[0] > 0.95
    between = 0.5 * (row(40, 20, 40) + row(41, 20, 40))
    assert thinned(between[0])[:, 24:56].sum() == 32


def test_the_largest_pairing_is_found():
    """Greedy pairing of the middle pixel with its own place would leave one of the three without a partner."""
    a, b = np.zeros((2, 1, 9), bool)
    a[0, [2, 3]] = True
    b[0, [3, 4]] = True
    assert paired(a, b, 1.0) == 2
    assert paired(a, b, 0.5) == 1
    assert paired(a, b[:, ::-1], 0.0) == 0


def test_unrelated_scenes_score_low():
    assert edge_scores(EDGES, np.roll(EDGES, 1, axis=0)).f1.max() < 0.5
    assert depth_errors(DEPTH, np.roll(DEPTH, 1, axis=0)).balanced.min() > 0.05


def test_depth_error_is_split_at_the_animal():
    animal = on_animal(DEPTH)
    off = np.where(animal, DEPTH.astype(float) + 20, DEPTH.astype(float) - 10).clip(0, 255) / 255
    errors = depth_errors(off, DEPTH)
    assert errors.inside == pytest.approx(20 / 255, abs=1e-6)
    assert errors.outside == pytest.approx(10 / 255, abs=1e-6)
    assert errors.balanced == pytest.approx(15 / 255, abs=1e-6)
    everywhere = depth_errors(off, DEPTH, animal=np.ones_like(animal) & (np.arange(128) < 64))
    assert not np.allclose(everywhere.inside, errors.inside)


def test_the_animal_is_found_in_its_depth_map():
    true = np.stack([mask(scene) for scene in SCENES]) > 127
    found = on_animal(DEPTH)
    overlap = (found & true).sum((1, 2)) / (found | true).sum((1, 2))
    assert overlap.min() > 0.93


def test_a_depth_map_without_an_animal_is_refused():
    flat = DEPTH.copy()
    flat[3] = np.arange(128)[:, None]
    with pytest.raises(ValueError, match=r"\[3\] show no animal"):
        depth_errors(DEPTH, flat)


def test_keypoints_moved_by_a_known_distance_are_that_far_off():
    wanted = true_keypoints(SCENES)
    floor = keypoint_error(PICTURES, wanted)
    assert floor.shape == (len(SCENES),)
    assert np.median(floor) < 0.01
    far = keypoint_error(PICTURES, wanted + np.float32([0.3, 0.4]))
    assert far == pytest.approx(0.5, abs=0.02)
    assert keypoint_errors(PICTURES, wanted).shape == (len(SCENES), len(KEYPOINTS))
    with pytest.raises(ValueError, match="expected joints"):
        keypoint_error(PICTURES, wanted[:, :3])


def test_broken_maps_are_refused():
    with pytest.raises(ValueError, match="128 pixels"):
        edge_scores(EDGES[:, ::2, ::2], EDGES)
    with pytest.raises(ValueError, match="for one map"):
        edge_scores(EDGES[0], EDGES[0])
    with pytest.raises(ValueError, match="in \\[0, 1\\]"):
        depth_errors(DEPTH.astype(float), DEPTH)
    with pytest.raises(ValueError, match="in \\[0, 1\\]"):
        depth_errors(np.full(DEPTH.shape, np.nan), DEPTH)
    with pytest.raises(ValueError, match="expected maps"):
        edge_scores(EDGES[:0], EDGES[:0])


def test_a_spread_is_the_distribution():
    told = spread(np.arange(101.0))
    assert (told.n, told.mean, told.median, told.tenth, told.ninetieth) == (101, 50, 50, 10, 90)
    assert told.half_width == pytest.approx(5.78, abs=0.01)
    with pytest.raises(ValueError, match="finite"):
        spread(np.array([0.0, np.nan]))


def test_each_condition_has_a_measure_of_one_number_a_picture(monkeypatch):
    """With a head that reads the truth, followers are perfect."""
    monkeypatch.setattr(adherence, "read_maps", lambda pictures, head=None: dense.Maps(EDGES / 255, DEPTH / 255))
    wanted = {"pose": true_keypoints(SCENES), "edge": EDGES, "depth": DEPTH}
    assert set(MEASURES) == set(wanted)
    values = {name: MEASURES[name](PICTURES, wanted[name]) for name in MEASURES}
    assert all(value.shape == (len(SCENES),) for value in values.values())
    assert values["edge"].min() == 1
    assert values["depth"].max() < 1e-7


def test_constants_are_those_they_name():
    assert adherence.HELD_OUT == HELD_OUT_SEED
    assert contours.TOLERANCE * np.hypot(128, 128) == pytest.approx(1.36, abs=0.005)
