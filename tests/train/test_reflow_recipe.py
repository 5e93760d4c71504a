"""Couplings by teachers whose paths are known."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.train import reflow
from course_utils.train.text_to_image import flow_loss


class Straight(nn.Module):
    """A teacher that moves every latent by the same vector: its paths are straight, and one step is as good as many."""

    def __init__(self):
        super().__init__()
        self.way, self.calls = nn.Parameter(torch.tensor([1.0, -2.0, 0.5, 0.0]).view(1, 4, 1, 1)), 0

    def forward(self, z, t, context, return_dict=False):
        self.calls += len(z)
        return (self.way.expand_as(z),)


class Lesson:
    """As much of a lesson as couplings need."""

    def __init__(self):
        self.options, self.text = SimpleNamespace(scale=3.0), Text()
        self.teacher = lambda z, t, context: unet(z, t, context)[0]
        self.teacher.unet = unet = Straight().requires_grad_(False)


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Linear(2, 2)

    def forward(self, ids):
        return torch.zeros(len(ids), 24, 2)


IDS = torch.arange(150 * 24).view(150, 24)


@pytest.mark.parametrize("steps", [1, 7])
def test_ends_are_where_the_teachers_paths_lead(steps):
    lesson, z = Lesson(), torch.randn(3, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(reflow.ends(lesson, IDS[:3], z, steps), z - lesson.teacher.unet.way)


def test_couplings_are_kept_and_only_missing_ones_are_made(tmp_path):
    lesson = Lesson()
    files = list(reflow.couplings(lesson, IDS, tmp_path, steps=2))
    assert [len(np.load(file)) for file in files] == [64, 64, 22]
    assert lesson.teacher.unet.calls == 2 * 150
    whole = np.concatenate([np.load(file) for file in files])
    wanted = reflow.noise(torch.arange(150), IDS) - lesson.teacher.unet.way
    torch.testing.assert_close(torch.from_numpy(whole).float(), wanted, atol=5e-3, rtol=1e-3)
    files[1].unlink()
    again = np.concatenate([np.load(file) for file in reflow.couplings(lesson, IDS, tmp_path, steps=2)])
    assert lesson.teacher.unet.calls == 2 * (150 + 64)
    assert np.array_equal(again, whole)
    assert not list(tmp_path.glob("*.part"))


def test_two_processes_share_the_work(tmp_path):
    lesson = Lesson()
    for process in (0, 1):
        files = list(reflow.couplings(lesson, IDS, tmp_path, 1, process, processes=2))
    assert all(file.exists() for file in files)
    assert lesson.teacher.unet.calls == 150


def test_straight_couplings_teach_the_straight_velocity(tmp_path):
    lesson, pairs = Lesson(), torch.arange(64)
    (file,) = reflow.couplings(lesson, IDS[:64], tmp_path, steps=3)
    pictures, sigma = torch.from_numpy(np.load(file)).float(), torch.linspace(0.01, 1, 64)
    z = reflow.noise(pairs, pictures)
    assert flow_loss(lesson.teacher.unet, pictures, z, sigma, None) < 1e-5
    strangers = flow_loss(lesson.teacher.unet, pictures, z.roll(1, 0), sigma, None)
    assert strangers == pytest.approx(2.0, abs=0.1)  # noise of other pairs: their variance and that of the picture


def test_other_teachers_prompts_and_settings_have_other_couplings():
    lesson = Lesson()
    mark = reflow.fingerprint(lesson, IDS, 25)
    assert reflow.fingerprint(Lesson(), IDS, 25) != mark  # its text encoder has other weights
    assert reflow.fingerprint(lesson, IDS, 24) != mark
    assert reflow.fingerprint(lesson, IDS + 1, 25) != mark
    lesson.options.scale = 2.0
    assert reflow.fingerprint(lesson, IDS, 25) != mark
    lesson.options.scale = 3.0
    assert reflow.fingerprint(lesson, IDS, 25) == mark
    lesson.teacher.unet.way += 1
    assert reflow.fingerprint(lesson, IDS, 25) != mark


def test_noise_of_pairs_is_not_that_of_judged_pictures():
    assert reflow.FIRST_SEED > 100_000
    assert reflow.noise(torch.arange(2), IDS).shape == (2, 4, 16, 16)
    assert reflow.noise(torch.tensor([5]), IDS)[0].equal(reflow.noise(torch.arange(6), IDS)[5])
