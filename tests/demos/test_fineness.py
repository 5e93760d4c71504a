"""How fine the page's weights are kept: measured gains, the error that was asked for, factors."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.demos import fineness, packing


@pytest.fixture
def two():
    """A chain of two matrices, the second of which counts for more, and what it answers."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(64, 64, bias=False), nn.Linear(64, 64))
    x = torch.randn(500, 64)
    with torch.no_grad():
        network[0].weight.mul_(3)
    return network, lambda: network(x)


def test_gains_are_those_of_a_linear_map_and_weights_come_back(two):
    network, answer = two
    before = [weight.clone() for weight in network.parameters()]
    found = fineness.gains(fineness.matrices(network), answer)
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), before, strict=True))
    with torch.no_grad():
        squared = float(answer().square().sum())
        hidden = float(torch.linalg.matrix_norm(network[1].weight) ** 2)
    # with s E added to the first matrix the answer moves by B s E x: in the mean |x|^2 |B|^2 s^2, and |x|^2 is 500 * 64
    assert found["0.weight"] == pytest.approx(500 * 64 * hidden / squared, rel=0.15)


def test_rounded_to_their_steps_all_tensors_err_by_what_was_asked(two):
    network, answer = two
    whole = answer().detach()
    steps = fineness.steps(fineness.matrices(network), answer, error=0.03)
    weights = {name: weight.detach().numpy() for name, weight in network.named_parameters()}
    kept = packing.unpacked(packing.packed(weights, steps))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in kept.items()})
    assert float((answer().detach() - whole).norm() / whole.norm()) == pytest.approx(0.03, rel=0.2)


def test_factors_leave_the_error_of_the_product():
    source = np.random.default_rng(0)
    up, down = source.normal(size=(128, 16)).astype(np.float32), source.normal(size=(16, 96)).astype(np.float32) / 4
    steps = fineness.of_factors({"w.up": up, "w.down": down}, {"w": 0.2, "other": 1.0})
    assert steps.keys() == {"w.up", "w.down"}
    kept = packing.unpacked(packing.packed({"w.up": up, "w.down": down}, steps, matrices_from=256))
    error = np.square(kept["w.up"] @ kept["w.down"] - up @ down).mean() ** 0.5
    assert error == pytest.approx(0.2 / 12**0.5, rel=0.15)


def test_factors_without_a_number_have_no_step():
    none = {"w.up": np.zeros((8, 0), np.float32), "w.down": np.zeros((0, 8), np.float32)}
    assert fineness.of_factors(none, {"w": 0.1}) == {}
    assert packing.packed(none, {})["w.up"].size == 0


def test_other_roles_keep_eight_bits():
    assert fineness.steps_of("clip") == {}
