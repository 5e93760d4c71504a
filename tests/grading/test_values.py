"""What passes between processes, and what does not; an input is the same thing on both ways to a student's function."""

import json
import math

import numpy as np
import pytest
import safetensors.numpy
import torch

from course_utils.grading.givens import arguments
from course_utils.grading.values import Array, Given, Missing, Other, Raised, Unfit, pack, unpack


def passed(value):
    return unpack(pack(value))


def test_plain_values_pass_unchanged():
    plain = [None, True, 3, -2.5, math.inf, "é\n`", b"\x00\xff", {"a": [1, (2, "x")]}, [], {}]
    assert passed(plain) == plain
    assert math.isnan(passed(float("nan")))
    for record in (Raised("A", "b", "c"), Missing("why"), Other("set"), Given("model", {"role": "vae"})):
        assert passed(record) == record


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.uint8, torch.bool])
def test_tensors_keep_their_numbers_and_remember_what_they_were(dtype):
    tensor = torch.tensor([[0, 1, 3], [2, 1, 0]]).to(dtype).t()
    got = passed(tensor)
    assert (got.kind, got.dtype, got.device) == ("tensor", str(dtype).removeprefix("torch."), "cpu")
    assert got.values.tolist() == tensor.tolist()
    assert got.values.dtype in (np.float64, np.int64, np.bool_)


def test_awkward_arrays():
    assert passed(torch.tensor(2.0, requires_grad=True)).values.shape == ()
    assert passed(np.zeros((0, 3))).values.shape == (0, 3)
    assert passed(np.arange(6.0)[::-2]).values.tolist() == [5, 3, 1]
    assert passed(np.arange(3, dtype=">i4")).values.tolist() == [0, 1, 2]
    assert passed(np.float32(1.5)).kind == "array"
    assert passed(torch.zeros(2, device="meta")) == Array(None, "tensor", "float32", "meta")
    for value in (np.array(["a"]), np.array([{}], dtype=object), torch.zeros(2) * 1j, 10**400, {1, 2}, object()):
        assert isinstance(passed(value), Other)


def test_too_much_does_not_pass():
    with pytest.raises(Unfit, match="bytes"):
        pack(np.zeros(5_000_000))
    deep = []
    for _ in range(20):
        deep = [deep]
    with pytest.raises(Unfit, match="deeper"):
        pack(deep)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 100,
        b"\x80\x04cposix\nsystem\n.",
        (10**15).to_bytes(8, "little") + b"{}",
        safetensors.numpy.save({"x": np.zeros(3)}),
        safetensors.numpy.save({"tree": np.frombuffer(b'{"is": "array", "at": "nowhere"}', np.uint8)}),
        safetensors.numpy.save({"tree": np.frombuffer(b'{"is": "__class__"}', np.uint8)}),
        safetensors.numpy.save({"tree": np.frombuffer(b"[" * 100_000, np.uint8)}),
        safetensors.numpy.save({"tree": np.frombuffer(json.dumps({"is": "other", "x": 1}).encode(), np.uint8)}),
    ],
)
def test_bytes_of_any_other_kind_are_refused(data):
    with pytest.raises(Unfit):
        unpack(data)


def test_an_input_is_the_same_in_the_notebook_and_in_the_sandbox():
    case = {
        "picture": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "noise": np.linspace(0, 1, 4),
        "half": np.ones(2, dtype=np.float16),
        "steps": [np.array([3, 1]), 2],
        "name": "x",
    }
    for framework in ("torch", "numpy"):
        here, there = arguments(case, framework), arguments(passed(case), framework)
        assert type(here["noise"]) is type(there["noise"])
        for name in ("picture", "noise", "half"):
            assert here[name].dtype == there[name].dtype
            assert here[name].tolist() == there[name].tolist()
        assert here["steps"][0].tolist() == there["steps"][0].tolist()
    assert arguments(case)["noise"].dtype == torch.float32
    with pytest.raises(KeyError, match="model"):
        arguments({"x": Given("nonsense")})
