import json
import socket

import pytest
import torch

from course_utils.models.configs import config, names, on_meta, parameters


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
