"""The refresher: its definitions are its lesson, imported out of the notebook and tested where answers are known."""

import numpy as np
import pytest
import torch

from course_utils.critters import Scene
from course_utils.demos.noise import belief
from course_utils.diffusion import schedule
from course_utils.diffusion.samplers import ddim
from tests.notebooks.reading import FOLDER, definitions

SOURCE = FOLDER / "00_refresher.py"


@pytest.fixture(scope="module")
def lesson():
    names = definitions(SOURCE)
    names["alphas_bar"] = schedule.alphas_bar().double()
    return names


def test_the_schedule_in_the_text_is_the_courses():
    assert "torch.linspace(0.00085**0.5, 0.012**0.5, 1000).double() ** 2" in SOURCE.read_text()
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000).double() ** 2
    torch.testing.assert_close((1 - betas).cumprod(0).float(), schedule.alphas_bar(), rtol=1e-4, atol=0)


def test_cosine_knows_directions_and_not_lengths(lesson):
    a, b = np.array([1.0, 0.0]), np.array([0.0, 3.0])
    assert lesson["cosine"](a, 5 * a) == pytest.approx(1)
    assert lesson["cosine"](a, b) == 0
    assert lesson["cosine"](a, -b - a) == pytest.approx(-1 / 10**0.5)


def test_the_embedding_counts_species_texture_and_size_only(lesson):
    embed, scene = lesson["embed"], Scene("cat", "scaly", size=0.78)
    assert embed(scene) == pytest.approx([0, 0, 1, 1, 1])
    assert embed(scene.but(coat="blue", background="pink", facing="left")) == pytest.approx(embed(scene))
    assert embed(scene.but(texture="fluffy", size=0.52)) == pytest.approx([0, 0, 1, -1, -1])


def test_nearest_is_by_angle(lesson):
    others = np.array([[1.0, 1.0], [0.1, 0.0], [0.0, -9.0]])
    assert lesson["nearest"](np.array([[5.0, 0.2], [-1.0, -3.0]]), others).tolist() == [1, 2]


def test_noising_is_the_courses_for_pictures_and_for_points_each_with_its_time(lesson):
    torch.manual_seed(0)
    x, epsilon, t = torch.randn(5, 3, 4, 4), torch.randn(5, 3, 4, 4), torch.tensor([0, 3, 500, 998, 999])
    torch.testing.assert_close(lesson["noised"](x, epsilon, t), schedule.noise(x, epsilon, t))
    torch.testing.assert_close(lesson["noised"](x, epsilon, 500), schedule.noise(x, epsilon, 500))
    points, noise = torch.randn(5, 2), torch.randn(5, 2)
    expected = schedule.noise(points[:, :, None, None], noise[:, :, None, None], t)[:, :, 0, 0]
    torch.testing.assert_close(lesson["noised"](points, noise, t), expected)


def test_the_ideal_denoiser_is_the_demos(lesson):
    torch.manual_seed(0)
    world, x = torch.randn(20, 6).double(), torch.randn(3, 6).double()
    guess, weights = lesson["ideal"](x, 400, world)
    for row, w, answer in zip(x, weights, guess, strict=True):
        torch.testing.assert_close(w, belief(row, world, 400), rtol=1e-4, atol=1e-9)
        torch.testing.assert_close(answer, w @ world)


def test_one_gaussian_cloud_is_guessed_as_its_formula_says(lesson):
    """For data N(0, 1) the mean behind x_t is sqrt(alpha_bar) x_t; a long list comes close to it."""
    torch.manual_seed(0)
    x = torch.tensor([[0.7], [-1.2]]).double()
    guess, _ = lesson["ideal"](x, 500, torch.randn(200_000, 1).double())
    torch.testing.assert_close(guess, schedule.alphas_bar()[500].double().sqrt() * x, rtol=0, atol=0.02)


def exact(lesson):
    """The denoiser of data N(0, 1): the noise in x_t is sqrt(1 - alpha_bar) x_t."""
    return lambda x, t: (1 - lesson["alphas_bar"][t.long()]).sqrt().float()[:, None] * x


@pytest.mark.parametrize("steps", [1, 7, 50])
def test_the_sampler_is_the_courses_ddim(lesson, steps):
    start = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    path = lesson["ddim"](exact(lesson), start, steps)
    assert path.shape == (steps + 1, 6, 2)
    theirs = ddim(lambda z, t: exact(lesson)(z, torch.full((len(z),), t)), start, schedule.trailing(steps))
    torch.testing.assert_close(path[-1], theirs, rtol=1e-4, atol=1e-5)


def test_an_exact_denoiser_keeps_a_gaussian_cloud_in_place(lesson):
    start = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    path = lesson["ddim"](exact(lesson), start, 500)
    torch.testing.assert_close(path[-1], start, rtol=0.02, atol=0.02)


def test_training_learns_one_point(lesson):
    torch.manual_seed(0)
    target = torch.tensor([[1.0, -1.0]])
    model = lesson["train"](lesson["Denoiser"](waves=4, width=16), target, steps=300)
    start = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
    ends = lesson["ddim"](model, start, 20)[-1]
    assert (ends - target).norm(dim=1).median() < 0.5
