"""Exporting, on a network of two layers: once, again when the weights have moved on, students beside their base."""

import gzip
import json

import numpy as np
import pytest
import torch

from course_utils.demos import __main__ as command
from course_utils.demos import export, packing, parts
from tests.demos.test_packing import Small


@pytest.fixture
def small(monkeypatch):
    """The small network in the place of every model."""
    part = parts.Part("critic", lambda model: model, lambda model: model.inner, {"x": (1, 3, 8, 8)}, ("y",))
    monkeypatch.setattr(export, "PARTS", {export.BASE: part})
    monkeypatch.setattr(export, "students", lambda: [])
    monkeypatch.setattr(export.control, "names", lambda students: [])
    monkeypatch.setattr(export, "model_of", lambda role: Small())


def test_what_is_in_step_is_left_alone(small, tmp_path, capsys):
    assert list(export.export(tmp_path)) == [export.BASE]
    facts = export.index(tmp_path)[export.BASE]
    assert facts["parameters"] == sum(value.numel() for value in Small().state_dict().values())
    assert facts["made_from"].keys() == {"critic/model.safetensors"}
    beside = {export.INDEX, export.TOKENIZER, export.SCENES, export.POSES, export.EDGES}
    assert {path.name for path in tmp_path.iterdir()} == {*beside, *facts["weights"], facts["graph"]}
    command.main(["export", "--folder", str(tmp_path)])
    assert "in step" in capsys.readouterr().out


def test_other_weights_are_written_again(small, tmp_path, monkeypatch):
    assert list(export.export(tmp_path)) == [export.BASE]
    moved = {**export.expected(), "critic/model.safetensors": "0" * 64}
    monkeypatch.setattr(export, "expected", lambda: moved)
    assert not export.in_step(export.BASE, export.index(tmp_path))
    assert list(export.export(tmp_path)) == [export.BASE]


def test_a_student_shares_graph_and_weights_of_its_base(small, tmp_path, monkeypatch):
    up, down = torch.randn(80, 2), torch.randn(2, 80)
    monkeypatch.setattr(export, "students", lambda: ["lcm"])
    monkeypatch.setattr(export, "verified", lambda path: path)
    monkeypatch.setattr(export, "chain", lambda name: [export.BASE, name])
    monkeypatch.setattr(export.lowrank, "read", lambda path: ({"w.up": up, "w.down": down}, {}))
    assert list(export.export(tmp_path)) == [export.BASE, "lcm"]
    base, student = (export.index(tmp_path)[name] for name in (export.BASE, "lcm"))
    assert student["graph"] == base["graph"]
    assert student["weights"] == [*base["weights"], "lcm.safetensors.gz"]
    assert student["use"] == {"sampler": "lcm", "steps": 4, "guidance": 1.0}
    kept = packing.unpacked(packing.read(tmp_path / "lcm.safetensors.gz")[0])
    assert np.allclose(kept["w.up"] @ kept["w.down"], (up @ down).numpy(), atol=0.02)


def test_tightening_keeps_the_content_and_counts_the_bytes_anew(small, tmp_path):
    list(export.export(tmp_path))
    before = {path.name: gzip.decompress(path.read_bytes()) for path in tmp_path.glob("*.gz")}
    loose = tmp_path / export.index(tmp_path)[export.BASE]["graph"]
    loose.write_bytes(gzip.compress(before[loose.name], 1))
    assert loose.name in export.tighten(tmp_path)
    assert {path.name: gzip.decompress(path.read_bytes()) for path in tmp_path.glob("*.gz")} == before
    facts = export.index(tmp_path)[export.BASE]
    assert facts["bytes"][loose.name] == loose.stat().st_size
    assert facts["stamps"][loose.name] == export.sha256(loose)[:8]
    assert export.tighten(tmp_path) == []


def killed(*_):
    raise KeyboardInterrupt


def test_tightening_that_was_cut_off_goes_on_where_it_stopped(small, tmp_path, monkeypatch):
    list(export.export(tmp_path))
    loose = tmp_path / export.index(tmp_path)[export.BASE]["graph"]
    loose.write_bytes(before := gzip.compress(gzip.decompress(loose.read_bytes()), 1))
    for place, name in ((packing.os, "replace"), (export, "weighed")):
        assert loose.read_bytes() == before
        with monkeypatch.context() as broken:
            broken.setattr(place, name, killed)
            with pytest.raises(KeyboardInterrupt):
                export.tighten(tmp_path)
    assert len(loose.read_bytes()) < len(before)  # the file is done, and the index does not know it yet
    export.tighten(tmp_path)
    assert export.index(tmp_path)[export.BASE]["bytes"][loose.name] == loose.stat().st_size
    assert not list(tmp_path.glob("*.part"))


def test_what_is_no_longer_exported_is_forgotten(small, tmp_path, monkeypatch):
    (tmp_path / "a_readers_own.tar.gz").write_bytes(b"not ours")
    list(export.export(tmp_path))
    found = export.index(tmp_path)
    (tmp_path / "old.safetensors.gz").write_bytes(b"1")
    (tmp_path / export.INDEX).write_text(json.dumps({**found, "old": {"bytes": {"old.safetensors.gz": 1}}}))
    assert list(export.export(tmp_path)) == []
    assert export.index(tmp_path) == found
    assert not (tmp_path / "old.safetensors.gz").exists()
    assert (tmp_path / "a_readers_own.tar.gz").exists()


def test_the_scenes_and_the_tokenizer_come_along(small, tmp_path):
    list(export.export(tmp_path))
    tables = json.loads((tmp_path / export.TOKENIZER).read_text())
    assert (tables["length"], len(tables["vocabulary"])) == (24, 655)
    assert (tmp_path / export.SCENES).stat().st_size > 10_000
