"""Weights for the page: what 8 bits keep, the file and back, a graph without its weights and with them again."""

import gzip

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from course_utils.demos import graphs, packing


class Small(nn.Module):
    """A convolution, a group norm and a matrix: what a network of the page consists of."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner = nn.ModuleDict({"conv": nn.Conv2d(3, 32, 3, padding=1), "norm": nn.GroupNorm(4, 32),
                                    "linear": nn.Linear(32, 24)})  # fmt: skip
        for parameter in self.inner["norm"].parameters():
            nn.init.normal_(parameter)

    def forward(self, x):
        x = self.inner["norm"](self.inner["conv"](x))
        return self.inner["linear"](torch.relu(x).flatten(2).transpose(1, 2))


def rows(weight):
    return weight.reshape(len(weight), -1)


def test_eight_bits_keep_each_row_to_half_a_step():
    spread = np.geomspace(1e-3, 10, 16, dtype=np.float32)[:, None, None, None]
    weight = np.random.default_rng(0).normal(size=(16, 8, 3, 3)).astype(np.float32) * spread
    back = packing.unpacked(packing.packed({"w": weight}))["w"]
    step = np.abs(rows(weight)).max(1, keepdims=True) / 127
    assert (np.abs(rows(back) - rows(weight)) <= 0.51 * step + 1e-6).all()


def test_a_coarser_step_leaves_half_of_it_and_fewer_bytes(tmp_path):
    weight = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32)
    sizes = []
    for step in (0.0, 0.2):
        kept = packing.packed({"w": weight}, {"w": step})
        assert np.abs(packing.unpacked(kept)["w"] - weight).max() < max(0.51 * step, 0.02)
        packing.write(tmp_path / "w", kept)
        sizes.append((tmp_path / "w").stat().st_size)
    assert sizes[1] < 0.7 * sizes[0]


def test_a_row_of_zeros_stays_zero():
    weight = np.zeros((64, 16), np.float32)
    weight[1:] = 1
    back = packing.unpacked(packing.packed({"w": weight}))["w"]
    assert (back[0] == 0).all()
    assert np.allclose(back[1:], 1, atol=1e-3)


def test_vectors_and_small_tensors_stay_in_half_precision():
    kept = packing.packed({"bias": np.full(1000, 0.1, np.float32), "few": np.full((2, 2), 0.1, np.float32)})
    assert {name: value.dtype for name, value in kept.items()} == {"bias": np.float16, "few": np.float16}


def test_a_file_comes_back_and_is_the_same_every_time(tmp_path):
    kept = packing.packed({"w": np.random.default_rng(1).normal(size=(32, 32)).astype(np.float32)})
    slots = [graphs.Slot("w", (32, 32), True)]
    for name in ("a", "b"):
        packing.write(tmp_path / name, kept, slots)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    back, layout = packing.read(tmp_path / "a")
    assert layout == slots
    assert back.keys() == kept.keys()
    assert all((back[name] == kept[name]).all() for name in kept)


@pytest.fixture(scope="module")
def small():
    network = Small().eval()
    model = graphs.traced(network, {"x": torch.zeros(1, 3, 8, 8)}, ("y",))
    slots, tensors = graphs.detached(model, network.inner.state_dict())
    return network, model.SerializeToString(), slots, tensors


def test_a_graph_carries_no_weights_and_nothing_of_this_machine(small, repository):
    _, graph, _, tensors = small
    layers = ("conv", "norm", "linear")
    assert tensors.keys() == {f"{layer}.{name}" for layer in layers for name in ("weight", "bias")}
    assert len(graph) < 4 * sum(value.size for value in tensors.values())
    assert b".py" not in graph
    assert str(repository).encode() not in graph


def test_the_graph_with_its_weights_is_the_network(small):
    network, graph, slots, tensors = small
    session = onnxruntime.InferenceSession(packing.whole(graph, tensors, slots).SerializeToString())
    x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert np.allclose(session.run(None, {"x": x.numpy()})[0], network(x).numpy(), atol=1e-5)


def test_other_weights_of_the_same_network_take_their_place(small):
    network, graph, slots, tensors = small
    other = {name: 2 * value for name, value in tensors.items()}
    session = onnxruntime.InferenceSession(packing.whole(graph, other, slots).SerializeToString())
    doubled = Small().eval()
    doubled.inner.load_state_dict({name: 2 * value for name, value in network.inner.state_dict().items()})
    x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert np.allclose(session.run(None, {"x": x.numpy()})[0], doubled(x).numpy(), atol=1e-4)


def test_compressed_files_carry_no_date(tmp_path):
    packing.compress(tmp_path / "a", b"graph")
    assert (tmp_path / "a").read_bytes()[4:8] == bytes(4)
    assert gzip.decompress((tmp_path / "a").read_bytes()) == b"graph"
