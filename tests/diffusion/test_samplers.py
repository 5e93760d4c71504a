from itertools import pairwise

import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler

from course_utils.diffusion import flow, schedule
from course_utils.diffusion.samplers import ddim, euler, initial_noise, with_guidance

SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}


def bent(z, t):
    """A denoiser that depends on its input and on the time."""
    return torch.sin(z) + 0.3 * torch.cos(torch.as_tensor(t / 100.0))


@pytest.fixture(scope="module")
def z():
    return initial_noise([0, 1, 2], size=8)


@pytest.mark.parametrize(("spacing", "offset", "whole"), [("trailing", 0, True), ("leading", 1, False)])
def test_ddim_is_the_stock_sampler(z, spacing, offset, whole):
    stock = DDIMScheduler(**SD, timestep_spacing=spacing, steps_offset=offset, set_alpha_to_one=whole)
    stock.set_timesteps(25)
    theirs = z
    for t in stock.timesteps:
        theirs = stock.step(bent(theirs, int(t)), t, theirs).prev_sample
    times = schedule.trailing(25) if spacing == "trailing" else schedule.leading(25)
    last = 1.0 if whole else float(schedule.alphas_bar()[0])
    torch.testing.assert_close(ddim(bent, z, times, last), theirs, atol=1e-4, rtol=1e-5)


def test_ddim_with_the_true_noise_lands_on_the_picture_in_any_number_of_steps(z):
    z0, epsilon = z, z.flip(0)
    for count in (1, 4, 25):
        times = schedule.trailing(count)
        start = schedule.noise(z0, epsilon, times[0])
        torch.testing.assert_close(ddim(lambda z, t: epsilon, start, times), z0, atol=1e-4, rtol=0)


def test_ddim_solves_the_case_of_one_gaussian(z):
    """Latents of N(0, s^2): the best prediction is linear, and the exact flow scales noise to spread s."""
    s2 = 0.25

    def best(z, t):
        a = float(schedule.alphas_bar()[int(t)])
        return z * (1 - a) ** 0.5 / (a * s2 + 1 - a)

    times = schedule.trailing(1000)
    a = float(schedule.alphas_bar()[999])
    exact = z * (s2 / (a * s2 + 1 - a)) ** 0.5
    torch.testing.assert_close(ddim(best, z, times), exact, atol=2e-2, rtol=0)


def test_euler_is_the_stock_sampler(z):
    stock = FlowMatchEulerDiscreteScheduler()
    stock.set_timesteps(sigmas=flow.sigmas(25)[:-1])
    theirs = z
    for t in stock.timesteps:
        theirs = stock.step(bent(theirs, float(t)), t, theirs).prev_sample
    torch.testing.assert_close(euler(bent, z, flow.sigmas(25)), theirs, atol=1e-4, rtol=1e-5)


def test_euler_is_exact_on_straight_lines_in_one_step(z):
    v = flow.velocity(z.flip(0), z)
    torch.testing.assert_close(euler(lambda x, t: v, z, flow.sigmas(1)), z.flip(0), atol=1e-6, rtol=0)


class Toy:
    """Called like a U-Net; its answer tells text from text, and it counts the latents it was given."""

    def __init__(self):
        self.seen = 0

    def __call__(self, z, t, text, return_dict=True):
        self.seen += len(z)
        assert not return_dict
        return (z * text.mean((1, 2))[:, None, None, None],)


@pytest.mark.parametrize(("scale", "cost"), [(0, 3), (0.5, 6), (1, 3), (3, 6)])
def test_guided_prediction_and_what_it_costs(z, scale, cost):
    unet, text, empty = Toy(), torch.ones(3, 24, 8), torch.full((3, 24, 8), 0.25)
    predict = with_guidance(unet, text, empty, scale)
    torch.testing.assert_close(predict(z, 500), z * (0.25 + 0.75 * scale))
    assert unet.seen == cost


def test_interval_and_rescaling_reach_the_prediction(z):
    text, empty = torch.ones(3, 24, 8), torch.full((3, 24, 8), 0.25)
    limited = with_guidance(Toy(), text, empty, 3.0, interval=(200, 800))
    torch.testing.assert_close(limited(z, 900), z)
    torch.testing.assert_close(limited(z, 500), 2.5 * z)
    calmed = with_guidance(Toy(), text, empty, 3.0, rescale=1.0)
    torch.testing.assert_close(calmed(z, 500), z)


def test_a_seed_gives_its_noise_in_any_company():
    together = initial_noise([3, 4, 5])
    assert together.shape == (3, 4, 16, 16)
    assert together[1].equal(initial_noise([4])[0])
    assert not together[0].equal(together[1])


def test_levels_between_samplers_fall():
    assert all(a > b for a, b in pairwise(schedule.trailing(50)))
    assert all(a > b for a, b in pairwise(flow.sigmas(50)))
