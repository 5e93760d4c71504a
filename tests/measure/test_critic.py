import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import course_utils.train
from course_utils.critters import KEYPOINTS, Scene, render, sample
from course_utils.measure.critic import (
    ATTRIBUTES,
    Critic,
    accuracy,
    centre_of_mass,
    keypoint_errors,
    load_critic,
    read,
    size_words,
)
from course_utils.models import WeightsError, to_array, to_tensor, weights

SCENES = sample(400, seed=902)
PICTURES = np.stack([render(scene) for scene in SCENES])


@pytest.fixture(scope="module")
def reading():
    return read(PICTURES)


def test_fresh_renders_are_read_right(reading):
    right = accuracy(reading, SCENES)
    assert set(right) == {*ATTRIBUTES, "size"}
    assert min(right.values()) >= 0.99, right


def test_keypoints_are_within_a_hundredth_of_the_width(reading):
    errors = keypoint_errors(reading, SCENES)
    assert errors.shape == (400, len(KEYPOINTS))
    assert np.median(errors) < 0.01
    assert np.median(errors, axis=0).max() < 0.015


def test_slight_wear_does_not_throw_it():
    from course_utils.train.critic import blurred, resampled

    x = to_tensor(PICTURES[:200])
    noise = 0.08 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    for worn in (blurred(x, 0.8), resampled(x, 64), (x + noise).clamp(-1, 1)):
        assert min(accuracy(read(to_array(worn)), SCENES[:200]).values()) >= 0.97


def test_a_reading_is_made_of_probabilities_and_features(reading):
    assert len(reading) == 400
    for name, words in ATTRIBUTES.items():
        assert reading.probabilities[name].shape == (400, len(words))
        assert np.allclose(reading.probabilities[name].sum(1), 1, atol=1e-5)
        assert set(reading.labels[name]) <= set(words)
    assert reading.features.shape == (400, 64)
    assert reading.keypoints.min() > 0
    assert reading.keypoints.max() < 1


def test_size_is_read_as_a_number(reading):
    error = reading.size - np.array([scene.size for scene in SCENES])
    assert np.abs(error).mean() < 0.015


def test_it_sees_one_field_change_and_not_the_others():
    base = Scene(species="dog", coat="blue", size=0.74)
    labels = read(np.stack([render(base), render(replace(base, species="cat"))])).labels
    assert labels["species"].tolist() == ["dog", "cat"]
    assert labels["coat"].tolist() == ["blue", "blue"]


def test_other_sizes_are_resized():
    small = read(np.stack([render(scene, 96) for scene in SCENES[:40]]))
    assert accuracy(small, SCENES[:40])["species"] > 0.95


def test_nothing_to_read_is_refused():
    with pytest.raises(ValueError, match="no pictures"):
        read(PICTURES[:0])
    with pytest.raises(ValueError, match="uint8"):
        read(PICTURES[0])


def test_size_words_stay_silent_in_the_middle_band():
    assert size_words(np.array([0.5, 0.65, 0.75])).tolist() == ["small", "", "large"]


def test_size_accuracy_needs_a_scene_that_says_a_size(reading):
    middle = [replace(scene, size=0.65) for scene in SCENES]
    assert "size" not in accuracy(reading, middle)


def test_the_centre_of_mass_of_a_single_peak_is_the_peak():
    heat = torch.full((1, 1, 8, 16), -50.0)
    heat[0, 0, 2, 12] = 50
    assert centre_of_mass(heat)[0, 0].tolist() == pytest.approx([12.5 / 16, 2.5 / 8])


def test_the_centre_of_mass_of_flat_heat_is_the_middle():
    assert centre_of_mass(torch.zeros(1, 1, 8, 8))[0, 0].tolist() == pytest.approx([0.5, 0.5])


def test_it_is_small():
    assert sum(p.numel() for p in load_critic().parameters()) < 1_000_000
    assert verified_size() < 2_000_000


def verified_size():
    return weights.verified("critic/model.safetensors").stat().st_size


def test_weights_of_another_world_are_refused(tmp_path, monkeypatch):
    config = Critic().config | {"keypoints": ["nose"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(weights, "verified", lambda path: tmp_path / "config.json")
    load_critic.cache_clear()
    try:
        with pytest.raises(ValueError, match="other attributes"):
            load_critic()
    finally:
        load_critic.cache_clear()


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    load_critic.cache_clear()
    try:
        with pytest.raises(WeightsError):
            load_critic()
    finally:
        load_critic.cache_clear()


def test_it_never_enters_a_loss(reading):
    """The rule of measurement: what it says carries no gradient, and recipes hand it to `read`, which gives arrays."""
    assert isinstance(reading.features, np.ndarray)
    assert not any(p.requires_grad for p in load_critic().parameters())
    folder = Path(course_utils.train.__file__).parent
    judged = {"controlnet.py", "pixel_text_to_image.py", "students.py", "text_to_image.py"}
    for path in sorted(folder.glob("*.py")):
        text = path.read_text()
        if "load_critic" in text and path.name != "card.py":
            assert path.name in judged, path.name
            assert text.count("load_critic(") == 1, path.name  # kept once, and else only read from
            assert text.count("self.critic") == 1 + len(re.findall(r"\bread\(\w+, self\.critic\)", text)), path.name


def test_loaded_while_nothing_is_recorded_it_still_takes_gradients_of_pictures():
    load_critic.cache_clear()
    with torch.inference_mode():
        critic = load_critic()
    x = torch.zeros(1, 3, 128, 128, requires_grad=True)
    critic(x)["features"].sum().backward()
    assert x.grad is not None


def test_a_reading_is_compared_with_one_scene_for_each_picture():
    reading = read(np.stack([render(scene) for scene in sample(3, 0)]))
    for compare in (accuracy, keypoint_errors):
        with pytest.raises(ValueError, match="3 pictures, and there are 1 scenes"):
            compare(reading, sample(1, 0))
