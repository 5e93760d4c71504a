import argparse

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.train import common


def options(tmp_path, *more):
    parser = common.arguments("toy", "A toy.", steps=12, batch=4, rate=1e-2)
    return common.parsed(parser, ["--out", str(tmp_path), "--every", "4", "--precision", "no", *more])


def fit(options):
    """A line through noise: the smallest recipe."""
    torch.manual_seed(options.seed)
    run = common.Run(options, nn.Linear(3, 1))
    for step in run.steps():
        x = torch.from_numpy(run.numbers(step).standard_normal((options.batch, 3), dtype=np.float32))
        loss = (run.model(x) - x.sum(1, keepdim=True) - 0.01 * run.noise(step, options.batch, 1)).square().mean()
        run.learn(loss, step)
        run.note(loss=loss.detach())
        if run.due(step):
            run.keep(step, weight=float(run.averaged(nn.Linear(3, 1)).weight[0, 0].detach()))
    return run


def curve(folder):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in common.read_log(folder / "log.csv")]


def test_the_same_seed_gives_the_same_curve_and_another_another(tmp_path):
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        fit(options(tmp_path / name, "--seed", seed))
    assert curve(tmp_path / "a") == curve(tmp_path / "b") != curve(tmp_path / "c")


def test_a_run_that_was_killed_goes_on_to_the_identical_end(tmp_path, monkeypatch):
    whole = fit(options(tmp_path / "whole"))

    class Killed(Exception):
        pass

    keep = common.Run.keep

    def killed(self, step, **numbers):
        keep(self, step, **numbers)
        if step == 7:
            raise Killed

    monkeypatch.setattr(common.Run, "keep", killed)
    with pytest.raises(Killed):
        fit(options(tmp_path / "cut"))
    monkeypatch.setattr(common.Run, "keep", keep)
    again = fit(options(tmp_path / "cut"))
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")
    for a, b in zip(whole.average.weights.values(), again.average.weights.values(), strict=True):
        assert torch.equal(a, b)


def test_resume_never_starts_anew(tmp_path):
    fit(options(tmp_path))
    assert common.Run(options(tmp_path), nn.Linear(3, 1)).step == 12
    assert common.Run(options(tmp_path, "--resume", "never"), nn.Linear(3, 1)).step == 0


def test_a_longer_schedule_is_a_second_stage(tmp_path):
    fit(options(tmp_path))
    run = fit(options(tmp_path, "--steps", "16"))
    assert [stage["from"] for stage in run.stages] == [0, 12]
    assert [row["step"] for row in curve(tmp_path)] == [4, 8, 12, 16]
    again = common.Run(options(tmp_path, "--steps", "16"), nn.Linear(3, 1))
    assert [stage["from"] for stage in again.stages] == [0, 12]


def test_a_kill_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    file = tmp_path / "checkpoint.pt"
    common.write_atomically(file, {"step": 1})

    def interrupted(state, stream):
        stream.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        common.write_atomically(file, {"step": 2})
    assert torch.load(file, weights_only=True) == {"step": 1}


def test_rows_after_the_resumed_step_and_half_rows_are_dropped(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step,seconds,loss\n4,1.5,0.9\n8,3,0.8\n12,4,0.7\n16,")
    log = common.Log(path, step=8)
    log.write(12, loss=0.75)
    assert [(row["step"], row["loss"]) for row in common.read_log(path)] == [(4, 0.9), (8, 0.8), (12, 0.75)]
    assert common.read_log(path)[-1]["seconds"] >= 3


def test_a_fresh_run_forgets_an_old_log(tmp_path):
    (tmp_path / "log.csv").write_text("step,seconds,loss\n4,1,0.9\n")
    common.Log(tmp_path / "log.csv", step=0)
    assert not (tmp_path / "log.csv").exists()


def test_the_rate_warms_up_and_follows_half_a_cosine():
    factors = [common.cosine(step, 1_000, warm_up=100) for step in range(1_001)]
    assert factors[0] == pytest.approx(0.01)
    assert max(factors) == 1 == factors[100]
    assert factors[550] == pytest.approx(0.505, abs=0.01)
    assert factors[1_000] == pytest.approx(0.01)
    assert common.cosine(0, 5) == 1  # a short run warms up for a tenth of its steps at most


def test_the_average_follows_and_copies_counts():
    model = nn.BatchNorm1d(1)
    average = common.Average(model, decay=0.5)
    with torch.no_grad():
        model.weight.fill_(3.0)
        model.num_batches_tracked.fill_(7)
    average.update(model, step=1_000)
    assert average.weights["weight"].item() == 2.0
    assert average.weights["num_batches_tracked"].item() == 7
    average.update(model, step=0)  # the decay of the first step is a tenth
    assert average.weights["weight"].item() == pytest.approx(2.9)


def test_generators_depend_on_seed_step_and_process():
    draws = {common.numpy_generator(*key).random() for key in ((0, 0), (1, 0), (0, 1), (0, 0, 1))}
    assert len(draws) == 4
    first, again = (torch.rand(3, generator=common.torch_generator(0, 5)) for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("name", ["--steps", "--batch", "--scenes", "--every"])
def test_numbers_below_one_are_refused(tmp_path, capsys, name):
    with pytest.raises(SystemExit):
        options(tmp_path, name, "0")
    assert "must be at least 1" in capsys.readouterr().err


def test_smoke_is_tiny(tmp_path):
    tiny = options(tmp_path, "--smoke", "--steps", "9000")
    assert isinstance(tiny, argparse.Namespace)
    assert (tiny.steps, tiny.batch, tiny.scenes) == (8, 4, 32)


@pytest.mark.parametrize(("native", "resolved"), [(True, "bf16"), (False, "no")])
def test_auto_uses_bfloat16_only_where_the_machine_computes_it(tmp_path, monkeypatch, native, resolved):
    monkeypatch.setattr(common, "native_bfloat16", lambda: native)
    assert options(tmp_path, "--precision", "auto").precision == resolved
    assert options(tmp_path, "--precision", "bf16").precision == "bf16"


def test_a_run_that_notes_other_numbers_than_before_keeps_its_log(tmp_path):
    path = tmp_path / "log.csv"
    for step, numbers in ((4, {"loss": 0.9}), (8, {"loss": 0.8, "accuracy": 0.5}), (12, {"loss": 0.7})):
        common.Log(path, step - 4).write(step, **numbers)
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in common.read_log(path)]
    assert rows == [{"step": 4, "loss": 0.9}, {"step": 8, "loss": 0.8, "accuracy": 0.5}, {"step": 12, "loss": 0.7}]


def test_a_kill_while_the_log_is_written_leaves_the_rows_before(tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    common.Log(path, 0).write(4, loss=0.9)
    before = path.read_text()
    monkeypatch.setattr(common.os, "replace", lambda *_: pytest.fail("killed here"))
    with pytest.raises(pytest.fail.Exception):
        common.Log(path, 4)
    assert path.read_text() == before


def test_each_process_of_a_launcher_takes_the_gpu_of_its_number(monkeypatch):
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert common.own_device() == torch.device("cuda:3")
    assert taken == [torch.device("cuda:3")]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert common.own_device() == torch.device("cpu")
