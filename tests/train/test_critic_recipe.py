import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from course_utils.critters import render, sample
from course_utils.measure.critic import ATTRIBUTES, Critic
from course_utils.models import to_array, to_tensor
from course_utils.train import critic
from course_utils.train.common import read_log

SCENES = sample(24, seed=5)
RENDERS = np.stack([render(scene) for scene in SCENES])


def train(folder, *more):
    critic.main(["--out", str(folder), "--cache", str(folder.parent / "cache"), "--scenes", "24", "--batch", "6",
                 "--every", "4", "--precision", "no", *more])
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_log(folder / "log.csv")]


def test_the_loss_falls_and_a_killed_run_goes_on_to_the_identical_curve(tmp_path, monkeypatch):
    whole = train(tmp_path / "whole", "--steps", "12")
    assert whole[-1]["loss"] < whole[0]["loss"]
    keep = critic.common.Run.keep

    def killed(self, step, **numbers):
        keep(self, step, **numbers)
        if step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(critic.common.Run, "keep", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", "--steps", "12")
    monkeypatch.setattr(critic.common.Run, "keep", keep)
    assert train(tmp_path / "cut", "--steps", "12") == whole

    config = json.loads((tmp_path / "whole/model/config.json").read_text())
    weights = load_file(tmp_path / "whole/model/model.safetensors")
    assert all(value.dtype == torch.float16 for value in weights.values() if value.is_floating_point())
    Critic(config["widths"], config["features"]).load_state_dict(weights)


def test_truths_are_the_scenes():
    truth = critic.truths(SCENES)
    for name, words in ATTRIBUTES.items():
        assert [words[k] for k in truth[name]] == [getattr(scene, name) for scene in SCENES]
    assert truth["size"].tolist() == pytest.approx([scene.size for scene in SCENES])
    assert truth["keypoints"].shape[0] == len(SCENES)


def test_wear_moves_the_truth_with_the_picture():
    """A bright dot in a dark picture stays under its keypoint."""
    x = torch.full((40, 3, 128, 128), -1.0)
    x[:, :, 50:53, 80:83] = 1
    dot = torch.tensor([81.5 / 128, 51.5 / 128]).expand(40, 1, 2).clone()
    truth = {"size": torch.full((40,), 0.6), "keypoints": dot}
    moved, told = critic.moved(x.clone(), truth, np.random.default_rng(0))
    grid = (torch.arange(128) + 0.5) / 128
    light = (moved[:, 0] + 1).clamp_min(0)
    at = torch.stack([(light.sum(1) * grid).sum(1), (light.sum(2) * grid).sum(1)], 1) / light.sum((1, 2))[:, None]
    assert torch.allclose(at, told["keypoints"][:, 0], atol=0.005)
    changed = told["size"] != 0.6
    assert 5 < changed.sum() < 35
    assert (light.sum((1, 2))[told["size"] > 0.62] > light.sum((1, 2))[~changed].mean()).all()
    assert truth["size"].unique().numel() == 1  # the truth handed in is left alone


def test_worn_pictures_differ_and_stay_pictures():
    truth = critic.truths(SCENES)
    x, _ = critic.worn(RENDERS, truth, np.random.default_rng(0))
    assert x.shape == (24, 3, 128, 128)
    assert x.abs().max() <= 1
    assert ((x - to_tensor(RENDERS)).abs().mean((1, 2, 3)) < 0.3).all()  # worn, and still that picture
    assert (x != to_tensor(RENDERS)).flatten(1).any(1).sum() > 12
    again, _ = critic.worn(RENDERS, truth, np.random.default_rng(0))
    assert torch.equal(x, again)


def test_no_picture_chosen_is_no_error():
    x, truth = to_tensor(RENDERS[:1]), critic.truths(SCENES[:1])
    for seed in range(6):
        critic.worn(RENDERS[:1], truth, np.random.default_rng(seed))
    assert torch.equal(x, to_tensor(RENDERS[:1]))


def test_blur_keeps_the_mean_and_loses_detail():
    x = to_tensor(RENDERS)
    soft = critic.blurred(x, 1.2)
    assert soft.mean().item() == pytest.approx(x.mean().item(), abs=0.01)
    assert soft.diff(dim=-1).abs().mean() < 0.8 * x.diff(dim=-1).abs().mean()


def test_resampling_and_jpeg_lose_detail_but_not_the_picture():
    x = to_tensor(RENDERS)
    assert 0 < (critic.resampled(x, 64) - x).abs().mean() < 0.1
    worn = critic.jpeg(RENDERS[0], np.random.default_rng(0))
    assert worn.shape == RENDERS[0].shape
    assert 0 < np.abs(worn.astype(int) - RENDERS[0]).mean() < 10
    assert to_array(x).dtype == np.uint8
