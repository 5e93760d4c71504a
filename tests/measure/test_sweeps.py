import dataclasses
import json
import os
import subprocess
import sys
import types

import pytest

from course_utils.measure import sweeps
from course_utils.measure.__main__ import main as measure_main


@pytest.fixture
def squares(monkeypatch):
    """A sweep that counts how often it was run."""
    calls = []
    module = types.ModuleType("squares")

    def run(n, cache):
        calls.append(n)
        return {"values": [k * k / 3 for k in range(n)], "cache": cache is None}

    module.squares = run
    monkeypatch.setitem(sys.modules, f"{sweeps.__name__}.squares", module)
    monkeypatch.setattr(sweeps, "SWEEPS", {"squares": sweeps.Sweep("squares", ("vae",), 3)})
    return calls


def test_a_result_carries_n_time_and_hashes_and_comes_back(squares, tmp_path):
    sweeps.make("squares", folder=tmp_path)
    result = sweeps.stored("squares", tmp_path)
    assert result["facts"] == {"values": [0.0, 0.3333, 1.333], "cache": True}
    assert result["n"] == 3
    assert result["seconds"] >= 0
    assert set(result["weights"]) == {"vae/config.json", "vae/diffusion_pytorch_model.safetensors"}


def test_other_weights_make_it_an_error(squares, tmp_path, monkeypatch):
    sweeps.make("squares", folder=tmp_path)
    monkeypatch.setattr(sweeps, "expected", lambda: {"vae/config.json": "0" * 64, "clip/config.json": "1" * 64})
    with pytest.raises(sweeps.StaleError, match=r"other weights \(vae/.*sweeps squares"):
        sweeps.stored("squares", tmp_path)


def test_weights_it_does_not_use_may_change(squares, tmp_path, monkeypatch):
    sweeps.make("squares", folder=tmp_path)
    others = {**sweeps.expected(), "clip/model.safetensors": "2" * 64}
    monkeypatch.setattr(sweeps, "expected", lambda: others)
    assert sweeps.up_to_date("squares", tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "squares"}'])
def test_a_damaged_file_says_what_to_do(squares, tmp_path, content):
    (tmp_path / "squares.json").write_text(content)
    with pytest.raises(sweeps.StaleError, match="sweeps squares"):
        sweeps.stored("squares", tmp_path)


def test_what_is_up_to_date_is_not_run_again_unless_asked(squares, tmp_path, capsys):
    sweeps.main([], tmp_path)
    sweeps.main([], tmp_path)
    assert squares == [3]
    sweeps.main(["squares", "--anew"], tmp_path)
    assert squares == [3, 3]
    assert "up to date" in capsys.readouterr().out


def test_a_missing_one_and_an_unknown_one(squares, tmp_path):
    with pytest.raises(sweeps.StaleError, match="has not been run"):
        sweeps.stored("squares", tmp_path)
    with pytest.raises(ValueError, match="no sweep called 'cubes'; there are: squares"):
        sweeps.main(["cubes"], tmp_path)


def test_every_listed_sweep_has_its_function_and_a_result_of_the_shipped_weights():
    for name, one in sweeps.SWEEPS.items():
        function = name.removesuffix(f"_{one.role}") if one.role else name
        assert callable(getattr(__import__(f"{sweeps.__name__}.{one.module}", fromlist=[function]), function))
        if one.lacks:
            continue  # of a model that is still to come: the notebook says so
        assert json.dumps(sweeps.stored(name)["facts"])


def test_the_command_lists_what_there_is():
    with pytest.raises(SystemExit, match="report, sweeps"):
        measure_main(["nothing"])


SHARED = """
import os, sys, types
from pathlib import Path
from course_utils.measure import sweeps

toy = types.ModuleType("toy")
toy.first = toy.second = toy.third = lambda n, cache: {"rank": os.environ.get("RANK")}
sys.modules[f"{sweeps.__name__}.toy"] = toy
sweeps.SWEEPS = {name: sweeps.Sweep("toy", (), 1) for name in ("first", "second", "third")}
sweeps.main([], Path(sys.argv[1]))
"""


def test_two_processes_of_accelerate_share_the_sweeps_out(tmp_path):
    (tmp_path / "shared.py").write_text(SHARED)
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_machines", "1", "--mixed_precision", "no"]
    two = ["--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]  # without a GPU they share the CPU
    quiet = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [*launch, *two, str(tmp_path / "shared.py"), str(tmp_path)]
    done = subprocess.run(command, env=quiet, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    made = {path.stem: json.loads(path.read_text())["facts"]["rank"] for path in tmp_path.glob("*.json")}
    assert made == {"first": "0", "second": "1", "third": "0"}


def test_another_number_of_pictures_is_another_result(squares, tmp_path, monkeypatch):
    sweeps.make("squares", folder=tmp_path)
    monkeypatch.setitem(sweeps.SWEEPS, "squares", dataclasses.replace(sweeps.sweep("squares"), n=99))
    with pytest.raises(sweeps.StaleError, match="and 99 is wanted"):
        sweeps.stored("squares", tmp_path)


@pytest.mark.parametrize("broken", ['{"weights": []}', '{"weights": {}, "n": 3}'])
def test_a_result_that_lacks_a_part_is_damaged(squares, tmp_path, broken):
    (tmp_path / "squares.json").write_text(broken)
    with pytest.raises(sweeps.StaleError, match="damaged"):
        sweeps.stored("squares", tmp_path)
