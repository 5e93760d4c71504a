import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from course_utils.critters import depth_map, edge_map, render, sample
from course_utils.measure.dense import DenseHead
from course_utils.models import to_array, to_tensor
from course_utils.models.weights import FOLDER, SUMS
from course_utils.train import dense
from course_utils.train.common import read_log

SCENES = sample(16, seed=6)
RENDERS = np.stack([render(scene) for scene in SCENES])
EDGES = np.stack([edge_map(scene) for scene in SCENES])
DEPTH = np.stack([depth_map(scene) for scene in SCENES])


def train(folder, *more):
    dense.main(["--out", str(folder), "--cache", str(folder.parent / "cache"), "--scenes", "16", "--batch", "4",
                "--every", "4", "--precision", "no", *more])
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_log(folder / "log.csv")]


def test_the_loss_falls_and_a_killed_run_goes_on_to_the_identical_curve(tmp_path, monkeypatch):
    shipped = (FOLDER / SUMS).read_bytes()
    whole = train(tmp_path / "whole", "--steps", "12")
    assert whole[-1]["edge"] < whole[0]["edge"]
    assert whole[-1]["depth"] < whole[0]["depth"]
    keep = dense.common.Run.keep

    def killed(self, step, **numbers):
        keep(self, step, **numbers)
        if step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(dense.common.Run, "keep", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", "--steps", "12")
    monkeypatch.setattr(dense.common.Run, "keep", keep)
    assert train(tmp_path / "cut", "--steps", "12") == whole

    config = json.loads((tmp_path / "whole/model/config.json").read_text())
    weights = load_file(tmp_path / "whole/model/model.safetensors")
    assert all(value.dtype == torch.float16 for value in weights.values() if value.is_floating_point())
    DenseHead(config["widths"]).load_state_dict(weights)
    assert (FOLDER / SUMS).read_bytes() == shipped


def test_the_smoke_run_writes_a_model(tmp_path):
    dense.main(["--out", str(tmp_path / "dense"), "--smoke", "--steps", "3", "--precision", "no"])
    assert read_log(tmp_path / "dense/log.csv")[-1]["step"] == 3
    assert (tmp_path / "dense/model/model.safetensors").is_file()


def test_maps_are_bent_with_their_picture():
    """Where the picture's own blue channel serves as the map, it still does after bending."""
    x = to_tensor(RENDERS)
    together = torch.cat([x, x[:, 2:]], dim=1)
    warped = dense.bent(together.clone(), np.random.default_rng(0), share=1.0)
    assert torch.equal(warped[:, 2], warped[:, 3])
    assert (warped != together).flatten(1).any(1).all()


def test_bending_moves_by_a_few_pixels_and_smoothly():
    """The picture holds each pixel's own place, so what comes out says where it came from."""
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    warped = dense.bent(torch.stack([x, y]).repeat(40, 1, 1, 1), np.random.default_rng(0), share=1.0)
    moved = (warped - torch.stack([x, y]))[:, :, 20:-20, 20:-20]
    assert 1 < moved.std() < 3
    assert moved.diff(dim=-1).abs().max() < 1


def test_share_none_leaves_all_as_it_is():
    x = to_tensor(RENDERS[:2])
    assert torch.equal(dense.bent(x.clone(), np.random.default_rng(0), share=0.0), x)


def test_examples_are_pictures_and_maps_in_range():
    x, edges, depth = dense.examples(RENDERS, EDGES, DEPTH, np.random.default_rng(0))
    assert (x.shape, edges.shape, depth.shape) == ((16, 3, 128, 128), (16, 128, 128), (16, 128, 128))
    assert x.abs().max() <= 1
    for drawn in (edges, depth):
        assert (drawn.min() >= 0, drawn.max() <= 1) == (True, True)
    again, *_ = dense.examples(RENDERS, EDGES, DEPTH, np.random.default_rng(0))
    assert torch.equal(x, again)
    unbent = [k for k in range(16) if torch.equal(edges[k], torch.from_numpy(EDGES[k]) / 255)]
    assert 6 <= len(unbent) <= 15


def test_every_wear_changes_a_picture_and_keeps_it_a_picture():
    x = to_tensor(RENDERS[:1])
    for _, wear in dense.WEARS:
        worn = wear(x.clone(), np.random.default_rng(1))
        assert worn.shape == x.shape
        assert 0 < (worn - x).abs().mean() < 0.2
    assert to_array(dense.worn(x.clone(), np.random.default_rng(3))).dtype == np.uint8


def test_the_losses_of_a_perfect_and_of_an_ignorant_answer():
    edges, depth = torch.zeros(1, 4, 4), torch.full((1, 4, 4), 0.25)
    edges[0, 1] = 1
    edge, off = dense.losses((200 * edges - 100, depth), edges, depth)
    assert (edge.item(), off.item()) == (pytest.approx(0, abs=1e-6), 0)
    edge, off = dense.losses((torch.zeros(1, 4, 4), depth + 0.5), edges, depth)
    assert (edge.item(), off.item()) == (pytest.approx(np.log(2)), pytest.approx(0.5))
