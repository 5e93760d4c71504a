import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

from course_utils.diffusion.guidance import guided, rescaled, scale_at


@pytest.fixture(scope="module")
def predictions():
    return torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def test_scales_zero_one_two(predictions):
    u, c = predictions
    assert guided(u, c, 0).equal(u)
    torch.testing.assert_close(guided(u, c, 1), c)
    torch.testing.assert_close(guided(u, c, 2) - c, c - u)


def test_the_same_prediction_twice_is_left_alone_at_any_scale(predictions):
    u, _ = predictions
    assert guided(u, u, 7.5).equal(u)


def test_rescaling_is_the_stock_one_and_keeps_the_spread(predictions):
    u, c = predictions
    g = guided(u, c, 7.5)
    torch.testing.assert_close(rescaled(g, c, 0.7), rescale_noise_cfg(g, c, 0.7), atol=1e-5, rtol=0)
    torch.testing.assert_close(rescaled(g, c, 1.0).std((1, 2, 3)), c.std((1, 2, 3)))
    torch.testing.assert_close(rescaled(g, c, 0.0), g)


def test_the_interval_holds_its_upper_end():
    assert [scale_at(t, 4.0, (200, 800)) for t in (200, 201, 800, 801)] == [1.0, 4.0, 4.0, 1.0]
    assert scale_at(999, 4.0) == 4.0
