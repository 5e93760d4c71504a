import pytest
import torch

from course_utils.diffusion.interpolation import angle, slerp


@pytest.fixture(scope="module")
def pair():
    return torch.randn(2, 3, 4, 16, 16, generator=torch.Generator().manual_seed(0))


def test_a_quarter_circle_is_the_circle():
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    for t in (0.0, 0.25, 0.5, 1.0):
        turn = torch.tensor(t * torch.pi / 2)
        torch.testing.assert_close(slerp(a, b, t)[0], torch.stack([turn.cos(), turn.sin()]), atol=1e-6, rtol=0)
    assert angle(a, b).item() == pytest.approx(torch.pi / 2)


def test_ends_are_exact_and_each_pair_has_its_own_place(pair):
    a, b = pair
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)
    own = slerp(a, b, torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(own[0], a[0])
    torch.testing.assert_close(own[1], slerp(a, b, 0.5)[1])
    torch.testing.assert_close(own[2], b[2])


def test_the_norm_stays_where_the_average_loses_it(pair):
    a, b = (x / x.flatten(1).norm(dim=1)[:, None, None, None] for x in pair)
    torch.testing.assert_close(slerp(a, b, 0.3).flatten(1).norm(dim=1), torch.ones(3))
    average = torch.lerp(a, b, 0.5).flatten(1).norm(dim=1)
    torch.testing.assert_close(average, torch.full((3,), 0.5**0.5), atol=0.03, rtol=0)


def test_the_angle_grows_evenly(pair):
    a, b = (x / x.flatten(1).norm(dim=1)[:, None, None, None] for x in pair)
    torch.testing.assert_close(angle(a, slerp(a, b, 0.25)), angle(a, b) / 4)


@pytest.mark.parametrize("tilt", [0.0, 1e-9, 1e-6])
def test_parallel_vectors_are_interpolated_straight(pair, tilt):
    a, b = pair
    other = 2 * a + tilt * b
    torch.testing.assert_close(slerp(a, other, 0.25), 1.25 * a, atol=1e-5, rtol=1e-5)
    assert slerp(a, a, 0.7).isfinite().all()


def test_a_zero_vector_is_no_trouble_and_an_opposite_one_is_named(pair):
    a, _ = pair
    torch.testing.assert_close(slerp(a, torch.zeros_like(a), 0.5), a / 2)
    with pytest.raises(ValueError, match="opposite"):
        slerp(a, -3 * a, 0.5)


def test_small_angles_are_measured():
    a = torch.zeros(1, 1024)
    b = a.clone()
    a[:, 0] = b[:, 0] = 1
    b[:, 1] = 3e-4
    assert angle(a, b).item() == pytest.approx(3e-4, rel=1e-3)
