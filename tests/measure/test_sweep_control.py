"""Section 4's sweeps on stand-ins: the reduced problem's parts, and what is kept of the shipped ControlNets."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers.models import UNet2DConditionModel

from course_utils.critters import caption, render
from course_utils.measure import map_routes
from course_utils.measure import small_control as small
from course_utils.measure.sweeps import control, control_training


@pytest.fixture(scope="module")
def base():
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=16, in_channels=4, out_channels=4, block_out_channels=(16, 32), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8, attention_head_dim=4, norm_num_groups=16)  # fmt: skip
    return map_routes.plain(unet.requires_grad_(False))


@pytest.fixture(scope="module")
def given():
    torch.manual_seed(1)
    return small.Problem(torch.randn(6, 4, 16, 16), torch.rand(6, 3, 128, 128), torch.rand(2, 3, 128, 128),
                         np.zeros((2, 12, 2)), np.ones((2, 12, 2)), torch.randn(1, 24, 8))  # fmt: skip


def answer(network, given):
    z = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(2))
    return network(given.judged)(z, 500, given.words.expand(2, -1, -1), return_dict=False)[0]


def test_the_caption_fits_all_foxes_and_does_not_say_where_they_look():
    scenes = small.foxes(40, 5)
    stated = {caption(s).replace("large ", "").replace("small ", "").split(",")[0] for s in scenes}
    assert stated == {small.CAPTION}
    assert {s.facing for s in scenes} == {"left", "right"}
    assert len({(s.x, s.y, s.size) for s in scenes}) == 1


def test_mirrored_foxes_look_the_other_way_and_differ_in_nothing_else():
    scenes = small.foxes(4, 5)
    other = small.mirrored(scenes)
    assert all(a.facing != b.facing for a, b in zip(scenes, other, strict=True))
    assert small.mirrored(other) == scenes


@pytest.mark.parametrize("side", [0, 1])
def test_a_picture_is_held_against_what_was_asked_for_and_its_mirror_image(monkeypatch, side):
    foxes = small.foxes(2, 5)
    both = (foxes, small.mirrored(foxes))
    joints = [control.critic.true_keypoints(scenes) for scenes in both]
    drawn = np.stack([render(scene) for scene in both[side]])
    monkeypatch.setattr(control_training.small_control, "pictures", lambda *_: drawn)
    errors = control_training.judged(None, None, SimpleNamespace(joints=joints[0], mirrored=joints[1]))
    assert max(errors[side]) < 0.02
    assert min(errors[1 - side]) > 0.2


@pytest.mark.parametrize("way", map_routes.WAYS)
def test_ways_begin_as_the_base_exactly_or_to_rounding_and_leave_it_alone(way, base, given):
    before = copy.deepcopy(base.state_dict())
    network, trained = map_routes.made(way, base, seed=0)
    expected = answer(lambda maps: base, given)
    assert torch.equal(answer(network, given), expected)
    losses = list(small.training(network, trained, given, seed=0, steps=3))
    assert len(losses) == 3
    assert not torch.equal(answer(network, given), expected)
    assert all(torch.equal(value, before[name]) for name, value in base.state_dict().items())


def test_a_wide_convolution_is_the_sum_of_two(base):
    hint = torch.nn.Conv2d(3, 16, 3, padding=1)
    beside = map_routes.Beside(base.conv_in, hint)
    z, h = torch.randn(4, 4, 16, 16), torch.randn(2, 3, 16, 16)
    beside.shown = h
    wide = torch.nn.functional.conv2d(
        torch.cat([z, h.repeat(2, 1, 1, 1)], 1), torch.cat([base.conv_in.weight, hint.weight], 1),
        base.conv_in.bias + hint.bias, padding=1)  # fmt: skip
    torch.testing.assert_close(beside(z), wide, rtol=1e-4, atol=1e-5)


def test_the_same_seed_trains_the_same_and_another_does_not(base, given):
    def trained(seed):
        network, parts = map_routes.made("ControlNet", base, seed)
        list(small.training(network, parts, given, seed, steps=2))
        return answer(network, given)

    assert torch.equal(trained(0), trained(0))
    assert not torch.equal(trained(0), trained(1))


def test_new_parts_move_faster_than_copied_ones(base):
    control_net = map_routes.controlnet(base, 0)
    new, old = map_routes.optimiser(control_net).param_groups
    assert (new["lr"], old["lr"]) == (map_routes.NEW_RATE, map_routes.COPY_RATE)
    zeros = sum(not p.any() for p in new["params"])
    assert zeros >= 2 * (len(control_net.controlnet_down_blocks) + 1)
    unet = map_routes.concatenated(base, 0)
    new, old = map_routes.optimiser(unet).param_groups
    assert old["lr"] == map_routes.BASE_RATE
    assert {id(p) for p in new["params"]} == {id(p) for p in unet.conv_in.hint.parameters()}


def test_a_map_read_as_words_trains_what_is_new_and_nothing_of_the_base(base):
    reader = map_routes.attended(base, 0)
    (new,) = map_routes.optimiser(reader).param_groups
    theirs = {id(p) for name, p in reader.unet.named_parameters() if "_ip" not in name}
    assert theirs.isdisjoint(id(p) for p in new["params"])
    assert sum(p.numel() for p in new["params"]) == control_training.count(reader)


def test_a_map_s_words_tell_where_things_are(base):
    reader = map_routes.attended(base, 0)
    blank, spot = torch.zeros(1, 3, 128, 128), torch.zeros(1, 3, 128, 128)
    spot[..., :16, :16] = 1
    changed = (reader.further(spot) - reader.further(blank)).abs().sum(2)[0].view(reader.SIDE, reader.SIDE)
    assert changed[0, 0] > 0
    assert not changed[4:, 4:].any()


def test_gaussian_exits_are_heard_at_once_and_are_else_the_same_network(base, given):
    network, noisy = map_routes.made(map_routes.GAUSSIAN, base, seed=0)
    assert not torch.allclose(answer(network, given), answer(lambda maps: base, given), atol=1e-3)
    other = map_routes.controlnet(base, 0).state_dict()
    changed = {name for name, value in noisy.state_dict().items() if not torch.equal(value, other[name])}
    assert changed == {name for name in other if "controlnet_" in name and "cond" not in name and "weight" in name}


def test_a_way_that_there_is_not_is_named_with_those_there_are(base):
    with pytest.raises(ValueError, match="no way called 'osmosis'; there are ControlNet, channel"):
        map_routes.made("osmosis", base, 0)


def test_every_way_gets_the_same_compute_and_is_looked_at_as_often(monkeypatch, base, given):
    draw = SimpleNamespace(unet=base)
    monkeypatch.setattr(control_training.TextToImage, "load", classmethod(lambda cls, **_: draw))
    monkeypatch.setattr(control_training.small_control, "problem", lambda draw, judged: given)
    monkeypatch.setattr(control_training, "judged", lambda draw, network, given: ([0.1] * 2, [0.3] * 2))
    monkeypatch.setattr(control_training, "STEPS", 16)
    monkeypatch.setattr(control_training, "SEEDS", (0,))
    facts = control_training.control_training(2)
    for one in facts["ways"].values():
        assert np.shape(one["errors"]) == (1, len(facts["shares"]), 2)
        assert np.shape(one["mirrored"]) == (1, len(facts["shares"]), 2)
        assert np.mean(one["mirrored"]) == pytest.approx(0.3)
        assert np.shape(one["losses"]) == (1, len(facts["shares"]) - 1)
        assert one["steps"] * one["gigaflops"] == pytest.approx(16 * facts["ways"]["ControlNet"]["gigaflops"], rel=0.05)


class Renderer:
    """Draws the animal that the map belongs to, whatever the prompt, if the conditioning scale is above a half; else
    grey."""

    def __init__(self, scenes):
        self.scenes, self.vae, self.asked = scenes, None, []

    def __call__(self, prompts, seeds, control_map, conditioning_scale):
        self.asked.append((list(prompts), list(seeds), conditioning_scale))
        assert len(control_map) == len(prompts)
        drawn = np.stack([render(scene) for scene in self.scenes[: len(prompts)]])
        return drawn if conditioning_scale > 0.5 else np.full_like(drawn, 128)


def test_what_follows_its_map_scores_like_a_render(monkeypatch):
    monkeypatch.setattr(control, "reconstruct", lambda vae, pictures: pictures)
    draw = Renderer(control.sample(3, control.HELD_OUT_SEED))
    facts = control.follows("pose", 3, scales=(0.0, 1.0), draw=draw)
    assert facts["values"][1] == pytest.approx(facts["renders"])
    assert min(facts["values"][0]) > 5 * max(facts["renders"])
    assert facts["accuracy"][1] > 0.9
    assert np.mean(facts["joints"], axis=2) == pytest.approx(np.array(facts["values"]))
    assert np.mean(facts["joints_reconstructed"], axis=1) == pytest.approx(facts["reconstructions"])
    assert draw.asked[1] == ([caption(s) for s in draw.scenes], [0, 1, 2], 1.0)


def test_who_ignores_the_prompt_walks_and_does_not_sit():
    scenes = control.walking(3)
    draw = Renderer(scenes)
    facts = control.contradiction(3, draw=draw)
    assert all("sitting" in prompt for prompt in draw.asked[0][0])
    assert facts["stance"][control.SCALES.index(1.0)] == ["walking"] * 3
    assert max(facts["sits"][control.SCALES.index(1.0)]) < 0.5
    assert max(facts["error"][-1]) < 0.02
