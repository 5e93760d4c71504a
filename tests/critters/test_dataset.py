"""Many pictures: the same however they are made, and never half a file."""

import numpy as np
import pytest

from course_utils.critters import dataset, render, sample
from course_utils.critters.dataset import pictures


def test_parallel_and_serial_agree_with_single_pictures():
    alone = np.stack([render(s, 32) for s in sample(70, 1)])
    assert (pictures(70, 1, 32, workers=1) == alone).all()
    assert (pictures(70, 1, 32, workers=2) == alone).all()


def test_none_is_none():
    assert pictures(0, 1, 32).shape == (0, 32, 32, 3)


def test_cache_is_written_once_and_read_back(tmp_path, monkeypatch):
    first = pictures(5, 1, 32, workers=1, cache=tmp_path)
    assert isinstance(first, np.memmap)
    monkeypatch.setattr(dataset, "_rendered", lambda *_: pytest.fail("rendered again"))
    assert (pictures(5, 1, 32, cache=tmp_path) == first).all()
    assert (np.asarray(first) == np.stack([render(s, 32) for s in sample(5, 1)])).all()


def test_an_interrupted_cache_leaves_nothing_behind(tmp_path, monkeypatch):
    def dies(scenes, size, workers):
        yield render(scenes[0], size)
        raise KeyboardInterrupt

    monkeypatch.setattr(dataset, "_rendered", dies)
    with pytest.raises(KeyboardInterrupt):
        pictures(5, 1, 32, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert len(pictures(5, 1, 32, workers=1, cache=tmp_path)) == 5


def test_another_renderer_gets_another_file(tmp_path, monkeypatch):
    pictures(2, 1, 32, workers=1, cache=tmp_path)
    monkeypatch.setattr(dataset, "renderer_version", lambda: "ffffffff")
    pictures(2, 1, 32, workers=1, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
