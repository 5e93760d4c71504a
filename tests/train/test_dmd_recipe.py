"""The matching gradient against Gaussians, whose denoisers are known."""
import pytest
import torch

from course_utils.train.dmd import following, matching_gradient
from course_utils.train.paths import PATHS

PATH, SPREAD = PATHS["epsilon"], 0.4


def guess(z, u, mean):
    """The best guess at a picture from N(mean, SPREAD²), seen noised."""
    a = PATH.noised(torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), u)
    variance = (a * SPREAD) ** 2 + 1 - a**2
    return mean + a * SPREAD**2 / variance * (z - a * mean), (1 - a**2) / variance


def test_it_points_from_the_real_mean_to_the_made_one():
    generator = torch.Generator().manual_seed(0)
    real, made = torch.tensor([2.0, 0.0]).view(1, 2, 1, 1), torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
    x = made + SPREAD * torch.randn(64, 2, 1, 1, generator=generator)
    u = torch.linspace(0.02, 0.98, 64)
    z = PATH.noised(x, torch.randn(x.shape, generator=generator), u)
    (wanted, share), (found, _) = guess(z, u, real), guess(z, u, made)
    gradient = matching_gradient(x, wanted, found)
    # known exactly: the guesses differ by (made - real)(1 - a²)/(a² s² + 1 - a²), whatever the picture
    expected = share * (made - real) / (x - wanted).abs().mean(1, keepdim=True)
    torch.testing.assert_close(gradient, expected, atol=1e-4, rtol=1e-3)


def test_equal_distributions_are_left_alone():
    x, same = torch.randn(2, 8, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    assert following(x, matching_gradient(x, same, same)) == 0


def test_following_hands_the_gradient_on():
    x, g = torch.randn(2, 2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    x.requires_grad_()
    following(x, g).backward()
    torch.testing.assert_close(x.grad, g / x.numel())


def test_a_generator_goes_to_the_teachers_distribution():
    """The mean of a generator that makes N(mean, SPREAD²), its fake score exact: it settles on the teacher's."""
    generator, mean = torch.Generator().manual_seed(0), torch.tensor(-1.0, requires_grad=True)
    optimiser = torch.optim.Adam([mean], lr=0.1)
    for _ in range(60):
        x = mean + SPREAD * torch.randn(32, 1, 1, 1, generator=generator)
        u = 0.02 + 0.96 * torch.rand(32, generator=generator)
        z = PATH.noised(x.detach(), torch.randn(x.shape, generator=generator), u)
        real, made = guess(z, u, torch.tensor(1.5))[0], guess(z, u, mean.detach())[0]
        optimiser.zero_grad()
        following(x, matching_gradient(x.detach(), real, made)).backward()
        optimiser.step()
    assert mean.item() == pytest.approx(1.5, abs=0.1)
