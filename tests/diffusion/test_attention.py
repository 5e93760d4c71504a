"""Cross-attention opened: the same numbers as the stock processor, maps that sum to one, maps that can be kept."""

import pytest
import torch

from course_utils.diffusion import attention
from course_utils.diffusion.samplers import initial_noise, with_guidance

SIDE = 8


@pytest.fixture(scope="module")
def asked(parts):
    """Latents and hidden states of two prompts."""
    return initial_noise([0, 1], SIDE), parts["text"].read(["a fluffy orange fox", "a scaly blue cat sitting"])


def evaluated(unet, z, context):
    with torch.inference_mode():
        return unet(z, 500, context, return_dict=False)[0]


def test_looking_changes_nothing_and_leaves_nothing_behind(parts, asked):
    unet, stock = parts["unet"], dict(parts["unet"].attn_processors)
    plain = evaluated(unet, *asked)
    with attention.attending(unet, lambda maps: maps):
        torch.testing.assert_close(evaluated(unet, *asked), plain, rtol=1e-4, atol=1e-5)
    assert unet.attn_processors == stock
    with pytest.raises(ZeroDivisionError), attention.attending(unet, lambda maps: 1 / 0):
        evaluated(unet, *asked)
    assert unet.attn_processors == stock


def test_only_cross_attention_is_shown_and_its_maps_sum_to_one(parts, asked):
    seen = []
    with attention.attending(parts["unet"], lambda maps: seen.append(maps) or maps):
        evaluated(parts["unet"], *asked)
    tokens = asked[1].shape[1]
    assert seen
    for maps in seen:
        assert maps.shape[0] == 2
        assert maps.shape[3] == tokens
        torch.testing.assert_close(maps.sum(-1), torch.ones(maps.shape[:3]))


def test_uniform_maps_mix_all_values_alike(parts, asked):
    """With equal weights on all words a layer's output is the projected mean value: the same at every place."""
    layer = next(module for name, module in parts["unet"].named_modules() if name.endswith("attn2"))
    places, words = torch.randn(1, 5, layer.to_q.in_features), asked[1][:1]
    out = attention.CrossAttention(lambda maps: torch.full_like(maps, 1 / maps.shape[-1]))(layer, places, words)
    expected = layer.to_out[0](layer.to_v(words).mean(1, keepdim=True))
    torch.testing.assert_close(out, expected.expand_as(out), rtol=1e-4, atol=1e-6)


def test_without_words_it_is_self_attention(parts):
    layer = next(module for name, module in parts["unet"].named_modules() if name.endswith("attn1"))
    places = torch.randn(2, 5, layer.to_q.in_features)
    torch.testing.assert_close(attention.CrossAttention(lambda maps: maps)(layer, places), layer(places),
                               rtol=1e-4, atol=1e-6)  # fmt: skip


def test_word_maps_are_shares_and_a_side_without_attention_is_refused(parts, asked):
    maps = attention.word_maps(parts["unet"], asked[0], 500, asked[1], side=SIDE)
    assert maps.shape == (2, asked[1].shape[1], SIDE, SIDE)
    torch.testing.assert_close(maps.sum(1), torch.ones(2, SIDE, SIDE))
    with pytest.raises(ValueError, match="no cross-attention has 5 places a side; there is some at 4, 8"):
        attention.word_maps(parts["unet"], asked[0], 500, asked[1], side=5)


def test_targets_get_the_maps_of_their_own_sources_and_the_unconditional_half_its_own():
    maps = torch.arange(8.0).view(8, 1, 1, 1)  # u u u u | s s t t
    assert attention.keep_first(maps).flatten().tolist() == [0, 1, 2, 3, 4, 5, 4, 5]
    assert attention.keep_first(maps, guided=False).flatten().tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_swapping_leaves_sources_alone_and_moves_targets_only_above_its_timestep(parts, asked, scale):
    unet, context = parts["unet"], 8 * asked[1]
    predict = with_guidance(unet, context, torch.zeros_like(context), scale)
    noise = initial_noise([3], SIDE).repeat(2, 1, 1, 1)
    swapped = attention.prompt_to_prompt(predict, unet, until=400)
    with torch.inference_mode():
        plain, early, late = predict(noise, 500), swapped(noise, 500), swapped(noise, 400)
        torch.testing.assert_close(late, predict(noise, 400))
    torch.testing.assert_close(early[0], plain[0], rtol=1e-4, atol=1e-5)
    assert (early[1] - plain[1]).abs().max() > 1e-4


def test_the_same_prompt_twice_is_not_changed_by_swapping(parts, asked):
    unet, context = parts["unet"], asked[1][:1].repeat(2, 1, 1)
    predict = with_guidance(unet, context, torch.zeros_like(context), 3.0)
    noise = initial_noise([3], SIDE).repeat(2, 1, 1, 1)
    with torch.inference_mode():
        torch.testing.assert_close(attention.prompt_to_prompt(predict, unet)(noise, 500), predict(noise, 500),
                                   rtol=1e-4, atol=1e-5)  # fmt: skip


def test_outside_of_a_guidance_interval_the_maps_are_those_of_a_single_prediction(parts, asked):
    """There the batch is half as long; sources stay as they are all the same, and targets are swapped to t = 0."""
    unet, context = parts["unet"], 8 * asked[1]
    predict = with_guidance(unet, context, torch.zeros_like(context), 3.0, interval=(200, 700))
    noise = initial_noise([3], SIDE).repeat(2, 1, 1, 1)
    swapped = attention.prompt_to_prompt(predict, unet)
    with torch.inference_mode():
        for t in (900, 500, 0):
            plain, moved = predict(noise, t), swapped(noise, t)
            torch.testing.assert_close(moved[0], plain[0], rtol=1e-4, atol=1e-5)
            assert (moved[1] - plain[1]).abs().max() > 1e-4
