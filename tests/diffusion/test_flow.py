import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from course_utils.diffusion import flow


@pytest.fixture(scope="module")
def pair():
    return torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def test_the_path_is_the_stock_one_and_ends_exactly(pair):
    x0, epsilon = pair
    stock = FlowMatchEulerDiscreteScheduler()
    t = stock.timesteps[torch.tensor([0, 400, 999])]
    ours = flow.path(x0, epsilon, t / flow.TIMES)
    torch.testing.assert_close(ours, stock.scale_noise(x0, t, epsilon), atol=1e-5, rtol=0)
    assert flow.path(x0, epsilon, 0.0).equal(x0)
    assert flow.path(x0, epsilon, 1.0).equal(epsilon)


def test_the_velocity_is_the_paths_derivative_and_gives_back_both_ends(pair):
    x0, epsilon = pair
    sigma = torch.tensor([0.1, 0.5, 0.9])
    x, v = flow.path(x0, epsilon, sigma), flow.velocity(x0, epsilon)
    torch.testing.assert_close((flow.path(x0, epsilon, sigma + 0.05) - x) / 0.05, v, atol=1e-4, rtol=0)
    torch.testing.assert_close(flow.predict_x0(x, v, sigma), x0, atol=1e-5, rtol=0)
    torch.testing.assert_close(flow.predict_epsilon(x, v, sigma), epsilon, atol=1e-5, rtol=0)


def test_training_levels_lie_inside_and_around_the_middle():
    levels = flow.logit_normal(torch.randn(10_000, generator=torch.Generator().manual_seed(0)))
    assert ((levels > 0) & (levels < 1)).all()
    assert levels.median() == pytest.approx(0.5, abs=0.02)
    assert ((levels > 0.25) & (levels < 0.75)).float().mean() > 0.7


def test_sampling_levels():
    assert flow.sigmas(4) == [1.0, 0.75, 0.5, 0.25, 0.0]
    with pytest.raises(ValueError, match="at least one"):
        flow.sigmas(0)
