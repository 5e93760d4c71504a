"""The stock schedulers through our loop, on data whose best denoiser and exact path are known: one Gaussian."""
from collections import Counter
from functools import partial

import pytest
import torch

from course_utils.diffusion import flow, schedule
from course_utils.diffusion.samplers import SAMPLERS, ddim, denoise, euler, generators, initial_noise, stock_scheduler

MEAN, SPREAD = 0.7, 0.4
NOISY = {"lcm", "lcm_flow", "ddpm"}
"""Samplers that draw noise on their way."""


def level(t):
    """The share of signal at a timestep, also between two: the ratio of noise to signal is interpolated, as stock."""
    ratio = ((1 - schedule.alphas_bar()) / schedule.alphas_bar()).sqrt()
    below = int(t)
    between = torch.lerp(ratio[below].log(), ratio[min(below + 1, 999)].log(), float(t) - below)
    return 1 / (1 + between.exp() ** 2)


def best_epsilon(z, t):
    """The mean of the noise given z_t, for latents of N(MEAN, SPREAD^2)."""
    a = level(t)
    return (z - a.sqrt() * MEAN) * (1 - a).sqrt() / (a * SPREAD**2 + 1 - a)


def point_at(picture, z, t):
    """The noise in z_t, in a world of one picture."""
    a = level(t)
    return (z - a.sqrt() * picture) / (1 - a).sqrt()


def best_velocity(x, t):
    s = float(t) / flow.TIMES
    return (x - (1 - s) * MEAN) * (s - (1 - s) * SPREAD**2) / ((1 - s) ** 2 * SPREAD**2 + s**2) - MEAN


def exact(z):
    """Where the probability-flow equation carries noise at t = 999: deviations keep their rank."""
    a = float(schedule.alphas_bar()[999])
    return MEAN + SPREAD * (z - a**0.5 * MEAN) / (a * SPREAD**2 + 1 - a) ** 0.5


class Counting:
    def __init__(self, predict):
        self.predict, self.calls = predict, 0

    def __call__(self, z, t):
        self.calls += 1
        return self.predict(z, t)


@pytest.fixture(scope="module")
def z():
    return initial_noise([0, 1], size=8)


def bent(z, t):
    return torch.sin(z) + 0.3 * torch.cos(torch.as_tensor(float(t) / 100.0))


@pytest.mark.parametrize("steps", [1, 2, 7, 25, 30, 61, 100, 300])
def test_stock_ddim_and_euler_are_our_own_loops(z, steps):
    theirs = denoise(bent, stock_scheduler("ddim", steps), z)
    torch.testing.assert_close(theirs, ddim(bent, z, schedule.trailing(steps)), atol=1e-4, rtol=1e-5)
    theirs = denoise(bent, stock_scheduler("euler_flow", steps), z)
    torch.testing.assert_close(theirs, euler(bent, z, flow.sigmas(steps)), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", ["ddim", "dpmpp", "heun", "ddpm", "lcm", "euler_flow", "lcm_flow"])
def test_no_number_of_steps_brings_an_extra_timestep(name):
    for steps in (1, 2, 25, 41) if name == "lcm" else (1, 2, 25, 61, 103, 122, 250, 1000):
        times = stock_scheduler(name, steps).timesteps.tolist()
        assert len(times) == (2 * steps - 1 if name == "heun" else steps)
        assert max(times) == (1000 if "flow" in name else 999)
        assert min(times) >= 0


def test_the_last_step_lands_on_the_picture(z):
    """With one picture in the world, every sampler without noise of its own ends there, from any number of steps."""
    for name in ("ddim", "dpmpp", "heun"):
        for steps in (1, 3, 7, 61, 300):
            predict = partial(point_at, z.flip(0))
            torch.testing.assert_close(denoise(predict, stock_scheduler(name, steps), z), z.flip(0), atol=0.02, rtol=0)


def test_higher_orders_come_closer_at_equal_evaluations(z):
    """25 evaluations each; Heun needs two a step, one for the last."""
    errors = {}
    for name, steps in {"ddim": 25, "dpmpp": 25, "heun": 13}.items():
        predict = Counting(best_epsilon)
        scheduler = stock_scheduler(name, steps)
        made = denoise(predict, scheduler, z)
        assert predict.calls == 25
        start = z * float(scheduler.init_noise_sigma) / (1 + float(scheduler.init_noise_sigma) ** 2) ** 0.5
        errors[name] = (made - exact(start if name == "heun" else z)).abs().mean().item()
    assert errors["dpmpp"] < 0.5 * errors["ddim"]
    assert errors["heun"] < 0.5 * errors["ddim"]
    assert errors["ddim"] < 0.1


@pytest.mark.parametrize(("name", "least"), [("ddim", 1.6), ("dpmpp", 3), ("heun", 3)])
def test_twice_the_steps_err_less_by_the_order(z, name, least):
    def error(steps):
        scheduler = stock_scheduler(name, steps)
        sigma = float(scheduler.init_noise_sigma)
        start = z * sigma / (1 + sigma**2) ** 0.5 if name == "heun" else z
        return (denoise(best_epsilon, scheduler, z) - exact(start)).abs().mean().item()

    assert error(20) / error(40) > least


def test_euler_on_a_flow_halves_its_error(z):
    def error(steps):
        made = denoise(best_velocity, stock_scheduler("euler_flow", steps), z)
        return (made - (MEAN + SPREAD * z)).abs().mean().item()

    assert error(20) / error(40) == pytest.approx(2, abs=0.3)


def test_a_thousand_ancestral_steps_draw_from_the_data_and_ten_too_narrowly():
    noise = initial_noise([0], size=64)
    spread = {}
    for steps in (1000, 10):
        made = denoise(best_epsilon, stock_scheduler("ddpm", steps), noise, generators([1]))
        assert made.mean().item() == pytest.approx(MEAN, abs=0.02)
        spread[steps] = made.std().item()
    assert spread[1000] == pytest.approx(SPREAD, rel=0.03)
    assert spread[10] < 0.9 * SPREAD


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize("name", ["lcm", "lcm_flow"])
def test_students_of_a_single_picture_find_it_in_any_number_of_steps(z, name, steps):
    """With one picture in the world, the predicted noise points at it from anywhere."""
    picture = z.flip(0)
    epsilon = partial(point_at, picture)

    def velocity(x, t):
        return (x - picture) / (float(t) / flow.TIMES)

    predict = Counting(velocity if name == "lcm_flow" else epsilon)
    made = denoise(predict, stock_scheduler(name, steps), z, generators([5, 6]))
    torch.testing.assert_close(made, picture, atol=1e-3, rtol=0)
    assert predict.calls == steps


@pytest.mark.parametrize("steps", [1, 7, 25])
def test_the_pixels_sampler_finds_a_single_picture_on_its_own_schedule(z, steps):
    """From noise in which nothing of it is left, by v, whether or not the steps divide a thousand."""
    picture, scheduler = z.flip(0).clamp(-1, 1), stock_scheduler("ddim_pixels", steps)
    bars = scheduler.alphas_cumprod

    def predict(z_t, t):
        a = bars[int(t)]
        epsilon = (z_t - a.sqrt() * picture) / (1 - a).sqrt()
        return a.sqrt() * epsilon - (1 - a).sqrt() * picture

    assert float(bars[999]) < 5e-5
    torch.testing.assert_close(denoise(predict, scheduler, z), picture, atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", sorted(NOISY))
def test_noise_on_the_way_belongs_to_the_picture(z, name):
    predict = best_velocity if name in SAMPLERS["flow"] else best_epsilon
    together = denoise(predict, stock_scheduler(name, 4), z, generators([5, 6]))
    alone = denoise(predict, stock_scheduler(name, 4), z[1:], generators([6]))
    torch.testing.assert_close(together[1:], alone)
    again = denoise(predict, stock_scheduler(name, 4), z, generators([5, 7]))
    assert together[0].equal(again[0])
    assert not together[1].equal(again[1])


def test_a_watcher_sees_what_the_network_sees_and_the_end(z):
    seen = []
    made = denoise(best_epsilon, stock_scheduler("heun", 3), z, watch=lambda x, t: seen.append((t, x.std().item())))
    assert len(seen) == 6
    assert [seen[0][0], seen[-1][0]] == [999, 0]
    assert seen[0][1] == pytest.approx(1, abs=0.1)  # not fifteen: the scheduler's own scale stays inside
    assert seen[-1][1] == made.std().item()


def test_every_sampler_is_one_of_the_models_floor():
    for names in SAMPLERS.values():
        for name in names:
            assert stock_scheduler(name, 4).timesteps is not None
    assert max(Counter(name for names in SAMPLERS.values() for name in names).values()) == 1


@pytest.mark.parametrize("steps", [0, -1, 1001, 2.5, float("nan"), "25", None])
def test_steps_out_of_range_are_refused(steps):
    with pytest.raises(ValueError, match="takes 1 to 1000 steps"):
        stock_scheduler("ddim", steps)


def test_what_is_unknown_or_too_much_says_what_there_is():
    with pytest.raises(ValueError, match="ddim, dpmpp, heun, ddpm, lcm"):
        stock_scheduler("euler_ancestral", 25)
    with pytest.raises(ValueError, match="takes 1 to 50 steps"):
        stock_scheduler("lcm", 51)


@pytest.mark.parametrize("steps", [25, 30])
def test_the_pixels_sampler_keeps_what_is_implied_within_the_range_of_pictures(z, steps):
    """A network that always wants the picture brighter: whatever the steps, it ends at white and not beyond."""
    made = denoise(lambda z_t, t: z_t * 0 - 3, stock_scheduler("ddim_pixels", steps), z)
    assert float(made.abs().max()) <= 1 + 1e-5
