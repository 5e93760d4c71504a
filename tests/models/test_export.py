import json
import re
import shutil

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, LCMScheduler, StableDiffusionControlNetPipeline, StableDiffusionPipeline
from PIL import Image

from course_utils.critters import Scene, caption, pose_map
from course_utils.diffusion import flow, schedule
from course_utils.diffusion.controlled import Controlled
from course_utils.diffusion.samplers import ddim, euler, initial_noise, with_guidance
from course_utils.models import WeightsError, export, load, load_text, weights
from course_utils.models import __main__ as command
from course_utils.models.export import MARK, origin
from course_utils.models.registry import entry

pytestmark = pytest.mark.usefixtures("tiny")

PROMPTS, SEEDS, STEPS = ["a small scaly blue cat", "a fox"], [5, 6], 5


def silent(pipeline):
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def ours(unet, scale, steps=STEPS, prompts=PROMPTS, seeds=SEEDS):
    """Pictures in [0, 1] by the course's own loop."""
    text, vae = load_text(device="cpu"), load("vae", device="cpu")
    conditional = text.read(prompts)
    predict = with_guidance(unet, conditional, text.read([""]).expand_as(conditional), scale)
    with torch.no_grad():
        z = ddim(predict, initial_noise(seeds), schedule.trailing(steps))
        return (vae.decode(z / vae.config.scaling_factor).sample / 2 + 0.5).clamp(0, 1)


def run_readme(folder, monkeypatch, steps=None):
    """Execute the README's lines as they stand, or with another count of steps."""
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    if steps:
        code, changed = re.subn(r"(?<=num_inference_steps=)\d+|(?<=\), )\d+$", str(steps), code, flags=re.MULTILINE)
        assert changed == 1
    monkeypatch.chdir(folder)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    return names


@pytest.mark.parametrize("scale", [3.0, 7.5])
def test_the_stock_pipeline_loads_it_as_stable_diffusion_and_makes_the_same_pictures(tmp_path, scale):
    folder = export("text_to_image", tmp_path / "sd")
    pipeline = silent(StableDiffusionPipeline.from_pretrained(folder))
    assert {p.dtype for p in pipeline.unet.parameters()} == {torch.float32}
    theirs = pipeline(PROMPTS, latents=initial_noise(SEEDS), guidance_scale=scale, output_type="pt",
                      num_inference_steps=STEPS).images
    expected = ours(load("text_to_image", device="cpu"), scale)
    assert expected.std() > 0.01  # pictures of something
    torch.testing.assert_close(theirs, expected, atol=1e-4, rtol=0)


def test_so_does_the_controlnet_pipeline(tmp_path):
    folder = export("controlnet", tmp_path / "pose", condition="pose")
    pipeline = silent(StableDiffusionControlNetPipeline.from_pretrained(folder))
    shown = Image.open(folder / "map.png")
    assert np.array_equal(np.asarray(shown), pose_map(Scene()))
    theirs = pipeline(PROMPTS, [shown, shown], latents=initial_noise(SEEDS), guidance_scale=3.0, output_type="pt",
                      num_inference_steps=STEPS).images
    hint = torch.tensor(pose_map(Scene())).permute(2, 0, 1)[None].float() / 255
    base = load("text_to_image", device="cpu")
    unet = Controlled(base, load("controlnet", device="cpu", condition="pose"), hint.expand(2, -1, -1, -1), 1.0)
    expected = ours(unet, 3.0)
    torch.testing.assert_close(theirs, expected, atol=1e-4, rtol=0)
    assert (expected - ours(base, 3.0)).abs().max() > 0.01  # the map did something


def test_a_student_brings_its_scheduler(tmp_path, monkeypatch):
    folder = export("lcm", tmp_path / "lcm")
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    assert type(pipeline.scheduler) is LCMScheduler
    torch.testing.assert_close(pipeline.unet.state_dict(), dict(load("lcm", device="cpu").state_dict()))
    assert "num_inference_steps=4, guidance_scale=1.0" in (folder / "README.md").read_text()
    assert run_readme(folder, monkeypatch)["picture"].size == (128, 128)


@pytest.mark.parametrize("arguments", [("text_to_image",), ("controlnet", "pose")])
def test_the_readmes_lines_draw_a_picture(tmp_path, monkeypatch, arguments):
    role, *condition = arguments
    folder = export(role, tmp_path / "it", *condition)
    run_readme(folder, monkeypatch, steps=5)
    assert Image.open(folder / "picture.png").size == (128, 128)


def test_a_flow_is_no_pipeline_and_its_readme_has_the_loop(tmp_path, monkeypatch, capsys):
    folder = export("flow", tmp_path / "flow")
    assert "StableDiffusionPipeline cannot run flow" in capsys.readouterr().out
    assert "`init_noise_sigma`" in (folder / "README.md").read_text()
    with pytest.raises(OSError, match=r"model_index.json"):
        StableDiffusionPipeline.from_pretrained(folder)
    z = run_readme(folder, monkeypatch, steps=5)["z"]
    text = load_text(device="cpu")
    predict = with_guidance(load("flow", device="cpu"), text.read([caption(Scene())]), text.read([""]), 3.0)
    with torch.no_grad():
        expected = euler(predict, initial_noise([0]), flow.sigmas(5))
    torch.testing.assert_close(z, expected, atol=1e-4, rtol=1e-4)


def test_a_model_of_pixels_has_no_autoencoder(tmp_path, monkeypatch):
    folder = export("pixel_text_to_image", tmp_path / "pixels")
    assert not (folder / "vae").exists()
    assert run_readme(folder, monkeypatch, steps=2)["x"].shape == (1, 3, 32, 32)


@pytest.mark.parametrize("role", ["vae", "preview", "clip"])
def test_models_that_are_used_alone(tmp_path, monkeypatch, role):
    folder = export(role, tmp_path / role)
    picture = run_readme(folder, monkeypatch)["picture"]
    assert picture.shape == ((1, 2) if role == "clip" else (1, 3, 128, 128))
    assert (folder / "tokenizer.json").exists() == (role == "clip")


def test_no_file_names_this_machine_and_the_mark_names_the_weights(tmp_path, tiny):
    folder = export("controlnet", tmp_path / "pose", "pose")
    for file in folder.rglob("*.json"):
        assert str(tiny) not in file.read_text(), file
        assert str(tmp_path) not in file.read_text(), file
    origin = json.loads((folder / MARK).read_text())
    assert (origin["role"], origin["condition"]) == ("controlnet", "pose")
    roles = {path.split("/")[0] for path in origin["weights"]}
    assert roles == {"controlnet_pose", "text_to_image", "clip", "vae"}
    assert origin["weights"].items() <= weights.expected().items()


@pytest.mark.parametrize(("role", "bases"), [("reflow", {"flow", "text_to_image"}), ("dmd", {"text_to_image"})])
def test_the_mark_names_every_base_on_the_way(role, bases, monkeypatch):
    names = [role, *bases, "clip", "vae", "critic"]
    monkeypatch.setitem(origin.__globals__, "expected", lambda: {f"{name}/model": "0" for name in names})
    found = {path.split("/")[0] for path in origin(entry(role, "critters"))["weights"]}
    assert found == {role, *bases, "clip", "vae"}


@pytest.mark.parametrize("where", ["write_text", "save_pretrained", "rename"])
def test_an_interrupted_export_is_not_there_and_the_same_call_goes_on(tmp_path, where):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    kind = AutoencoderKL if where == "save_pretrained" else type(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, where, interrupt)
        with pytest.raises(KeyboardInterrupt):
            export("vae", tmp_path / "vae")
    assert not (tmp_path / "vae").exists()
    export("vae", tmp_path / "vae")
    assert [path.name for path in tmp_path.iterdir()] == ["vae"]
    AutoencoderKL.from_pretrained(tmp_path / "vae")


def test_an_interruption_between_two_exports_leaves_the_way_clear(tmp_path, monkeypatch):
    folder = export("vae", tmp_path / "vae")
    (folder / "older").touch()
    rename, count = type(tmp_path).rename, []

    def second(self, target):
        count.append(target)
        if len(count) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "rename", second)
        with pytest.raises(KeyboardInterrupt):
            export("vae", folder)
    assert not folder.exists()  # neither half of one nor half of the other
    export("vae", folder)
    assert [path.name for path in tmp_path.iterdir()] == ["vae"]
    assert not (folder / "older").exists()


def test_an_earlier_export_is_replaced_and_nothing_else_is(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    export("vae", folder)  # empty: welcome
    export("preview", folder)
    assert json.loads((folder / "config.json").read_text())["_class_name"] == "AutoencoderTiny"
    (folder / MARK).unlink()
    with pytest.raises(ValueError, match="is no export: give a folder that is new or empty"):
        export("vae", folder)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is no export"):
        export("vae", tmp_path / "file")


def test_what_cannot_be_exported_says_why(tmp_path, tiny, monkeypatch):
    with pytest.raises(ValueError, match="known roles: "):
        export("unet", tmp_path / "x")
    with pytest.raises(ValueError, match="known conditions: pose, edge, depth"):
        export("controlnet", tmp_path / "x")
    with pytest.raises(WeightsError, match=r"of controlnet \(depth\) are not in this copy"):
        export("controlnet", tmp_path / "x", "depth")
    shutil.copytree(tiny, tmp_path / "broken")
    monkeypatch.setattr(weights, "FOLDER", tmp_path / "broken")
    (tmp_path / "broken/clip/tokenizer.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"tokenizer.json is damaged"):
        export("text_to_image", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_the_command_line(tmp_path, capsys):
    command.main(["export", "controlnet", str(tmp_path / "pose"), "--condition", "pose"])
    assert f"wrote {tmp_path / 'pose'}" in capsys.readouterr().out
    assert (tmp_path / "pose/model_index.json").exists()
    with pytest.raises(SystemExit):
        command.main(["export", "vea", str(tmp_path / "x")])
    assert "no role called 'vea'; known roles: vae" in capsys.readouterr().err
    command.main([])
    assert "not in this copy: text_to_image_nodropout" in capsys.readouterr().out
