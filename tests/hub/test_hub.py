"""The unchanged code for downloading and loading against the stand-in: what goes well, and all that can go wrong."""

import errno
import shutil
import socket

import pytest
import torch
from huggingface_hub import constants

from course_utils.models import DownloadError, NoNetworkError, check, load, load_text, loading
from course_utils.models import hub as client
from course_utils.models.__main__ import main
from course_utils.models.hub import Source, cached, fetch, sources
from course_utils.models.published import PUBLISHED, SD15
from course_utils.models.registry import entry
from tests.hub.repositories import LAYOUT, named, unet

VAE, UNET = entry("vae", "sd15"), entry("text_to_image", "sd15")
WEIGHTS = "diffusion_pytorch_model.safetensors"


def test_the_stand_in_has_every_repository_that_the_registry_names():
    assert named() == set(LAYOUT)


@pytest.mark.parametrize("chosen", PUBLISHED, ids=lambda e: f"{e.scale}-{e.role}-{e.condition}".strip("-"))
def test_every_role_of_every_scale_is_fetched_and_loaded(hub, chosen, capfd, monkeypatch):
    monkeypatch.setenv("TQDM_POSITION", "-1")  # bars although this is no terminal
    model = load(chosen.role, chosen.scale, "cpu", chosen.condition or None)
    assert type(model).__name__ == (chosen.kind if not chosen.lora else "UNet2DConditionModel")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not model.training
    said, bars = capfd.readouterr()
    assert said.startswith(f"fetching {chosen.hub} ({chosen.megabytes:.0f} MB, {chosen.licence}), kept in ")
    assert said.endswith(f"{chosen.name}: scale {chosen.scale}, on cpu\n")
    assert "100%" in bars  # the hub's client shows how far it is
    before = len(hub.log)
    load(chosen.role, chosen.scale, "cpu", chosen.condition or None)
    assert len(hub.log) == before  # the second time nobody is asked
    assert "fetching" not in capfd.readouterr().out


def test_half_precision_is_fetched_where_it_is_and_only_it(hub):
    assert fetch(UNET).variant == "fp16"
    assert [path for _, path, _ in hub.sent("safetensors")] == [
        hub.sent("safetensors")[0][1]] * len(hub.sent("safetensors"))  # fmt: skip
    assert "fp16" in hub.sent("safetensors")[0][1]
    assert cached(sources(UNET)[0], WEIGHTS) is None


def test_where_half_precision_is_missing_the_whole_is_taken(hub, tmp_path, monkeypatch):
    shutil.copytree(hub.folder, tmp_path / "other")
    (tmp_path / "other" / SD15 / "unet/diffusion_pytorch_model.fp16.safetensors").unlink()
    monkeypatch.setattr(hub, "folder", tmp_path / "other")
    assert fetch(UNET).variant == ""
    assert load("text_to_image", "sd15", "cpu").config.in_channels == 4


def test_prompts_are_read_with_the_published_tokenizer(hub):
    text = load_text("sd15", "cpu")
    assert text.read(["a fox"]).shape == (1, 77, 16)
    with pytest.raises(ValueError, match="stock pipeline"):
        load_text("sana", "cpu")


def test_the_lora_is_added_to_its_base(hub):
    torch.manual_seed(0)
    base, student = unet(), load("lcm", "sd15", "cpu")
    moved = [name for name, value in student.state_dict().items()
             if not torch.allclose(value, base.state_dict()[name].half().float(), atol=1e-6)]  # fmt: skip
    assert moved == ["down_blocks.0.resnets.0.conv1.weight", "mid_block.attentions.0.proj_in.weight"]


def test_a_flow_that_predicts_data_minus_noise_is_turned_round(hub):
    torch.manual_seed(0)
    theirs, ours = unet(), load("reflow", "sd15", "cpu")
    asked = (torch.randn(1, 4, 8, 8), torch.tensor([500.0]), torch.randn(1, 3, 16))
    with torch.no_grad():
        torch.testing.assert_close(ours(*asked).sample, -theirs(*asked).sample)


def test_a_cut_download_goes_on_where_it_stopped(hub, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # of 10 MB: these files are small
    size = (hub.folder / VAE.hub / WEIGHTS).stat().st_size
    hub.cut = size // 2
    source = fetch(VAE)
    (first,) = [asked for _, _, asked in hub.sent(WEIGHTS) if asked]
    assert size // 2 - 1000 < int(first.removeprefix("bytes=").removesuffix("-")) <= size // 2
    assert cached(source, WEIGHTS).read_bytes() == (hub.folder / VAE.hub / WEIGHTS).read_bytes()


def test_what_arrives_damaged_is_removed_and_fetched_anew(hub):
    hub.corrupt = True
    with pytest.raises(DownloadError, match=r"arrived damaged and was removed: run the cell again"):
        fetch(VAE)
    assert cached(sources(VAE)[0], WEIGHTS) is None
    hub.corrupt = False
    fetch(VAE)
    assert cached(sources(VAE)[0], WEIGHTS).read_bytes() == (hub.folder / VAE.hub / WEIGHTS).read_bytes()


def test_a_lost_revision_gives_way_to_the_newest(hub, capsys):
    hub.forgotten = {VAE.revision}
    assert fetch(VAE) == Source(VAE.hub, "", "main")
    assert f"{VAE.hub} at {VAE.revision} is gone: taking {VAE.hub} at main" in capsys.readouterr().out
    assert load("vae", "sd15", "cpu").config.latent_channels == 4


@pytest.mark.parametrize(("trouble", "said"), [("gone", "is gone"), ("gated", "asks for a log-in")])
def test_a_model_that_is_gone_or_gated_has_a_fallback(hub, trouble, said, capsys):
    setattr(hub, trouble, {VAE.hub})
    assert fetch(VAE) == Source(SD15, "vae", "main")
    assert f"{VAE.hub} at main {said}: taking {SD15} at main" in capsys.readouterr().out
    assert load("vae", "sd15", "cpu").config.latent_channels == 4


def test_where_no_source_is_left_one_sentence_says_so(hub):
    hub.gone, hub.gated = {VAE.hub}, {SD15}
    with pytest.raises(NoNetworkError) as caught:
        load("vae", "sd15", "cpu")
    said = str(caught.value)
    assert "\n" not in said
    assert f"{VAE.hub} at main is gone; {SD15} at main asks for a log-in" in said
    assert said.endswith("'critters' needs none: load('vae', scale='critters'), or unset COURSE_SCALE")


def test_a_disk_without_room_is_known_before(hub, monkeypatch):
    usage = shutil.disk_usage(hub.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10_000_000))
    with pytest.raises(DownloadError, match=r"needs 335 MB and the disk of .* is full: .* or set HF_HOME"):
        load("vae", "sd15", "cpu")
    assert hub.log == []


def test_a_disk_that_fills_up_on_the_way_is_told_the_same(hub, monkeypatch):
    def write(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", write)
    with pytest.raises(DownloadError, match="is full: free some space"):
        load("vae", "sd15", "cpu")


def test_without_a_network_it_says_so_at_once(hub, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", nobody)
    with pytest.raises(NoNetworkError, match=r"needs a network to fetch .*refused.*'critters' needs none"):
        load("vae", "sd15", "cpu")


def test_what_was_fetched_works_without_a_network(hub, monkeypatch):
    load("vae", "sd15", "cpu")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load("vae", "sd15", "cpu").config.latent_channels == 4


def test_the_network_may_be_lost_on_the_way(hub, monkeypatch):
    def lost(*_, **__):
        raise ConnectionResetError("reset")

    monkeypatch.setattr(client, "one", lost)
    with pytest.raises(NoNetworkError, match="goes on where it stopped"):
        fetch(VAE)


def test_another_failure_is_not_renamed(hub, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("something else")

    monkeypatch.setattr(client, "one", broken)
    with pytest.raises(RuntimeError, match="something else"):
        fetch(VAE)


def test_a_file_that_leaves_the_cache_is_named():
    with pytest.raises(FileNotFoundError, match=r"x.bin of no/where has left"):
        loading.at(Source("no/where"), "x.bin")


def test_the_check_finds_everything_and_then_what_is_missing(hub, capsys):
    assert main(["check"]) == 0
    first = capsys.readouterr().out
    assert all(chosen.hub in first for chosen in PUBLISHED)
    hub.gone, hub.gated, hub.forgotten = {VAE.hub}, {"madebyollin/taesd"}, {UNET.revision}
    assert main(["check"]) == 1
    said = capsys.readouterr().out
    assert f"GONE  sd15     vae                            {VAE.hub} at main  gone, or private" in said
    assert "madebyollin/taesd at main  gated: it asks for a log-in" in said
    assert f"{SD15}/unet at {UNET.revision[:7]}  the pinned revision is gone" in said
    assert said.rstrip().endswith("no source is left for preview: name another in models/published.py")


def test_a_repository_without_weights_is_found_out(hub, tmp_path, monkeypatch):
    (tmp_path / "other" / VAE.hub).mkdir(parents=True)
    monkeypatch.setattr(hub, "folder", tmp_path / "other")
    assert check.asked(VAE, sources(VAE)[1]).wrong == "lacks config.json, weights"


def test_a_check_without_a_network_knows_nothing(hub, monkeypatch, capsys):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert main(["check"]) == 2
    assert "nothing is known" in capsys.readouterr().out
