import pytest
import torch
from diffusers import AutoencoderKL
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import nn

from course_utils.measure.cost import activation_bytes, cost, denoiser_inputs, flops, pixel_rival_config
from course_utils.models.configs import on_meta, parameters


def meta(*shape, **kind):
    return torch.empty(*shape, device="meta", **kind)


@pytest.fixture
def attention():
    """Four heads of 8 numbers over tokens of 32."""
    with torch.device("meta"):
        return Attention(query_dim=32, heads=4, dim_head=8)


def test_flops_of_a_linear_map_and_a_convolution():
    with torch.device("meta"):
        linear, conv = nn.Linear(10, 20), nn.Conv2d(3, 16, 3, padding=1)
    assert flops(linear, meta(7, 10)) == 2 * 7 * 10 * 20
    assert flops(conv, meta(1, 3, 12, 10)) == 2 * 9 * 3 * 16 * 12 * 10


@pytest.mark.parametrize("kind", ["fused", "naive"])
def test_flops_of_attention(attention, kind):
    tokens = 100
    maps, scores = 4 * 2 * tokens * 32 * 32, 2 * 2 * 4 * tokens**2 * 8
    assert flops(attention, meta(1, tokens, 32), attention=kind) == maps + scores


def test_naive_attention_holds_scores_and_fused_does_not(attention):
    fused, naive = ([activation_bytes(attention, meta(1, n, 32), attention=kind) for n in (1000, 2000)]
                    for kind in ("fused", "naive"))
    scores = 4 * 1000**2 * 4  # heads x tokens x tokens x bytes
    assert fused[1] == 2 * fused[0]  # linear in the tokens
    assert 2 * scores <= naive[0] < 2.1 * scores  # before and after the softmax
    assert naive[1] > 3.9 * naive[0]


def test_peak_counts_what_is_alive_at_once():
    class Chain(nn.Module):
        def forward(self, x):
            for _ in range(10):
                x = x * 2  # old and new at once, nothing more
            return x

    class Skip(nn.Module):
        def forward(self, x):
            kept = [x * k for k in range(10)]
            return torch.stack(kept)

    class InPlace(nn.Module):
        def forward(self, x):
            return x.mul_(2).view(-1)

    x = meta(25)
    assert activation_bytes(Chain(), x) == 2 * 100
    assert activation_bytes(Skip(), x) == 20 * 100
    assert activation_bytes(InPlace(), x) == 0
    assert activation_bytes(Chain(), x.half()) == 2 * 50


def test_training_keeps_what_the_backward_pass_needs():
    layers = nn.Sequential(*(nn.Sequential(nn.Linear(64, 64, device="meta"), nn.SiLU()) for _ in range(10)))
    x = meta(5, 64)
    assert activation_bytes(layers, x) == 3 * 5 * 64 * 4  # new, old, and what the caller still holds
    assert activation_bytes(layers, x, training=True) == 20 * 5 * 64 * 4


def test_processors_are_put_back_even_after_an_error(attention):
    before = attention.processor
    with pytest.raises(RuntimeError):
        activation_bytes(attention, meta(1, 5, 33), attention="naive")
    assert attention.processor is before
    assert isinstance(before, AttnProcessor2_0)


def test_meta_counts_agree_with_a_real_pass():
    torch.manual_seed(0)
    vae = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, latent_channels=2).eval()
    real = flops(vae.decode, torch.zeros(1, 2, 8, 8), attention="naive")
    bytes_of_it = activation_bytes(vae.decode, torch.zeros(1, 2, 8, 8), attention="naive")
    vae = vae.to("meta")
    assert real == flops(vae.decode, meta(1, 2, 8, 8), attention="naive") == flops(vae.decode, meta(1, 2, 8, 8)) > 0
    assert bytes_of_it == activation_bytes(vae.decode, meta(1, 2, 8, 8), attention="naive")


def test_fused_attention_of_a_real_pass_is_left_to_torch(attention):
    real = attention.to_empty(device="cpu")
    assert activation_bytes(real, torch.zeros(1, 64, 32)) < 4 * 64 * 64 * 4


def test_the_real_denoiser_in_latents_and_in_pixels():
    unet, rival = on_meta("sd15-unet"), on_meta("adm-512")
    twin = on_meta("sd15-unet", in_channels=3, out_channels=3, sample_size=512)
    latent, pixels, fair = (cost(net, **denoiser_inputs(net, side, side))
                            for net, side in ((unet, 64), (twin, 512), (rival, 512)))
    assert 0.7e12 < latent.flops < 0.9e12  # about 0.4 T multiply-adds, as published for one pass at 512x512
    assert pixels.flops > 64 * latent.flops  # 64 times the positions, and attention grows with their square
    assert latent.flops < fair.flops < pixels.flops
    assert pixels.naive_bytes > 2 * 8 * (512 * 512) ** 2 * 4  # the scores of eight heads, twice
    assert latent.fused_bytes < latent.naive_bytes < pixels.fused_bytes
    assert latent.parameters == 859_520_964
    assert activation_bytes(unet, **denoiser_inputs(unet, 64, 64)) == latent.fused_bytes  # the same again


def test_inputs_fit_every_denoiser():
    for name in ("sdxl-unet", "adm-512", "sd15-unet"):
        network = on_meta(name)
        inputs = denoiser_inputs(network, 64, 64, batch=2)
        assert network(**inputs).sample.shape == (2, network.config.out_channels, 64, 64)


def test_the_rival_attends_only_at_32_16_and_8():
    network = on_meta("adm-512")
    sides = set()
    for layer in network.modules():
        if isinstance(layer, Attention):
            layer.register_forward_pre_hook(lambda _, given: sides.add(tuple(given[0].shape[-2:])))
    network(**denoiser_inputs(network, 512, 512))
    assert sides == {(32, 32), (16, 16), (8, 8)}
    assert pixel_rival_config()["_published_parameters"] == pytest.approx(parameters(network), rel=0.001)


def test_clear_errors(attention):
    with pytest.raises(TypeError, match="network or a method"):
        flops(lambda x: x, meta(1))
    with pytest.raises(ValueError, match="'fused', 'naive' or 'own'"):
        flops(attention, meta(1, 5, 32), attention="sparse")
