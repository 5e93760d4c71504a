import pytest
import torch

from course_utils.diffusion import flow, schedule
from course_utils.models.schedulers import CONFIGURED, scheduler


def pixels_bars():
    """ADM's: each of 1000 steps keeps a share of the variance, from .9999 down to .98, evenly spaced."""
    return torch.linspace(0.9999, 0.98, 1000, dtype=torch.float64).cumprod(0).float()


@pytest.mark.parametrize("name", [name for name in CONFIGURED if "flow" not in name])
def test_the_noise_is_that_of_the_course_and_sampling_begins_with_noise(name):
    stock = scheduler(name)
    wanted = pixels_bars() if name == "ddim_pixels" else schedule.alphas_bar()
    torch.testing.assert_close(stock.alphas_cumprod, wanted, rtol=1e-4, atol=0)
    stock.set_timesteps(4)
    assert stock.timesteps[0] == 999
    assert stock.config.prediction_type == ("v_prediction" if name == "ddim_pixels" else "epsilon")


@pytest.mark.parametrize("steps", [1, 4, 25, 50])
def test_ddim_steps_where_our_own_does_and_ends_at_the_picture(steps):
    stock = scheduler("ddim")
    stock.set_timesteps(steps)
    assert stock.timesteps.tolist() == schedule.trailing(steps)
    assert stock.final_alpha_cumprod == 1


@pytest.mark.parametrize("name", ["euler_flow", "lcm_flow"])
def test_flows_go_through_equal_levels(name):
    stock = scheduler(name)
    stock.set_timesteps(sigmas=flow.sigmas(8)[:-1])
    torch.testing.assert_close(stock.sigmas, torch.tensor(flow.sigmas(8)))
    torch.testing.assert_close(stock.timesteps, flow.TIMES * stock.sigmas[:-1])


def test_latent_consistency_on_a_flow_goes_to_the_picture_and_back_with_fresh_noise():
    stock = scheduler("lcm_flow")
    stock.set_timesteps(sigmas=[1.0, 0.5])
    x, v = torch.randn(2, 1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    fresh = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    stepped = stock.step(v, stock.timesteps[0], x, generator=torch.Generator().manual_seed(1)).prev_sample
    torch.testing.assert_close(stepped, flow.path(flow.predict_x0(x, v, 1.0), fresh, 0.5))
    last = stock.step(v, stock.timesteps[1], stepped).prev_sample
    torch.testing.assert_close(last, flow.predict_x0(stepped, v, 0.5))


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match="known ones: ddim, dpmpp, heun"):
        scheduler("ddmi")
