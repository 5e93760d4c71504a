import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from course_utils.diffusion import schedule

SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


@pytest.fixture(scope="module")
def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 5, 4, 8, 8, generator=generator)


T = torch.tensor([0, 1, 250, 700, 999])


def test_the_schedule_is_stable_diffusions():
    stock = DDPMScheduler(**SD)
    torch.testing.assert_close(schedule.alphas_bar(), stock.alphas_cumprod, atol=1e-6, rtol=1e-4)


def test_noise_and_velocity_are_the_stock_ones(pair):
    stock = DDPMScheduler(**SD)
    z0, epsilon = pair
    torch.testing.assert_close(schedule.noise(z0, epsilon, T), stock.add_noise(z0, epsilon, T), atol=1e-5, rtol=0)
    torch.testing.assert_close(schedule.velocity(z0, epsilon, T), stock.get_velocity(z0, epsilon, T), atol=1e-5, rtol=0)


def test_two_of_three_give_the_third(pair):
    z0, epsilon = pair
    z_t = schedule.noise(z0, epsilon, T)
    torch.testing.assert_close(schedule.predict_x0(z_t, epsilon, T), z0, atol=1e-4, rtol=0)
    torch.testing.assert_close(schedule.predict_epsilon(z_t, z0, T)[1:], epsilon[1:], atol=1e-4, rtol=0)
    a = schedule.signal(T, z0)  # and the velocity: x0 = sqrt(a) z - sqrt(1-a) v
    v = schedule.velocity(z0, epsilon, T)
    torch.testing.assert_close(a.sqrt() * z_t - (1 - a).sqrt() * v, z0, atol=1e-5, rtol=0)


def test_one_timestep_for_all_is_that_for_each(pair):
    z0, epsilon = pair
    assert schedule.noise(z0, epsilon, 400).equal(schedule.noise(z0, epsilon, torch.full((5,), 400)))


def test_noised_unit_latents_keep_unit_variance():
    generator = torch.Generator().manual_seed(1)
    z0, epsilon = torch.randn(2, 8, 4, 64, 64, generator=generator)
    spread = schedule.noise(z0, epsilon, torch.arange(0, 1000, 125)).std(dim=(1, 2, 3))
    torch.testing.assert_close(spread, torch.ones(8), atol=0.02, rtol=0)


def test_signal_to_noise_falls_and_the_weight_turns_at_gamma():
    ratio = schedule.snr()
    assert (ratio.diff() < 0).all()
    weight = schedule.min_snr_weight(torch.arange(1000), gamma=5.0)
    torch.testing.assert_close(weight * ratio, ratio.clamp(max=5.0))
    assert (weight[ratio <= 5] == 1).all()
    assert 1000 / 7 < int((weight < 1).sum()) < 1000 / 6.5  # what the recipe says of its weights
    assert schedule.snr(T).equal(ratio[T])


@pytest.mark.parametrize("count", [1, 4, 10, 25, 50, 1000])
def test_timesteps_are_the_stock_samplers(count):
    for name, ours in {"leading": schedule.leading(count, offset=0), "trailing": schedule.trailing(count)}.items():
        stock = DDIMScheduler(**SD, timestep_spacing=name)
        stock.set_timesteps(count)
        assert ours == stock.timesteps.tolist()


def test_what_is_out_of_range_is_refused(pair):
    z0, epsilon = pair
    for t in (-1, 1000):
        with pytest.raises(IndexError, match="0 to 999"):
            schedule.noise(z0, epsilon, t)
    for spacing in (schedule.leading, schedule.trailing):
        with pytest.raises(ValueError, match="1 to 1000"):
            spacing(0)
