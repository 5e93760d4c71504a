import json
from pathlib import Path

import numpy as np
import pytest
import torch

import course_utils.train
from course_utils.critters import depth_map, edge_map, render, sample
from course_utils.measure import adherence, dense
from course_utils.measure.adherence import dense_report, depth_errors
from course_utils.measure.contours import edge_scores
from course_utils.measure.dense import DenseHead, load_dense, read_maps
from course_utils.models import WeightsError, to_array, to_tensor, weights

SCENES = sample(32, seed=904)
PICTURES = np.stack([render(scene) for scene in SCENES])
EDGES = np.stack([edge_map(scene) for scene in SCENES])
DEPTH = np.stack([depth_map(scene) for scene in SCENES])
EDGE_FLOOR, DEPTH_FLOOR = 0.88, 0.015  # measured: .893 and .0105 on 500 held-out scenes


@pytest.fixture(scope="module")
def maps():
    return read_maps(PICTURES)


def test_maps_have_the_pictures_shape_and_range(maps):
    for read in maps:
        assert read.shape == (32, 128, 128)
        assert read.dtype == np.float32
        assert (read.min() >= 0, read.max() <= 1) == (True, True)


def test_fresh_renders_are_read_right(maps):
    assert edge_scores(maps.edges, EDGES).f1.mean() > EDGE_FLOOR
    assert depth_errors(maps.depth, DEPTH).balanced.mean() < DEPTH_FLOOR


def test_slight_wear_does_not_throw_it():
    from course_utils.train.critic import blurred, resampled

    x = to_tensor(PICTURES)
    noise = 0.08 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    for worn in (blurred(x, 0.8), resampled(x, 64), (x + noise).clamp(-1, 1)):
        read = read_maps(to_array(worn))
        assert edge_scores(read.edges, EDGES).f1.mean() > EDGE_FLOOR - 0.08
        assert depth_errors(read.depth, DEPTH).balanced.mean() < DEPTH_FLOOR + 0.01


def test_it_reads_the_picture_and_not_its_habits(maps):
    """Mirrored and shifted pictures give the mirrored and shifted maps, by and large."""
    mirrored = read_maps(PICTURES[:, :, ::-1])
    assert edge_scores(mirrored.edges, EDGES[:, :, ::-1]).f1.mean() > EDGE_FLOOR - 0.02
    lower = np.concatenate([PICTURES[:, :1].repeat(6, axis=1), PICTURES[:, :-6]], axis=1)
    moved = read_maps(lower)
    assert edge_scores(moved.edges[:, 6:], EDGES[:, :-6]).f1.mean() > EDGE_FLOOR - 0.04


def test_a_picture_without_an_animal_has_no_edges():
    wall = np.full((1, 128, 128, 3), (255, 192, 203), np.uint8)
    read = read_maps(wall)
    assert (read.edges > 0.25).mean() < 0.01


def test_one_at_a_time_is_the_same(maps):
    alone = read_maps(PICTURES[:3], batch=1)
    assert np.allclose(alone.edges, maps.edges[:3], atol=1e-4)
    assert np.allclose(alone.depth, maps.depth[:3], atol=1e-4)


def test_other_sizes_are_resized():
    small = read_maps(np.stack([render(scene, 96) for scene in SCENES[:8]]))
    assert small.edges.shape == (8, 128, 128)
    assert edge_scores(small.edges, EDGES[:8]).f1.mean() > EDGE_FLOOR - 0.15


def test_nothing_to_read_is_refused():
    with pytest.raises(ValueError, match="no pictures"):
        read_maps(PICTURES[:0])
    with pytest.raises(ValueError, match="uint8"):
        read_maps(PICTURES[0])


def test_it_is_small():
    assert 150_000 < sum(p.numel() for p in load_dense().parameters()) < 300_000
    assert weights.verified("dense/model.safetensors").stat().st_size < 600_000


def test_the_report_states_the_floor_beside_a_scale(maps, monkeypatch):
    """A few scenes; the autoencoder is played by nobody, so both floors agree."""
    monkeypatch.setattr("course_utils.measure.autoencoder.reconstruct", lambda vae, pictures: pictures)
    told = dense_report(12)
    json.dumps(told)
    assert told["n"] == told["on_renders"]["edge_f1"]["n"] == 12
    assert told["on_renders"] == told["on_reconstructions"]
    assert told["on_renders"]["edge_f1"]["mean"] > 2 * told["against_another_scene"]["edge_f1"]["mean"]
    assert told["on_renders"]["depth_error"]["mean"] < 0.2 * told["against_another_scene"]["depth_error"]["mean"]


def test_weights_for_other_maps_are_refused(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text(json.dumps(DenseHead().config | {"maps": ["normals"]}))
    monkeypatch.setattr(weights, "verified", lambda path: tmp_path / "config.json")
    load_dense.cache_clear()
    try:
        with pytest.raises(ValueError, match="train it again"):
            load_dense()
    finally:
        load_dense.cache_clear()


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    load_dense.cache_clear()
    try:
        with pytest.raises(WeightsError):
            load_dense()
    finally:
        load_dense.cache_clear()


def test_it_never_enters_a_loss(maps):
    """The rule of measurement: what it says carries no gradient, and only its own recipe trains it."""
    assert isinstance(maps.depth, np.ndarray)
    assert not any(p.requires_grad for p in load_dense().parameters())
    recipes = {path.name: path.read_text() for path in Path(course_utils.train.__file__).parent.glob("*.py")}
    assert [name for name, text in recipes.items() if "DenseHead" in text and "common.Run(" in text] == ["dense.py"]
    assert [name for name, text in recipes.items() if "load_dense" in text] == ["card.py"]
    assert adherence.read_maps is dense.read_maps


def test_loaded_while_nothing_is_recorded_it_still_takes_gradients_of_pictures():
    load_dense.cache_clear()
    with torch.inference_mode():
        head = load_dense()
    x = torch.zeros(1, 3, 128, 128, requires_grad=True)
    head(x)[1].sum().backward()
    assert x.grad is not None
