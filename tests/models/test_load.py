import io
import shutil
import sys
import warnings
from importlib.util import find_spec

import pytest
import torch
from huggingface_hub import constants

from course_utils.diffusion.samplers import SAMPLERS
from course_utils.models import (
    StoppedError,
    WeightsError,
    devices,
    hub,
    load,
    loading,
    lowrank,
    registry,
    schedulers,
    weights,
)
from course_utils.models.__main__ import table
from course_utils.models.registry import REGISTRY, SCALES, Entry, entry
from course_utils.train import ship

LARGE = entry("vae", "sd15")


def test_the_embedded_autoencoder_loads_frozen_in_float32(capsys):
    vae = load("vae", device="cpu")
    assert type(vae).__name__ == "AutoencoderKL"
    assert not vae.training
    assert {p.dtype for p in vae.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in vae.parameters())
    assert capsys.readouterr().out == "vae: scale critters, on cpu\n"


def test_it_has_stable_diffusions_ratio_at_any_size():
    vae = load("vae", device="cpu")
    for height, width in ((128, 128), (64, 96)):
        latent = vae.encode(torch.zeros(1, 3, height, width)).latent_dist.mean
        assert latent.shape == (1, 4, height // 8, width // 8)
        assert vae.decode(latent).sample.shape == (1, 3, height, width)


def test_it_loads_without_asking_the_hub(monkeypatch):
    import socket

    def refuse(*_):
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    load("vae", "critters")


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match=r"known roles: vae, clip, .*controlnet"):
        load("unet")
    with pytest.raises(ValueError, match="known scales: critters, sd15, sdxl"):
        load("vae", "sd3")
    with pytest.raises(ValueError, match="needs a condition; known conditions: pose, edge, depth"):
        load("controlnet")
    with pytest.raises(ValueError, match="no condition called 'scribble'; known conditions: pose, edge, depth"):
        load("controlnet", "sd15", condition="scribble")
    with pytest.raises(ValueError, match="'vae' takes no condition, got 'pose'"):
        load("vae", condition="pose")


def test_a_role_that_a_scale_lacks_says_where_it_exists(monkeypatch):
    large = Entry("planner", "sd15", "transformers", "CLIPModel", "x/y", 1, "MIT")
    monkeypatch.setattr(registry, "REGISTRY", (*REGISTRY, large))
    with pytest.raises(ValueError, match="it does at: sd15"):
        entry("planner", "critters")
    with pytest.raises(ValueError, match=r"it does at: critters, sd15$"):
        entry("controlnet", "sdxl", "pose")


def test_each_condition_is_a_model_of_its_own():
    folders = [entry("controlnet", "critters", condition).folder for condition in ("pose", "edge", "depth")]
    assert folders == ["controlnet_pose", "controlnet_edge", "controlnet_depth"]
    assert entry("controlnet", "sd15", "edge").hub == "lllyasviel/control_v11p_sd15_canny"
    assert {e.base for e in REGISTRY if e.role == "controlnet" and e.embedded} == {"text_to_image"}


@pytest.fixture
def without_weights(tmp_path, monkeypatch):
    """A copy of the course that holds no weights."""
    (tmp_path / weights.SUMS).write_text("{}")
    monkeypatch.setattr(weights, "FOLDER", tmp_path)


@pytest.mark.usefixtures("without_weights")
def test_weights_that_are_not_in_this_copy_name_their_recipe(monkeypatch):
    with pytest.raises(WeightsError, match=r"of flow are not in this copy.*"
                       r"python -m course_utils.train.text_to_image --objective flow --out runs/flow trains them"):
        load("flow")
    with pytest.raises(WeightsError, match=r"controlnet \(depth\).*--condition depth --out runs/controlnet_depth"):
        load("controlnet", condition="depth")
    monkeypatch.setattr(loading, "find_spec", lambda module: None)
    with pytest.raises(WeightsError, match="nor is the recipe"):
        load("flow")


@pytest.mark.usefixtures("without_weights")
def test_what_is_not_in_this_copy_is_not_offered():
    assert not [e for e in registry.available() if e.embedded]
    with pytest.raises(ValueError, match=r"known roles: vae, clip, text_encoder, text_to_image, controlnet, lcm,"):
        load("unet")  # those that the hub has
    *lines, last = table().splitlines()
    assert not [line for line in lines if " critters " in line]
    assert last.startswith("not in this copy: vae, clip, text_to_image, ")


def test_the_environment_chooses_the_scale_and_an_argument_overrules_it(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "sd15")
    assert entry("vae").scale == "sd15"
    assert entry("vae", "critters").scale == "critters"
    monkeypatch.setenv("COURSE_SCALE", "")
    assert entry("vae").scale == "critters"
    monkeypatch.setenv("COURSE_SCALE", "huge")
    with pytest.raises(ValueError, match="COURSE_SCALE"):
        load("vae")


def test_every_entry_says_all_that_is_needed():
    assert {e.scale for e in REGISTRY} <= set(SCALES)
    assert len({(e.role, e.scale, e.condition) for e in REGISTRY}) == len(REGISTRY)
    for e in REGISTRY:
        assert bool(e.recipe) == e.embedded != bool(e.parameters)
        assert bool(e.revision) <= (len(e.revision) == 40)
        assert bool(e.objective) == bool(e.sampler) == bool(e.steps)
        assert not e.sampler or e.sampler in schedulers.CONFIGURED
        assert ("flow" in e.sampler) == (e.objective == "flow")
        assert not e.objective or e.sampler in SAMPLERS[e.objective]
        if e.base:  # differences lead, one by one, to a network that is kept whole
            ways = [e]
            while ways[-1].base:
                ways.append(entry(ways[-1].base, e.scale))
                assert len(ways) < 4
            assert not ways[-1].base


def test_shipped_models_have_a_recipe():
    for e in registry.available():
        assert not e.embedded or find_spec(f"course_utils.train.{e.recipe.split()[0]}")


def test_the_table_shows_what_can_be_loaded():
    lines = table().splitlines()
    for e in registry.available():
        assert any(e.role in line and e.scale in line and e.licence in line for line in lines)


def test_the_loader_is_told_the_half_precision_file_and_the_number_format(monkeypatch):
    asked = []
    kind = type("Kind", (), {"from_pretrained": staticmethod(lambda *a, **k: asked.append((a, k)))})
    monkeypatch.setattr(loading, "class_of", lambda _: kind)
    unet, clip = entry("text_to_image", "sd15"), entry("clip", "sd15")
    assert hub.within(unet, "config.json") == "unet/config.json"
    loading.from_pretrained(unet, "folder", torch.float16, variant="fp16")
    loading.from_pretrained(clip, "folder", torch.float16)
    assert asked[0][1].items() >= {"variant": "fp16", "use_safetensors": True}.items()
    assert asked[1] == (("folder",), {"dtype": torch.float16})


def test_the_way_out_of_a_missing_network_is_a_line_that_works():
    assert hub.call(entry("controlnet", "sd15", "edge")) == "load('controlnet', scale='critters', condition='edge')"


def test_a_cache_that_holds_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert not hub.is_cached(entry("vae", "sdxl"))


def test_weights_in_parts_are_here_when_all_parts_are(tmp_path, monkeypatch):
    """A download that was cut after the index, or between two parts, goes on."""
    source, index = hub.Source("somebody/model", "", "main"), "model.safetensors.index.json"
    monkeypatch.setattr(hub, "cached", lambda _, name: tmp_path / name if (tmp_path / name).exists() else None)
    assert not hub.complete(source, index)
    (tmp_path / index).write_text('{"weight_map": {"a": "1.safetensors", "b": "2.safetensors", "c": "1.safetensors"}}')
    (tmp_path / "1.safetensors").touch()
    assert not hub.complete(source, index)
    (tmp_path / "2.safetensors").touch()
    assert hub.complete(source, index)
    assert hub.complete(source, "1.safetensors")


def test_a_log_in_is_shown_to_the_hub_and_not_to_where_it_sends_us(monkeypatch):
    asked = []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "secret")
    monkeypatch.setattr(hub, "urlopen", lambda request, timeout: asked.append(request) or io.BytesIO())
    assert hub.status(LARGE, hub.sources(LARGE)[0]) is None
    (request,) = asked
    assert request.get_header("Authorization") == "Bearer secret"
    assert "secret" not in str(request.headers)  # these follow a redirection


def test_a_large_model_on_a_cpu_warns_once(monkeypatch):
    monkeypatch.setattr(devices, "_told", set())
    monkeypatch.setattr(devices, "_asked", set())
    with pytest.warns(UserWarning, match="'sd15' runs on the CPU"):
        devices.mind_the_time(LARGE, torch.device("cpu"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        devices.mind_the_time(LARGE, torch.device("cpu"))
        devices.mind_the_time(entry("vae", "sdxl"), torch.device("cuda"))
        devices.mind_the_time(entry("vae", "critters"), torch.device("cpu"))


@pytest.mark.parametrize(("answer", "goes_on"), [("y", True), ("Yes ", True), ("", False), ("n", False), ("?", False)])
def test_a_huge_model_on_a_cpu_asks_before_it_takes_hours(monkeypatch, answer, goes_on):
    asked = []
    monkeypatch.setattr(devices, "_told", {"sd15"})  # of its smaller parts one was warned already
    monkeypatch.setattr(devices, "_asked", set())
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or answer)
    huge = entry("text_to_image", "sd15")
    if goes_on:
        for _ in range(2):
            devices.mind_the_time(huge, torch.device("cpu"))
        assert len(asked) == 1
    else:
        for _ in range(2):  # a changed mind is asked again
            with pytest.raises(StoppedError, match=r"T4 GPU.*scale='critters'.*COURSE_CPU=yes"):
                devices.mind_the_time(huge, torch.device("cpu"))
    assert set(asked) == {"scale 'sd15' runs on the CPU here: a picture takes minutes, a notebook hours."
                          " Go on all the same? [y/N] "}


def test_nobody_is_asked_where_nobody_can_answer(monkeypatch):
    huge, asked = entry("text_to_image", "sd15"), []

    def nobody(question):
        asked.append(question)
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    for setting, count in (("", 1), ("yes", 1)):
        monkeypatch.setattr(devices, "_told", set())
        monkeypatch.setattr(devices, "_asked", set())
        monkeypatch.setenv("COURSE_CPU", setting)
        with pytest.warns(UserWarning, match="expect minutes"):
            devices.mind_the_time(huge, torch.device("cpu"))
        assert len(asked) == count


def test_a_gpu_that_is_not_there_is_refused_with_advice(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.pick_device().type == "cpu"
    with pytest.raises(ValueError, match="device='cpu'"):
        load("vae", device="cuda")


@pytest.mark.parametrize(("version", "keyword"),
                         [("0.39.0", "torch_dtype"), ("0.40.0", "dtype"), ("1.0.dev0", "dtype")])
def test_the_keyword_for_the_number_format_follows_the_version(version, keyword):
    assert loading.dtype_keyword("diffusers", version) == keyword
    assert loading.dtype_keyword("transformers", version) == "dtype"


def test_the_chosen_keyword_is_one_that_this_version_reads(recwarn):
    load("vae", device="cpu")
    assert not [w for w in recwarn if "dtype" in str(w.message)]
    assert "diffusers" in sys.modules


def test_a_difference_comes_back_as_a_whole_stock_network(tiny, capsys):
    before = torch.random.get_rng_state()
    student, base = load("lcm", device="cpu"), load("text_to_image", device="cpu")
    assert torch.random.get_rng_state().equal(before)  # loading draws nothing
    assert type(student).__name__ == "UNet2DConditionModel"
    assert not student.training
    assert {p.dtype for p in student.parameters()} == {torch.float32}
    assert not any(p.requires_grad or p.is_meta for p in student.parameters())
    kept, _ = lowrank.read(tiny / "lcm" / lowrank.FILE)
    expected = lowrank.restored(base.state_dict(), kept)
    assert all(value.equal(expected[name]) for name, value in student.state_dict().items())
    assert not student.conv_in.weight.equal(base.conv_in.weight)
    assert "lcm: scale critters, on cpu" in capsys.readouterr().out


def test_a_difference_to_a_difference_is_added_up(tiny, tmp_path, monkeypatch):
    copy = tmp_path / "weights"
    shutil.copytree(tiny, copy)
    monkeypatch.setattr(weights, "FOLDER", copy)
    base = lowrank.whole(copy, "text_to_image")
    for name, origin in (("flow", "text_to_image"), ("reflow", "flow")):
        shutil.copytree(copy / "lcm", copy / name, dirs_exist_ok=True)
        (copy / name / lowrank.LIBRARY).unlink(missing_ok=True)
        tuned = {key: value.float() + 0.01 for key, value in lowrank.whole(copy, origin).items()}
        sha = weights.sha256(lowrank.file(copy / origin))
        kept = lowrank.difference(tuned, lowrank.whole(copy, origin), 2)
        lowrank.write(copy / name / lowrank.FILE, kept, base=origin, base_sha256=sha, rank="2")
    ship.record(copy)
    student = load("reflow", device="cpu").state_dict()
    assert all(torch.allclose(student[key], value.float() + 0.02, atol=2e-3) for key, value in base.items())
    assert ship.stale(copy) == []
    lowrank.write(copy / "flow" / lowrank.FILE, kept, base="text_to_image", base_sha256="0" * 64, rank="2")
    assert ship.stale(copy) == ["flow", "reflow"]
    ship.record(copy)
    with pytest.raises(WeightsError, match="of reflow are a difference to another flow than is here"):
        load("reflow")


def test_a_controlnet_names_its_condition(tiny, capsys):
    assert type(load("controlnet", device="cpu", condition="pose")).__name__ == "ControlNetModel"
    assert capsys.readouterr().out == "controlnet (pose): scale critters, on cpu\n"


def test_clip_loads_without_a_bar(tiny, capfd):
    assert type(load("clip", device="cpu")).__name__ == "CLIPModel"
    assert capfd.readouterr() == ("clip: scale critters, on cpu\n", "")


def test_a_difference_to_weights_that_are_no_longer_here_is_refused(tiny, tmp_path, monkeypatch):
    copy = tmp_path / "weights"
    shutil.copytree(tiny, copy)
    monkeypatch.setattr(weights, "FOLDER", copy)
    for name in ("config.json", "diffusion_pytorch_model.safetensors"):
        shutil.copy(copy / "flow" / name, copy / "text_to_image" / name)
    ship.record(copy)
    with pytest.raises(WeightsError, match=r"of lcm are a difference to another text_to_image than is here: ship"):
        load("lcm")
    (copy / "lcm" / lowrank.FILE).write_bytes(b"0" * 100)
    with pytest.raises(WeightsError, match="damaged"):
        load("lcm")


def test_the_table_shows_conditions_and_differences(tiny):
    lines = table().splitlines()
    (pose,) = [line for line in lines if "controlnet (pose)" in line and "critters" in line]
    assert "weights/controlnet_pose" in pose
    (lcm,) = [line for line in lines if line.startswith("lcm ") and "critters" in line]
    assert weights.expected()["lcm/difference.safetensors"][:16] in lcm


def test_a_difference_comes_in_the_wanted_precision_without_a_word(tiny, monkeypatch):
    said = []
    monkeypatch.setattr("diffusers.models.modeling_utils.logger.warning", lambda *a: said.append(a))
    for dtype in (torch.float16, torch.float32):
        network = loading.embedded(entry("lcm", "critters"), dtype)
        assert {p.dtype for p in network.parameters()} == {dtype}
    assert said == []
