"""What all recipes of few-step students promise, on networks so small that they learn nothing worth seeing."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from course_utils.diffusion import schedule
from course_utils.diffusion.samplers import with_guidance
from course_utils.measure.critic import Critic
from course_utils.models import lowrank
from course_utils.train import (
    adversarial,
    clip,
    common,
    compute,
    dmd,
    lcm,
    portable,
    reflow,
    students,
    text_to_image,
    vae,
)
from course_utils.train.common import read_log

RECIPES = {
    "lcm": (lcm, []), "flow_consistency": (lcm, ["--objective", "flow"]),
    "dmd": (dmd, []), "adversarial": (adversarial, []), "reflow": (reflow, ["--teacher-steps", "2", "--pairs", "8"])}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Untrained CLIP, autoencoder and teacher."""
    folder = tmp_path_factory.mktemp("students")
    torch.manual_seed(0)
    options = common.parsed(common.arguments("clip", "", 1, 1, 1e-3), ["--out", str(folder / "clip")])
    clip.write_model(clip.network(patch=64, width=16), options)
    codec = vae.network((8, 8, 8, 8))
    codec.register_to_config(scaling_factor=2.0)
    codec.save_pretrained(folder / "vae")
    portable.write(text_to_image.network(16, (16, 16, 32)), folder / "teacher", 0)
    return folder


@pytest.fixture(scope="module")
def given(tiny):
    return ["--steps", "3", "--every", "2", "--batch", "2", "--scenes", "8", "--precision", "no", "--judged", "0",
            "--rate", "1e-3", "--teacher", str(tiny / "teacher"), "--clip", str(tiny / "clip/model"),
            "--vae", str(tiny / "vae"), "--cache", str(tiny / "cache")]


@pytest.fixture(scope="module")
def run(tiny, given):
    def trained(role, name, *more):
        recipe, options = RECIPES[role]
        recipe.main([*given, *options, "--out", str(tiny / name), *more])
        return [{**row, "seconds": 0} for row in read_log(tiny / name / "log.csv")]

    return trained


@pytest.fixture(scope="module")
def lesson(tiny, given):
    parser = students.arguments("lcm", "", 1, 2, 1e-3)
    return students.Lesson(common.parsed(parser, [*given, "--judged", "8", "--out", str(tiny / "lesson")]))


class KilledError(RuntimeError):
    pass


def shipped():
    weights = Path(students.__file__).parents[1] / "models/weights"
    return {path: path.stat().st_mtime_ns for path in weights.rglob("*") if path.is_file() and path.suffix != ".pyc"}


@pytest.mark.parametrize("role", RECIPES)
def test_it_learns_into_its_own_folder(role, run, tiny):
    before, teacher = shipped(), portable.read(tiny / "teacher")
    rows = run(role, role)
    assert [row["step"] for row in rows] == [2, 3]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert {path.name for path in (tiny / role).iterdir()} - {"couplings"} == {"checkpoint.pt", "log.csv", "model"}
    assert shipped() == before
    tuned = portable.read(tiny / role / "model")
    still = portable.read(tiny / "teacher")
    assert all(still[name].equal(value) for name, value in teacher.items())
    assert tuned.keys() == teacher.keys()
    assert not any(tuned[name].equal(value) for name, value in teacher.items() if value.ndim > 1)
    UNet2DConditionModel.from_pretrained(tiny / role / "model", local_files_only=True)


@pytest.mark.parametrize("role", ["lcm", "dmd", "adversarial", "reflow"])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(role, run, tiny, monkeypatch):
    original = common.Run.learn

    def learn(self, loss, step):
        if step == 2:
            raise KilledError
        original(self, loss, step)

    with monkeypatch.context() as patch:
        patch.setattr(common.Run, "learn", learn)
        with pytest.raises(KilledError):
            run(role, f"{role}-killed")
    rows = run(role, f"{role}-killed")
    assert rows == [{**row, "seconds": 0} for row in read_log(tiny / role / "log.csv")]
    ours, theirs = portable.read(tiny / role / "model"), portable.read(tiny / f"{role}-killed/model")
    assert all(ours[name].equal(theirs[name]) for name in ours)


def test_a_run_of_low_rank_ships_without_loss_and_is_a_start_for_others(run, tiny):
    run("lcm", "low", "--rank", "2", "--rate", "1e-2")
    tuned, base = portable.read(tiny / "low/model"), portable.read(tiny / "teacher")
    assert tuned.keys() == base.keys()
    ranks = {name: int(torch.linalg.matrix_rank((tuned[name] - base[name]).flatten(1), atol=2e-3))
             for name in base if lowrank.worthwhile(base[name], 2)}
    assert max(ranks.values()) == 2
    assert not any(tuned[name].equal(base[name]) for name in ranks)
    assert lowrank.share_kept(tuned, base, lowrank.difference(tuned, base, 2)) > 0.99
    run("lcm", "further", "--rank", "2", "--rate", "1e-9", "--steps", "1", "--start", str(tiny / "low/model"))
    further = portable.read(tiny / "further/model")
    for name in tuned:
        torch.testing.assert_close(further[name], tuned[name], atol=2e-3, rtol=0)


@pytest.mark.parametrize("sampler", ["lcm", "lcm_flow", "euler_flow"])
def test_pictures_are_judged_at_each_number_of_evaluations(sampler, lesson, monkeypatch):
    monkeypatch.setattr(students, "load_critic", lambda device: Critic((8, 8, 8, 8)).eval())
    unet, calls = lesson.teacher.unet, []
    hook = unet.register_forward_hook(lambda *_: calls.append(1))
    row = students.Judge(lesson, sampler)(unet, 7)
    hook.remove()
    assert row.keys() == {"accuracy_1", "accuracy_2", "accuracy_4"}
    assert len(calls) == 1 + 2 + 4
    sheet = Image.open(lesson.options.out / "samples-000007.png")
    assert sheet.size == (8 * 128 + 7 * 2, 3 * 128 + 2 * 2)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_teacher_is_the_guided_network(lesson, scale):
    z, context = torch.randn(3, 4, 16, 16), lesson.text.read(["a fox", "a cat", "a dog"])
    teacher = lesson.teacher
    teacher.scale = scale
    with torch.no_grad():
        theirs = with_guidance(teacher.unet, context, teacher.empty.expand_as(context), scale)(z, 321)
    torch.testing.assert_close(teacher(z, torch.tensor([321] * 3), context), theirs, atol=1e-5, rtol=1e-5)


def test_a_missing_teacher_says_how_to_train_one(lesson, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no U-Net"):
        students.Teacher(tmp_path, lesson.device, lesson.teacher.empty, 3.0)


def test_fractions_reach_the_noise_and_never_the_picture(lesson):
    u = lesson.fractions(np.random.default_rng(0), 0.0, 1.0)
    assert u.min() > 0
    assert u.max() <= 1
    assert students.PATHS["epsilon"].times(torch.ones(1)) == schedule.STEPS - 1


@pytest.mark.parametrize("role", RECIPES)
def test_a_step_costs_as_many_passes_as_is_said(role, tiny, run, lesson):
    """On a network of the shipped size, for beside a tiny one a discriminator's heads would weigh.

    `lesson` has encoded the scenes: that is no part of a step.
    """
    net = text_to_image.network(16)
    portable.write(net, tiny / "large", 0)

    def counted(steps):
        with FlopCounterMode(display=False) as counter:
            run(role, f"counted-{role}-{steps}", "--steps", str(steps), "--teacher", str(tiny / "large"))
        return counter.get_total_flops()

    batch = 2
    a_step = (counted(2) - counted(1)) / batch / compute.pass_flops(net)
    name = RECIPES[role][0].__name__.split(".")[-1]
    assert a_step == pytest.approx(compute.PASSES_BY_RECIPE[name], rel=0.03)


def test_compute_is_added_up_over_what_a_student_began_with(tmp_path):
    def told(role, recipe, steps, **options):
        (tmp_path / role).mkdir()
        facts = {"command": f"python -m course_utils.train.{recipe}", "steps": steps, "options": {
            "from step 0": {"batch": "16", "start": "None", **options}}}
        (tmp_path / role / "recipe.json").write_text(json.dumps(facts))

    told("lcm", "lcm", 3000)
    told("dmd", "dmd", 500, start="lcm, step 2000")
    told("adversarial", "adversarial", 500, start="lcm")
    told("reflow", "reflow", 10, pairs="100", teacher_steps="25", scale="3.0")
    passes = {role: compute.passes(role, tmp_path) for role in ("lcm", "dmd", "adversarial", "reflow")}
    assert passes["lcm"] == passes["dmd"] == 3000 * 16 * 6
    assert passes["adversarial"] > passes["lcm"]
    assert passes["reflow"] == 100 * 25 * 2 + 10 * 16 * 3
