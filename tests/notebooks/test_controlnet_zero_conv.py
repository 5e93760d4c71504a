"""Section 4: its claims, and the definitions that are its lesson, imported out of the notebook and tested."""

import csv
import re
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from diffusers.models import ControlNetModel, UNet2DConditionModel
from torch import nn

from course_utils.measure import sweeps
from course_utils.models import weights
from tests.notebooks.reading import FOLDER, definitions, outputs

NAME = FOLDER / "04_controlnet_zero_conv"
CLAIM = "application/vnd.course.claim+json"
WIDTHS = (16, 24, 32, 64)


def small_unet(layers=1):
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=16, in_channels=4, out_channels=4, block_out_channels=(16, 32, 48), layers_per_block=layers,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=8,
        attention_head_dim=4, norm_num_groups=16).requires_grad_(False)  # fmt: skip


@pytest.fixture(scope="module")
def lesson():
    return definitions(NAME.with_suffix(".py"))


@pytest.fixture(scope="module")
def claims():
    notebook = nbformat.read(NAME.with_suffix(".ipynb"), as_version=4)
    return {(o.data[CLAIM]["id"], o.data[CLAIM]["part"]): o.data[CLAIM]
            for o in outputs(notebook) if CLAIM in o.get("data", {})}  # fmt: skip


def test_verdicts_come_with_numbers(claims):
    for claim in claims.values():
        assert any(ch.isdigit() for ch in claim["number"])
        assert any(ch.isdigit() for ch in claim["sentence"])


def test_each_claim_of_the_section_is_settled_by_one_cell(claims):
    assert list(claims) == [("C14", None), ("C16", None), ("C27", "maps"), ("C15", None)]


def test_sudden_is_said_only_where_one_stretch_makes_most_of_it(claims, lesson):
    rows = list(csv.DictReader((weights.FOLDER / "controlnet_pose" / "curve.csv").read_text().splitlines()))
    errors = np.array([float(rows[0]["uncontrolled"]), *[float(row["keypoint"]) for row in rows]])
    kept = sweeps.stored("control_training")["facts"]["ways"]["ControlNet"]["errors"]
    small = [np.mean(seed, axis=1) for seed in kept]
    sudden = all(lesson["steepest"](one) > 0.5 for one in [errors, *small])
    assert (claims["C16", None]["verdict"] == "holds") == sudden


def test_steepest_is_the_largest_share_of_a_fall(lesson):
    assert lesson["steepest"](np.array([1.0, 0.8, 0.6, 0.4, 0.2, 0.0])) == pytest.approx(0.2)
    assert lesson["steepest"](np.array([1.0, 1.0, 0.1, 0.0])) == pytest.approx(0.9)


def test_pixel_perfect_would_be_within_two_pixels(claims):
    number = claims["C15", None]["number"]
    within = float(re.search(r"nine in ten within ([\d.]+)", number)[1])
    assert (claims["C15", None]["verdict"] == "holds") == (within < 2)


def test_the_step_by_step_account_holds(claims):
    assert claims["C14", None]["verdict"] == "holds"
    assert claims["C14", None]["number"].startswith("difference at step 0: 0;")


def test_a_zero_convolution_says_nothing_and_has_a_gradient(lesson):
    layer = lesson["zero_convolution"](5)
    x = torch.randn(2, 5, 3, 3, requires_grad=True)
    y = layer(x)
    assert not y.any()
    y.sum().backward()
    assert layer.weight.grad.any()
    assert not x.grad.any()
    assert layer.kernel_size == (1, 1)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_network_by_hand_is_the_library_s(lesson, layers):
    base = small_unet(layers)
    ours, theirs = lesson["ControlNet"](base), ControlNetModel.from_unet(
        base, conditioning_embedding_out_channels=WIDTHS)  # fmt: skip
    for weight in ours.parameters():
        if not weight.any():
            nn.init.normal_(weight, std=0.1)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    z, words, shown = torch.randn(2, 4, 16, 16), torch.randn(2, 24, 8), torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        mine = ours(z, torch.tensor([3, 700]), words, shown, 0.5)
        other = theirs(z, torch.tensor([3, 700]), words, shown, 0.5, return_dict=False)
    for a, b in zip([*mine[0], mine[1]], [*other[0], other[1]], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_the_hint_encoder_ends_in_zeros_and_at_the_latent_s_size(lesson):
    features = lesson["HintEncoder"](48)(torch.rand(2, 3, 128, 128))
    assert features.shape == (2, 48, 16, 16)
    assert not features.any()


def test_only_the_exits_move_first_and_gaussian_ones_are_not_zero(lesson):
    control = lesson["ControlNet"](small_unet())
    noisy = lesson["with_gaussian_exits"](control, 0.1)
    for before, after in zip(control.controlnet_down_blocks, noisy.controlnet_down_blocks, strict=True):
        assert not before.weight.any()
        assert 0.05 < after.weight.std() < 0.2


def test_a_fox_that_looks_away_from_its_map_is_nearer_to_its_mirror_image(lesson):
    from course_utils.critters import render
    from course_utils.measure import lesson as scale
    from course_utils.measure import small_control as small

    foxes = small.foxes(2, 5)
    lesson.update(foxes=foxes, small=small, lesson=scale)
    drawn = np.stack([render(foxes[0]), render(small.mirrored(foxes)[1])])
    errors, wrong = lesson["judged"](drawn)
    assert wrong.tolist() == [False, True]
    assert errors[0] < 0.02 < 0.2 < errors[1]


def test_the_step_in_which_a_group_first_moves_is_named(lesson):
    rows = np.array([[0.3, 0, 0, 0], [0.1, 2, 0, 0], [0, 1, 1e-9, 0]])
    assert lesson["first_reached"](rows) == ["first", "second", "third", "none of the three"]


def test_a_gain_is_one_only_where_its_interval_says_so(lesson):
    interval = lesson["mean_and_interval"]
    assert lesson["better"](interval([1.0, 1.1, 0.9]), "pixels").startswith("better (+1 pixels")
    assert lesson["better"](interval([-1.0, -1.1, -0.9]), "pixels").startswith("worse (-1")
    assert lesson["better"](interval([-1.0, 1.1, 0.9, -0.8]), "pixels").startswith("no different")


def test_a_share_of_none_has_an_interval(lesson):
    assert lesson["of_all"](np.zeros(24, bool)) == "0 [0, 14 %]"
    assert lesson["of_all"](np.arange(24) < 18) == "18 [55, 88 %]"


def test_a_joint_that_moves_as_it_was_asked_has_gone_the_whole_way(lesson):
    own = np.zeros((2, len(lesson["KEYPOINTS"]), 2))
    half = own.copy()
    half[:, lesson["KEYPOINTS"].index("nose")] = (30, 5)
    lesson.update(EDITS={"nose": {"nose": (60, 0)}}, found={"its own bones": own, "nose": half})
    along, others = lesson["followed"]("nose")
    assert along == pytest.approx([30, 30])
    assert not others.any()


def test_a_training_step_lowers_the_loss_of_a_fixed_batch(lesson):
    from course_utils.measure import small_control as small

    base = small_unet()
    lesson.update(
        base=base, LATENT=(4, 16, 16), small=SimpleNamespace(BATCH=2, LOWEST=small.LOWEST),
        given=SimpleNamespace(latents=torch.randn(1, 4, 16, 16), maps=torch.rand(1, 3, 128, 128),
                              words=torch.randn(1, 24, 8)))  # fmt: skip
    control = lesson["ControlNet"](base)
    adam = torch.optim.Adam(control.parameters(), lr=1e-2)
    losses = [lesson["training_step"](control, adam, torch.Generator().manual_seed(0)) for _ in range(8)]
    assert losses[-1] < losses[0]
