import json
import socket
from functools import cache

import pytest
import torch

from course_utils.models.configs import config, names, on_meta, parameters
from course_utils.models.published import PUBLISHED


@cache
def counted(name):
    """Parameters of a configuration, each network made once."""
    return parameters(on_meta(name))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a configuration asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize(("name", "count"), [
    ("sd15-vae", 83_653_863), ("sdxl-vae", 83_653_863), ("sd15-unet", 859_520_964), ("sdxl-unet", 2_567_463_684),
])
def test_the_real_networks_have_their_published_sizes(name, count):
    network = on_meta(name)
    assert parameters(network) == count == config(name)["_published_parameters"]
    assert {p.device.type for p in network.parameters()} == {"meta"}
    assert not network.training


def test_the_pixel_rival_has_its_published_size():
    assert parameters(on_meta("adm-512")) == pytest.approx(559e6, rel=1e-3)


@pytest.mark.parametrize(("name", "count"), [
    ("sd15-controlnet", 361_279_120), ("sd15-inpainting-unet", 859_535_364), ("sd15-instruct-unet", 859_532_484),
    ("sd15-text", 123_060_480), ("clip-b32", 151_277_313), ("taesd", 2_445_063), ("sana-vae", 312_250_275),
    ("sana-text", 2_614_341_888), ("z-image-vae", 83_819_683),
])  # fmt: skip
def test_their_relatives_do_too(name, count):
    assert counted(name) == count == config(name)["_published_parameters"]


@pytest.mark.parametrize("name", ["sana-transformer", "sana-sprint-transformer", "z-image-transformer"])
def test_sizes_that_were_published_rounded_are_met(name):
    assert counted(name) == pytest.approx(config(name)["_published_parameters"], rel=0.03)


def low_rank(network, rank):
    """Numbers of a LoRA beside the layers that LCM-LoRA changes (Luo et al. 2023, arXiv:2311.05556)."""
    ends = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2",
            "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv", "time_emb_proj")
    layers = [module.weight for name, module in network.named_modules() if name.endswith(ends)]
    return sum(rank * (weight.shape[0] + weight[0].numel()) for weight in layers)


@pytest.mark.parametrize("chosen", PUBLISHED, ids=lambda e: f"{e.scale}-{e.name}")
def test_the_registry_counts_what_its_configurations_hold(chosen):
    if chosen.lora:  # of rank 64, in half precision
        assert chosen.parameters == low_rank(on_meta("sd15-unet"), 64)
        assert chosen.parameters * 2 == pytest.approx(chosen.megabytes * 1e6, rel=0.01)
    else:
        assert chosen.parameters == counted(chosen.config)
        assert config(chosen.config)["_class_name"] == chosen.kind


def test_sanas_latents_are_twice_as_small():
    with torch.no_grad():
        code = on_meta("sana-vae").encode(torch.empty(1, 3, 512, 512, device="meta")).latent
    assert code.shape == (1, 32, 16, 16)
    assert 3 * 512 * 512 / code.numel() == 96


@pytest.mark.parametrize(("name", "side", "latent"), [("sd15-vae", 512, 64), ("sdxl-vae", 1024, 128)])
def test_the_autoencoders_shapes(name, side, latent):
    vae = on_meta(name)
    picture = torch.empty(1, 3, side, side, device="meta")
    with torch.no_grad():
        code = vae.encode(picture).latent_dist.mean
        again = vae.decode(code).sample
    assert code.shape == (1, 4, latent, latent)
    assert again.shape == picture.shape
    assert picture.numel() / code.numel() == 48


def test_every_configuration_says_what_it_is_and_whence():
    assert names() == sorted(names())
    for name in names():
        stored = config(name)
        assert all(stored[key] for key in ("_about", "_source", "_published_parameters", "_class_name"))
        assert json.loads(json.dumps(stored)) == stored


def test_configurations_are_fresh_copies():
    config("sd15-vae")["in_channels"] = 99
    assert config("sd15-vae")["in_channels"] == 3


def test_scaling_factors():
    assert config("sd15-vae")["scaling_factor"] == 0.18215
    assert config("sdxl-vae")["scaling_factor"] == 0.13025


def test_changes_reach_the_network():
    assert on_meta("sd15-unet", in_channels=3, out_channels=3).conv_in.weight.shape[1] == 3


def test_unknown_names_list_the_known():
    with pytest.raises(KeyError, match="sd15-unet"):
        config("sd2-unet")
    with pytest.raises(KeyError, match="colour"):
        on_meta("sd15-vae", colour="red")
