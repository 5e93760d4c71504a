import pytest
import torch
from diffusers import LCMScheduler

from course_utils.diffusion import schedule
from course_utils.diffusion.consistency import c_out, c_skip, consistent


@pytest.fixture(scope="module")
def pair():
    return torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("t", [0, 1, 259, 999])
def test_scalings_are_the_stock_ones(t):
    skip, out = LCMScheduler().get_scalings_for_boundary_condition_discrete(t)
    assert c_skip(t).item() == pytest.approx(skip)
    assert c_out(t).item() == pytest.approx(out)


def test_at_the_clean_end_the_network_has_no_say(pair):
    z, epsilon = pair
    assert consistent(z, epsilon, 0).equal(z)


def test_elsewhere_it_is_the_picture_that_the_noise_implies(pair):
    z0, epsilon = pair
    times = torch.tensor([20, 400, 900])
    made = consistent(schedule.noise(z0, epsilon, times), epsilon, times)
    torch.testing.assert_close(made, z0, atol=1e-3, rtol=0)


def test_the_sampler_of_students_does_the_same(pair):
    z, epsilon = pair
    stock = LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    stock.set_timesteps(4)
    theirs = stock.step(epsilon, stock.timesteps[2], z).denoised
    torch.testing.assert_close(consistent(z, epsilon, int(stock.timesteps[2])), theirs, atol=1e-5, rtol=1e-5)
