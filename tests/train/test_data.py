import numpy as np
import pytest

from course_utils.critters import render, sample
from course_utils.measure.photos import HELD_OUT, TRAINING
from course_utils.train import data

SCENES = np.stack([render(scene) for scene in sample(4, seed=1)])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("size", [64, 128])
def test_crops_are_square_pictures(rng, size):
    for crop in (data.photograph_crop(rng, size), data.dead_leaves(rng, size), data.window(SCENES[0], rng, size)):
        assert crop.shape == (size, size, 3)
        assert crop.dtype == np.uint8
        assert crop.std() > 0


def test_the_held_out_photographs_are_not_trained_on():
    assert set(data.SHARES) <= set(TRAINING)
    assert not set(data.SHARES) & set(HELD_OUT)


def test_nothing_is_downloaded(monkeypatch):
    import socket

    def refuse(*_):
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    data.photographs.cache_clear()
    assert len(data.photographs()) == len(data.SHARES)


def test_seeds_of_training_and_test_differ():
    assert len({data.TRAINING_SEED, data.HELD_OUT_SEED, data.VALIDATION_SEED}) == 3


def test_a_batch_is_drawn_by_its_generator_alone():
    mixture = data.Mixture(SCENES, leaves=2)
    first, again = (mixture.batch(np.random.default_rng(3), 6, 64) for _ in range(2))
    other = mixture.batch(np.random.default_rng(4), 6, 64)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_shares_are_kept(monkeypatch):
    kinds = []
    monkeypatch.setattr(data, "photograph_crop", lambda *_: kinds.append("photograph") or SCENES[0])
    leaf = np.zeros((128, 128, 3), np.uint8)
    monkeypatch.setattr(data, "window", lambda p, *_: kinds.append("leaf" if p is leaf else "scene") or p)
    mixture = data.Mixture(SCENES, photographic=0.4, leaves=0)
    mixture.leaves = [leaf]
    mixture.batch(np.random.default_rng(0), 2_000, 128)
    assert kinds.count("photograph") / 2_000 == pytest.approx(0.3, abs=0.03)
    assert kinds.count("leaf") / 2_000 == pytest.approx(0.1, abs=0.03)


def test_whole_scenes_are_whole():
    batch = data.Mixture(SCENES, leaves=0).scenes_only(np.random.default_rng(0), 5)
    assert batch.shape == (5, 128, 128, 3)
    assert all(any(np.array_equal(picture, scene) for scene in SCENES) for picture in batch)


def test_no_photographs_if_none_are_asked_for():
    batch = data.Mixture(SCENES[:1], photographic=0.0, leaves=1).batch(np.random.default_rng(0), 4, 128)
    assert all(np.array_equal(p, SCENES[0]) or np.array_equal(p, SCENES[0][:, ::-1]) for p in batch)
