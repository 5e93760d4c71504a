import sys
import warnings
from urllib.error import HTTPError, URLError

import pytest
import torch
from huggingface_hub import constants

from course_utils.models import NoNetworkError, load, loading, registry
from course_utils.models.__main__ import table
from course_utils.models.registry import REGISTRY, SCALES, Entry, entry

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
    with pytest.raises(ValueError, match="known roles: vae"):
        load("unet")
    with pytest.raises(ValueError, match="known scales: critters, sd15, sdxl"):
        load("vae", "sd3")


def test_a_role_that_a_scale_lacks_says_where_it_exists(monkeypatch):
    large = Entry("planner", "sd15", "transformers", "CLIPModel", "x/y", 1, "MIT")
    monkeypatch.setattr(registry, "REGISTRY", (*REGISTRY, large))
    with pytest.raises(ValueError, match="it does at: sd15"):
        entry("planner", "critters")


def test_the_environment_chooses_the_scale_and_an_argument_overrules_it(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "sd15")
    assert entry("vae").scale == "sd15"
    assert entry("vae", "critters").scale == "critters"
    monkeypatch.setenv("COURSE_SCALE", "")
    assert entry("vae").scale == "critters"
    monkeypatch.setenv("COURSE_SCALE", "huge")
    with pytest.raises(ValueError, match="COURSE_SCALE"):
        load("vae")


def test_every_entry_says_all_that_the_table_shows():
    assert {e.scale for e in REGISTRY} <= set(SCALES)
    assert len({(e.role, e.scale) for e in REGISTRY}) == len(REGISTRY)
    lines = table().splitlines()
    assert len(lines) == 1 + len(REGISTRY)
    for e in REGISTRY:
        assert any(e.scale in line and e.licence in line for line in lines)


@pytest.fixture
def without_network(monkeypatch):
    monkeypatch.setattr(loading, "is_cached", lambda _: False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def refuse(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setattr(loading, "urlopen", refuse)


@pytest.mark.usefixtures("without_network")
@pytest.mark.filterwarnings("ignore:scale")
def test_without_a_network_it_announces_and_then_names_the_alternative(capsys):
    with pytest.raises(NoNetworkError) as caught:
        load("vae", "sd15", device="cpu")
    assert "\n" not in str(caught.value)
    assert "'critters' needs none" in str(caught.value)
    said = capsys.readouterr().out
    assert "stabilityai/sd-vae-ft-mse (335 MB" in said
    assert constants.HF_HUB_CACHE in said


def test_offline_mode_is_a_missing_network(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(NoNetworkError, match="HF_HUB_OFFLINE"):
        loading.reach(LARGE)


def test_a_model_that_left_the_hub_is_not_called_a_missing_network(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def gone(request, timeout):
        raise HTTPError(request.full_url, 404, "Not Found", None, None)

    monkeypatch.setattr(loading, "urlopen", gone)
    with pytest.raises(NoNetworkError, match=r"answers 404.*gone"):
        loading.reach(LARGE)


def test_a_reachable_hub_is_asked_for_the_configuration(monkeypatch):
    asked = []

    class Answer:
        def close(self):
            asked.append("closed")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(loading, "urlopen", lambda request, timeout: asked.append(request.full_url) or Answer())
    loading.reach(LARGE)
    assert asked == [f"{constants.ENDPOINT}/stabilityai/sd-vae-ft-mse/resolve/main/config.json", "closed"]


def test_a_fetched_model_goes_through_the_same_loader(monkeypatch):
    calls = []
    monkeypatch.setattr(loading, "is_cached", lambda _: True)
    monkeypatch.setattr(loading, "from_pretrained", lambda *a, **k: calls.append((a, k)) or torch.nn.Linear(1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load("vae", "sd15", device="cpu")
    assert calls == [((LARGE, "stabilityai/sd-vae-ft-mse", torch.float32), {"local_files_only": True})]


def test_a_cache_that_holds_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert not loading.is_cached(entry("vae", "sdxl"))


def test_a_large_model_on_a_cpu_warns_once(monkeypatch):
    monkeypatch.setattr(loading, "_warned", set())
    with pytest.warns(UserWarning, match="'sd15' runs on the CPU"):
        loading.warn_if_slow(LARGE, torch.device("cpu"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loading.warn_if_slow(LARGE, torch.device("cpu"))
        loading.warn_if_slow(entry("vae", "sdxl"), torch.device("cuda"))
        loading.warn_if_slow(entry("vae", "critters"), torch.device("cpu"))


def test_a_gpu_that_is_not_there_is_refused_with_advice(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert loading.pick_device().type == "cpu"
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
