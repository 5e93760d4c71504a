import pytest
import torch
from torch import nn

from course_utils.train.low_rank import collapsing, factorised, multiplied_out


def small():
    return nn.Sequential(nn.Conv2d(4, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.Conv2d(16, 16, 3, padding=1),
                         nn.Flatten(), nn.Linear(16 * 16, 12))


@pytest.fixture
def base():
    torch.manual_seed(0)
    return small()


@pytest.fixture
def x():
    return torch.randn(5, 4, 4, 4, generator=torch.Generator().manual_seed(0))


def copied(net):
    other = small()
    other.load_state_dict(net.state_dict())
    return other


def test_it_begins_as_the_base_and_the_large_matrices_stay(base, x):
    net = factorised(copied(base), base.state_dict(), rank=2)
    torch.testing.assert_close(net(x), base(x))
    optimiser = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        net(x).square().mean().backward()
        optimiser.step()
    tuned = multiplied_out(net).state_dict()
    assert tuned.keys() == base.state_dict().keys()
    for name, before in base.state_dict().items():
        change = (tuned[name] - before).flatten(1) if before.ndim > 1 else tuned[name] - before
        assert change.abs().max() > 1e-4
        if before.ndim > 1:
            assert torch.linalg.matrix_rank(change, atol=1e-5) == 2


def test_a_start_of_the_same_rank_is_taken_over_whole(base, x):
    tuned = copied(base)
    with torch.no_grad():
        for layer in (tuned[0], tuned[2], tuned[4]):
            matrix = layer.weight.flatten(1)
            change = torch.randn(len(matrix), 2) @ torch.randn(2, matrix.shape[1])
            layer.weight += 0.1 * change.view_as(layer.weight)
            layer.bias += 1
    net = factorised(copied(tuned), base.state_dict(), rank=2)
    torch.testing.assert_close(net(x), tuned(x), atol=1e-4, rtol=1e-4)
    assert net[0].parametrizations.weight.original.equal(base[0].weight)


def test_loading_averages_gives_a_stock_network(base, x):
    net = factorised(copied(base), base.state_dict(), rank=2)
    with torch.no_grad():
        net[2].parametrizations.weight[0].up += 1
    stock = collapsing(factorised(small(), small().state_dict(), rank=2))
    stock.load_state_dict(net.state_dict())
    assert stock.state_dict().keys() == base.state_dict().keys()
    torch.testing.assert_close(stock(x), net(x))


def test_small_matrices_are_learnt_whole(base):
    """16 x 36 numbers are fewer than 12 (16 + 36)."""
    net = factorised(copied(base), base.state_dict(), rank=12)
    assert "parametrizations.weight.original" not in dict(net[0].named_parameters())
    assert net[0].weight.requires_grad


def test_a_base_that_lies_elsewhere_is_brought_to_the_network(base, x):
    """On a GPU machine the teacher is on the GPU and the student not yet; here another format stands for it."""
    elsewhere = {name: value.double() for name, value in base.state_dict().items()}
    net = factorised(copied(base), elsewhere, rank=2)
    torch.testing.assert_close(net(x), base(x))
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}
