import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from course_utils.models.registry import REGISTRY
from course_utils.models.weights import FOLDER
from course_utils.train import all as everything
from course_utils.train import budget, stages
from course_utils.train.stages import STAGES, Stage

TOYS = (Stage("teacher", "toy", "--steps 4"), Stage("pupil", "toy", "--steps 2", {"--teacher": "teacher/model"}))


class Recipes:
    """Stands in for the recipes: writes a model that depends on what it was told, and remembers the commands."""

    def __init__(self, fails=()):
        self.ran, self.fails = [], set(fails)

    def __call__(self, words):
        told = dict(zip(words[3::2], words[4::2], strict=False))
        out = Path(told["--out"])
        self.ran.append(out.name)
        (out / "checkpoint.pt").touch()
        if out.name in self.fails:
            raise everything.StageError(f"{out.name} ended with code 1")
        (out / "model").mkdir(exist_ok=True)
        teacher = everything.fingerprint(Path(told["--teacher"])) if "--teacher" in told else ""
        number = float(int(teacher or "0", 16) % 10_007 + int(told["--steps"]))
        save_file({"weight": torch.tensor([number])}, out / "model/model.safetensors")


@pytest.fixture
def recipes():
    return Recipes()


def ran(recipes, folder, toys=TOYS):
    recipes.ran.clear()
    everything.train_all(toys, folder, recipes)
    return recipes.ran


def test_what_is_up_to_date_is_skipped(tmp_path, recipes, capsys):
    assert ran(recipes, tmp_path) == ["teacher", "pupil"]
    assert ran(recipes, tmp_path) == []
    assert "teacher: up to date\npupil: up to date" in capsys.readouterr().out


def test_changed_options_begin_anew_with_all_that_depends_and_keep_the_old_run(tmp_path, recipes):
    ran(recipes, tmp_path)
    longer = (replace(TOYS[0], options="--steps 9"), TOYS[1])
    assert ran(recipes, tmp_path, longer) == ["teacher", "pupil"]
    assert (tmp_path / "teacher.old-1/model/model.safetensors").exists()
    assert (tmp_path / "pupil.old-1/checkpoint.pt").exists()
    assert ran(recipes, tmp_path, longer) == []


def test_a_change_that_only_a_later_stage_feels_leaves_the_earlier_alone(tmp_path, recipes):
    ran(recipes, tmp_path)
    assert ran(recipes, tmp_path, (TOYS[0], replace(TOYS[1], options="--steps 3"))) == ["pupil"]


def test_other_weights_of_an_input_count_as_a_change(tmp_path, recipes):
    ran(recipes, tmp_path)
    save_file({"weight": torch.tensor([-1.0])}, tmp_path / "teacher/model/model.safetensors")
    assert everything.state(TOYS[0], tmp_path) == "goes on"  # no longer what the run left
    assert everything.state(TOYS[1], tmp_path) == "changed"


def test_an_interrupted_run_goes_on_in_its_folder(tmp_path):
    with pytest.raises(everything.StageError, match="ended with code 1"):
        ran(Recipes(fails=["pupil"]), tmp_path)
    assert everything.state(TOYS[0], tmp_path) == "up to date"
    assert everything.state(TOYS[1], tmp_path) == "goes on"
    assert ran(Recipes(), tmp_path) == ["pupil"]
    assert not list(tmp_path.glob("*.old-*"))


def test_a_run_begun_by_hand_is_taken_up(tmp_path, recipes):
    (tmp_path / "teacher").mkdir()
    assert everything.state(TOYS[0], tmp_path) == "new"
    (tmp_path / "teacher/checkpoint.pt").touch()
    assert everything.state(TOYS[0], tmp_path) == "goes on"
    assert ran(recipes, tmp_path) == ["teacher", "pupil"]
    assert not list(tmp_path.glob("*.old-*"))


def test_what_is_needed_must_be_there(tmp_path, recipes, capsys):
    with pytest.raises(everything.StageError, match="pupil needs teacher: train that first, with --only teacher"):
        everything.train(TOYS[1], tmp_path, recipes)
    assert not (tmp_path / "pupil").exists()
    with pytest.raises(SystemExit):
        everything.main(["--runs", str(tmp_path), "--only", "lcm"], recipes)
    assert "lcm needs clip, vae, text_to_image" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        everything.main(["--only", "nothing"], recipes)
    assert "no training called 'nothing'; there are critic, dense, vae" in capsys.readouterr().err


def test_a_recipe_that_leaves_no_weights_is_no_success(tmp_path):
    with pytest.raises(everything.StageError, match="left no weights"):
        everything.train(TOYS[0], tmp_path, lambda words: None)
    assert everything.state(TOYS[0], tmp_path) != "up to date"


def test_smoke_is_tiny_temporary_and_watches_over_the_shipped_weights(recipes, monkeypatch, tmp_path):
    commands = []
    everything.smoke_all(TOYS, lambda words: (commands.append(words), recipes(words)))
    assert all("--smoke" in words for words in commands)
    assert not Path(commands[0][commands[0].index("--out") + 1]).exists()
    assert not any(str(FOLDER) in word for words in commands for word in words)
    (tmp_path / "weights").mkdir()
    monkeypatch.setattr(everything, "FOLDER", tmp_path / "weights")
    with pytest.raises(everything.StageError, match="recipes write to --out alone"):
        everything.smoke_all(TOYS, lambda words: (recipes(words), (tmp_path / "weights/x").touch()))


def test_a_failing_process_says_which_and_what_to_do(capfd):
    with pytest.raises(everything.StageError, match=r"course_utils\.train\.toy ended with code 1"):
        everything.in_process_of_its_own([everything.sys.executable, "-m", "course_utils.train.toy"])


# ------------------------------------------------------------------------------------------------ the real stages


def test_every_stage_comes_after_those_it_needs_and_names_are_unique():
    names = [one.name for one in STAGES]
    assert len(set(names)) == len(names)
    for place, one in enumerate(STAGES):
        assert set(one.needs) <= set(names[:place])


def test_every_embedded_model_has_its_stage_as_the_registry_names_it():
    for entry in REGISTRY:
        if entry.embedded:
            one, (recipe, *told) = stages.stage(entry.folder), entry.recipe.split()
            assert one.recipe == recipe
            assert " ".join(told) in one.options


def options_of(recipe):
    """Every `--option` that a recipe's module, and those that make its parser, write down."""
    root = Path(everything.__file__).parent
    sources = [root / f"{name}.py" for name in (recipe, "common", "students")]
    constants = [node.value for path in sources for node in ast.walk(ast.parse(path.read_text()))
                 if isinstance(node, ast.Constant)]
    return {value for value in constants if isinstance(value, str) and value.startswith("--")}


@pytest.mark.parametrize("one", STAGES, ids=lambda one: one.name)
def test_recipes_know_the_options_they_are_given(one, tmp_path):
    words = everything.command(one, tmp_path, smoke=True)
    assert {word for word in words if word.startswith("--")} <= options_of(one.recipe)
    assert words[2] == f"course_utils.train.{one.recipe}"


def test_a_smoke_run_begins_with_what_a_smoke_run_keeps(tmp_path):
    from_a_step = [one for one in STAGES if any("/snapshots/" in path for path in one.inputs.values())]
    assert from_a_step
    for one in from_a_step:
        whole, smoke = (everything.command(one, tmp_path, smoke=smoke) for smoke in (False, True))
        kept = Path(whole[whole.index("--start") + 1])
        assert smoke[smoke.index("--start") + 1] == str(kept.parents[1] / "model")
        assert f"--snapshots {int(kept.name)}" in stages.stage(kept.parents[1].name).options


# ------------------------------------------------------------------------------------------------ the budget


def test_the_table_is_measured_where_weights_ship(tmp_path):
    (tmp_path / "vae").mkdir()
    save_file({"weight": torch.zeros(250_000)}, tmp_path / "vae/model.safetensors")
    (tmp_path / "vae/recipe.json").write_text(json.dumps({"steps": 1500, "hours": 0.5, "device": "a CPU (x)"}))
    text = budget.table((stages.stage("vae"), stages.stage("preview")), tmp_path)
    vae, preview, together = (line.strip("| ").split(" | ") for line in text.splitlines()[2:5])
    assert vae[3:] == ["1.00", "1,500", "30 on a CPU (x)"]
    assert float(vae[2]) == pytest.approx(5.2, abs=0.05)  # megabytes of the shipped autoencoder
    assert float(together[2]) == pytest.approx(float(vae[2]) + float(preview[2]), abs=0.02)  # rounded each


def test_every_stage_can_be_counted_and_students_are_as_large_as_their_teachers():
    counts = {one.name: budget.count(one.recipe) for one in STAGES}
    assert all(counts.values())
    teacher = counts["text_to_image"]
    assert {counts[name] for name in ("lcm", "dmd", "adversarial", "flow", "reflow")} == {teacher}
    assert counts["controlnet_pose"] < teacher < 5e6
