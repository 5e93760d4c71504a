from itertools import pairwise

import pytest
import torch
from diffusers import DDIMInverseScheduler

from course_utils.diffusion import flow, schedule
from course_utils.diffusion.inversion import invert
from course_utils.diffusion.samplers import ddim, euler, initial_noise


def bent(z, t):
    """A denoiser that depends on its input and on the time."""
    return 0.5 * torch.sin(z) + 0.3 * torch.cos(torch.as_tensor(t / 100.0))


@pytest.fixture(scope="module")
def z():
    return initial_noise([0, 1], size=8)


def test_noise_that_does_not_change_is_found_exactly(z):
    epsilon, times = z.flip(0), schedule.trailing(10)
    found = invert(lambda z, t: epsilon, z, times)
    torch.testing.assert_close(found, schedule.noise(z, epsilon, times[0]), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("whole", "last"), [(True, 1.0), (False, float(schedule.alphas_bar()[0]))])
def test_it_is_the_stock_inversion(z, whole, last):
    stock = DDIMInverseScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
                                 timestep_spacing="trailing", set_alpha_to_one=whole)
    stock.set_timesteps(25)
    theirs = z
    for t in stock.timesteps:
        theirs = stock.step(bent(theirs, int(t)), t, theirs).prev_sample
    torch.testing.assert_close(invert(bent, z, schedule.trailing(25), last), theirs, atol=1e-4, rtol=1e-5)


def error(z, count, corrections=0):
    times = schedule.trailing(count)
    return (ddim(bent, invert(bent, z, times, corrections=corrections), times) - z).abs().mean().item()


def test_the_way_back_errs_by_one_over_the_steps(z):
    errors = [error(z, count) for count in (50, 100, 200)]
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.3)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.3)


def test_corrections_make_the_way_back_exact(z):
    errors = [error(z, 50, corrections) for corrections in (0, 1, 3, 8)]
    assert all(later < 0.5 * earlier for earlier, later in pairwise(errors))
    assert errors[-1] < 1e-4


def test_one_gaussian_is_carried_back_to_unit_noise(z):
    """Latents of N(0, s^2): the flow backwards scales them up, exactly known; many steps come close."""
    s2 = 0.25

    def best(z, t):
        a = float(schedule.alphas_bar()[int(t)])
        return z * (1 - a) ** 0.5 / (a * s2 + 1 - a)

    a = float(schedule.alphas_bar()[999])
    exact = 0.5 * z * ((a * s2 + 1 - a) / s2) ** 0.5
    torch.testing.assert_close(invert(best, 0.5 * z, schedule.trailing(1000)), exact, atol=2e-2, rtol=0)


def test_a_flow_is_inverted_by_its_own_sampler_through_rising_levels(z):
    v = flow.velocity(z, z.flip(0))
    torch.testing.assert_close(euler(lambda x, t: v, z, flow.sigmas(5)[::-1]), z.flip(0), atol=1e-5, rtol=0)
