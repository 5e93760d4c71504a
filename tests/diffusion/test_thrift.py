import copy

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny

from course_utils.diffusion import thrift
from course_utils.diffusion.generate import TextToImage

PROMPTS, SEEDS = ["a small scaly blue cat", "a fox", "a dog"], [5, 6, 7]


@pytest.fixture
def draw(parts):
    """Parts of its own: settings are switched on in them."""
    vae = copy.deepcopy(parts["vae"])
    vae.tile_sample_min_size = 64  # as if it had been made for such pictures
    return TextToImage(**{**parts, "vae": vae}, guidance=3.0, steps=2)


def short_of_memory(monkeypatch, part, method, times):
    """The part's method runs out of memory so many times, and then does what it did before."""
    left, does = [times], getattr(part, method)

    def fails(*args, **named):
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return does(*args, **named)

    monkeypatch.setattr(part, method, fails)


def test_fewer_pictures_at_once_are_the_same_pictures(draw, monkeypatch, capsys):
    pictures = draw(PROMPTS, SEEDS)
    draw.batch = 4
    short_of_memory(monkeypatch, draw.unet, "forward", 2)
    again = draw(PROMPTS, SEEDS)
    assert draw.batch == 1
    assert np.abs(pictures.astype(int) - again.astype(int)).max() <= 1
    assert draw.evaluations == 4  # what failed is not counted
    assert capsys.readouterr().out == ("out of GPU memory: 2 pictures at a time from now on\n"
                                       "out of GPU memory: 1 picture at a time from now on\n")


def test_decoding_goes_over_to_tiles_and_then_the_parts_take_turns(draw, monkeypatch, capsys):
    draw.batch = 1
    pictures = draw(PROMPTS[:1], SEEDS[:1])
    short_of_memory(monkeypatch, draw.vae, "decode", 2)
    again = draw(PROMPTS[:1], SEEDS[:1])
    assert draw.vae.use_tiling
    assert draw.apart == torch.device("cpu")
    assert again.shape == pictures.shape
    said = capsys.readouterr().out
    assert said.index("decoding in tiles") < said.index("take turns on the GPU")
    again = draw(PROMPTS[:1], SEEDS[:1])  # the settings stay
    assert capsys.readouterr().out == ""


def test_when_nothing_is_left_to_save_it_says_what_remains(draw, monkeypatch):
    short_of_memory(monkeypatch, draw.vae, "decode", 99)
    with pytest.raises(torch.OutOfMemoryError, match=r"restart the runtime, take a larger GPU or a smaller scale"):
        draw(PROMPTS, SEEDS)


def test_another_error_is_no_lack_of_memory(draw, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("something else")

    monkeypatch.setattr(draw.unet, "forward", broken)
    with pytest.raises(RuntimeError, match="something else"):
        draw(PROMPTS, SEEDS)
    assert draw.batch == 16


def test_while_parts_take_turns_only_those_named_are_moved_there(draw, monkeypatch):
    moved = []
    for name in ("unet", "vae"):
        monkeypatch.setattr(getattr(draw, name), "to", lambda place, name=name: moved.append((name, str(place))))
    monkeypatch.setattr(draw.text.model, "to", lambda place: moved.append(("text", str(place))))
    with thrift.turn(draw, "vae"):
        assert moved == []
    draw.apart = torch.device("meta")
    with thrift.turn(draw, "vae"):
        assert moved == [("unet", "cpu"), ("text", "cpu"), ("vae", "meta")]


def test_tiles_are_smaller_than_the_pictures_that_the_decoder_was_made_for():
    torch.manual_seed(0)
    vae = AutoencoderKL(block_out_channels=(4,) * 4, down_block_types=("DownEncoderBlock2D",) * 4, norm_num_groups=4,
                        up_block_types=("UpDecoderBlock2D",) * 4, sample_size=128).eval()
    thrift.tiled(vae)
    sizes = []
    vae.decoder.register_forward_pre_hook(lambda _, inputs: sizes.append(tuple(inputs[0].shape[2:])))
    with torch.no_grad():
        assert vae.decode(torch.randn(1, 4, 16, 16)).sample.shape == (1, 3, 128, 128)
    assert max(sizes) == (8, 8)


def test_noise_drawn_on_the_way_is_drawn_again_by_the_next_try(draw, monkeypatch):
    pictures = draw(PROMPTS, SEEDS, sampler="lcm", steps=3)
    draw.batch, does, calls = 4, draw.unet.forward, []

    def fails(*args, **named):
        calls.append(0)
        if len(calls) == 3:  # after noise was drawn twice
            raise torch.OutOfMemoryError("CUDA out of memory")
        return does(*args, **named)

    monkeypatch.setattr(draw.unet, "forward", fails)
    again = draw(PROMPTS, SEEDS, sampler="lcm", steps=3)
    assert draw.batch == 2
    assert np.abs(pictures.astype(int) - again.astype(int)).max() <= 1


def test_the_fast_decoder_goes_over_to_tiles_and_encodes(draw, monkeypatch):
    draw.vae = AutoencoderTiny(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4,
                               num_encoder_blocks=(1,) * 4, num_decoder_blocks=(1,) * 4).eval().requires_grad_(False)
    draw.batch = 1
    short_of_memory(monkeypatch, draw.vae, "decode", 1)
    assert draw(PROMPTS[:1], SEEDS[:1]).shape == (1, 64, 64, 3)
    assert draw.vae.use_tiling
    assert draw.encode(np.zeros((1, 64, 64, 3), np.uint8)).shape == (1, 4, 8, 8)
