import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from course_utils.models import lowrank


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_a_change_of_rank_two_is_exact_at_rank_two():
    base, change = drawn(12, 20), drawn(12, 2, seed=1) @ drawn(2, 20, seed=2)
    kept = lowrank.difference({"w": base + change}, {"w": base}, 2, torch.float32)
    assert {name: list(value.shape) for name, value in kept.items()} == {"w.up": [12, 2], "w.down": [2, 20]}
    torch.testing.assert_close(lowrank.restored({"w": base}, kept)["w"], base + change, atol=1e-5, rtol=0)
    assert lowrank.share_kept({"w": base + change}, {"w": base}, kept) == pytest.approx(1, abs=1e-6)


def test_what_is_lost_are_the_smaller_singular_values_and_no_other_choice_loses_less():
    base, tuned = drawn(10, 30), drawn(10, 30, seed=1)
    values = torch.linalg.svdvals(tuned - base)
    for rank in (1, 3, 5):
        kept = lowrank.difference({"w": tuned}, {"w": base}, rank, torch.float32)
        lost = (tuned - lowrank.restored({"w": base}, kept)["w"]).square().sum()
        torch.testing.assert_close(lost, values[rank:].square().sum(), rtol=1e-4, atol=0)
        share = lowrank.share_kept({"w": tuned}, {"w": base}, kept)
        assert share == pytest.approx(float(values[:rank].square().sum() / values.square().sum()), abs=1e-5)
        for seed in range(5):  # the change projected on any other `rank` directions
            directions = torch.linalg.qr(drawn(30, rank, seed=seed)).Q
            assert lost < ((tuned - base) - (tuned - base) @ directions @ directions.T).square().sum()


def test_a_difference_that_is_cut_is_one_of_lower_rank():
    base, tuned = {"w": drawn(10, 30), "b": drawn(10, seed=2)}, {"w": drawn(10, 30, seed=1), "b": drawn(10, seed=3)}
    kept = lowrank.difference(tuned, base, 5, torch.float32)
    for rank in (2, None):
        wanted = lowrank.restored(base, lowrank.difference(tuned, base, rank or 5, torch.float32))
        found = lowrank.restored(base, lowrank.cut(kept, rank))
        torch.testing.assert_close(found, wanted)


def test_a_convolution_is_a_matrix_with_a_row_for_each_output():
    base = drawn(16, 8, 3, 3)
    tuned = base + (drawn(16, 1, seed=1) * drawn(1, 72, seed=2)).view(16, 8, 3, 3)
    kept = lowrank.difference({"conv": tuned}, {"conv": base}, 1, torch.float32)
    assert kept["conv.up"].shape == (16, 1)
    assert kept["conv.down"].shape == (1, 72)
    torch.testing.assert_close(lowrank.restored({"conv": base}, kept)["conv"], tuned, atol=1e-5, rtol=0)


def test_small_tensors_and_those_that_would_not_shrink_are_kept_whole():
    base = {"norm": drawn(64), "square": drawn(8, 8), "large": drawn(64, 64)}
    tuned = {name: value + drawn(*value.shape, seed=1) for name, value in base.items()}
    kept = lowrank.difference(tuned, base, 4)
    assert set(kept) == {"norm.whole", "square.whole", "large.up", "large.down"}  # 4 (8 + 8) is no less than 8 x 8
    assert {value.dtype for value in kept.values()} == {torch.float16}
    restored = lowrank.restored(base, kept)
    assert restored["square"].equal(tuned["square"].half().float())
    full = lowrank.difference(tuned, base, 32, torch.float32)  # full rank: everything is whole, everything exact
    assert all(value.equal(tuned[name]) for name, value in lowrank.restored(base, full).items())


def test_an_equal_network_differs_by_nothing_and_that_takes_no_numbers():
    base = {"w": drawn(40, 40), "conv": drawn(8, 4, 3, 3), "bias": drawn(40)}
    kept = lowrank.difference(base, base, 2)
    assert sum(value.numel() for value in kept.values()) == 0
    assert all(value.equal(base[name]) for name, value in lowrank.restored(base, kept).items())
    assert lowrank.restored(base, kept).keys() == base.keys()
    assert lowrank.share_kept(base, base, kept) == 1


def test_where_one_layer_learnt_only_that_layer_takes_numbers(tmp_path):
    base = {"a": drawn(40, 40), "b": drawn(40, 40, seed=1), "bias": drawn(40)}
    tuned = {**base, "b": drawn(40, 40, seed=2)}
    lowrank.write(tmp_path / lowrank.FILE, lowrank.difference(tuned, base, 20))
    kept, _ = lowrank.read(tmp_path / lowrank.FILE)
    assert sum(value.numel() for value in kept.values()) == 1600  # 20 (40 + 40) is no less: whole
    restored = lowrank.restored(base, kept)
    assert restored["b"].equal(tuned["b"].half().float())
    assert restored["a"].equal(base["a"])


def test_what_does_not_belong_together_is_refused():
    base = {"w": drawn(40, 40)}
    with pytest.raises(ValueError, match=r"w is \[40, 30\] here and \[40, 40\] in the base"):
        lowrank.difference({"w": drawn(40, 30)}, base, 2)
    with pytest.raises(ValueError, match="no tensor in common"):
        lowrank.difference({"v": drawn(40, 40)}, base, 2)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        lowrank.difference(base, base, 0)
    with pytest.raises(ValueError, match="diverged"):
        lowrank.difference({"w": base["w"] * torch.nan}, base, 2)
    kept = lowrank.difference({"w": 2 * base["w"]}, base, 2)
    with pytest.raises(ValueError, match=r"changes w by a matrix \[40, 40\], and the base has \[20, 20\]"):
        lowrank.restored({"w": drawn(20, 20)}, kept)
    with pytest.raises(ValueError, match="and the base has none"):
        lowrank.restored({}, kept)


def test_a_file_keeps_tensors_and_facts(tmp_path):
    kept = lowrank.difference({"w": drawn(40, 40), "new": drawn(3)}, {"w": drawn(40, 40, seed=1)}, 2)
    lowrank.write(tmp_path / "d.safetensors", kept, base="text_to_image", rank="2")
    read, facts = lowrank.read(tmp_path / "d.safetensors")
    assert facts == {"base": "text_to_image", "rank": "2"}
    assert read.keys() == kept.keys()
    assert all(read[name].equal(kept[name]) for name in kept)


def test_a_controlnet_is_a_difference_to_the_encoder_it_was_copied_from():
    torch.manual_seed(0)
    base = UNet2DConditionModel(
        sample_size=16, block_out_channels=(16, 32), layers_per_block=1, cross_attention_dim=16, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"))
    control = ControlNetModel.from_unet(base, conditioning_embedding_out_channels=(8, 16))
    with torch.no_grad():
        for parameter in control.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    tuned, weights = control.state_dict(), base.state_dict()
    kept = lowrank.difference(tuned, weights, 4)
    own = ("controlnet_cond_embedding", "controlnet_down_blocks", "controlnet_mid_block")
    assert all(name.endswith(lowrank.WHOLE) for name in kept if name.startswith(own))
    assert not any(name.startswith(("up_blocks", "conv_out")) for name in kept)
    assert 0.1 < lowrank.share_kept(tuned, weights, kept) < 0.9
    control.load_state_dict(lowrank.restored(weights, kept))  # nothing missing, nothing left over
    assert sum(value.numel() for value in kept.values()) < 0.6 * sum(value.numel() for value in tuned.values())
