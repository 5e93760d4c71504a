"""ControlNets for the page: which models there are, what each is made of, and a checkpoint brought back."""

import numpy as np
import pytest
import torch

from course_utils.critters import Scene, keypoints
from course_utils.demos import control
from course_utils.models import lowrank


def test_every_condition_that_is_shipped_has_its_models():
    names = control.names(["lcm"])
    assert {"controlled", "controlled_lcm", "controlnet_pose", "hint_controlnet_pose"} <= set(names)
    assert [name for name in names if name.startswith("controlnet_pose_")] == [
        f"controlnet_pose_{step:04d}" for step in control.CHECKPOINTS["pose"]]  # fmt: skip


def test_without_a_controlnet_there_is_no_room_for_one(monkeypatch):
    monkeypatch.setattr(control, "shipped", lambda folder: False)
    assert control.names(["lcm"]) == []


@pytest.mark.parametrize(("name", "graph", "made_of"), [
    ("controlled", "controlled", ["text_to_image"]),
    ("controlled_lcm", "controlled", ["text_to_image", "lcm"]),
    ("controlnet_pose", "control", ["text_to_image", "controlnet_pose"]),
    ("controlnet_pose_0450", "control", ["text_to_image", "controlnet_pose"]),
    ("hint_controlnet_pose_0450", "hint", ["controlnet_pose"]),
])  # fmt: skip
def test_a_name_tells_graph_and_weights(name, graph, made_of):
    assert control.parts_of(name)[0] == graph
    assert control.roles(name) == made_of


def test_a_checkpoint_is_on_the_way_to_the_shipped_model():
    def size(network):
        weights = network.state_dict()
        return float(torch.cat([weights[name].flatten() for name in weights if "controlnet_down" in name]).norm())

    end = size(control.model_of("controlnet", "pose"))
    sizes = [size(control.checkpoint(step)) for step in control.CHECKPOINTS["pose"]]
    assert sizes[0] > 0
    assert sizes == sorted(sizes)
    assert sizes[-1] < 1.1 * end
    with pytest.raises(ValueError, match="no checkpoint after 151 steps; there are: \\(300, 450"):
        control.checkpoint(151)


def test_a_run_that_is_not_here_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(control, "RUNS", tmp_path)
    with pytest.raises(FileNotFoundError, match="keeping the steps"):
        control.kept_of("controlnet_pose_0150")


def test_a_checkpoint_s_difference_is_what_lowrank_makes_of_the_run(monkeypatch, tmp_path):
    tuned = {"w": torch.randn(40, 40), "zero": torch.randn(4, 4, 1, 1)}
    (tmp_path / "controlnet_pose" / "snapshots" / "000150").mkdir(parents=True)
    monkeypatch.setattr(control, "RUNS", tmp_path)
    monkeypatch.setattr(control, "state_of", lambda folder: tuned)
    monkeypatch.setattr(control, "model_of", lambda role: torch.nn.ParameterDict({"w": torch.zeros(40, 40)}))
    kept = control.kept_of("controlnet_pose_0150")
    assert kept["w.up"].shape == (40, control.RANK)
    assert (lowrank.restored({"w": torch.zeros(40, 40)}, kept)["zero"] == tuned["zero"].half().float()).all()


def test_skeletons_begin_where_the_world_has_them():
    tables = control.poses()
    assert len(tables["poses"]) == 18
    wanted = keypoints(Scene("dog", stance="walking", facing="left", size=0.65))
    found = dict(zip(tables["joints"], tables["poses"]["dog walking left"], strict=True))
    assert all(np.allclose(found[name], wanted[name], atol=0.051) for name in wanted)
