import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from transformers import CLIPTextModel

from course_utils.critters import edge_map, pose_map, sample
from course_utils.diffusion import schedule
from course_utils.diffusion.samplers import ddim, initial_noise, with_guidance
from course_utils.measure.critic import Critic
from course_utils.models.tokenizer import build
from course_utils.train import clip, common, maps, portable, vae, words
from course_utils.train import controlnet as recipe
from course_utils.train import text_to_image as base_recipe
from course_utils.train.common import read_log


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Untrained CLIP, autoencoder and base."""
    folder = tmp_path_factory.mktemp("controlnet")
    torch.manual_seed(0)
    options = common.parsed(common.arguments("clip", "", 1, 1, 1e-3), ["--out", str(folder / "clip")])
    clip.write_model(clip.network(patch=64, width=16), options)
    codec = vae.network((8, 8, 8, 8))
    codec.register_to_config(scaling_factor=2.0)
    codec.save_pretrained(folder / "vae")
    portable.write(base_recipe.network(16, (16, 16, 32)), folder / "base", 0)
    return folder


@pytest.fixture(scope="module")
def run(tiny):
    def trained(name, *more):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recipe, "load_critic", lambda device: Critic((8, 8, 8, 8)).eval())
            recipe.main([
                "--smoke", "--base", str(tiny / "base"), "--clip", str(tiny / "clip/model"), "--vae", str(tiny / "vae"),
                "--out", str(tiny / name), "--cache", str(tiny / "cache"), "--rate", "5e-3", "--precision", "no",
                "--judged", "2", *more])
        return read_log(tiny / name / "log.csv")

    return trained


@pytest.fixture(scope="module")
def whole(run):
    return run("whole")


@pytest.fixture(scope="module")
def base(tiny):
    return recipe.frozen_base(tiny / "base", torch.device("cpu"))


def test_loss_falls_below_the_bases_own(base):
    """On one batch again and again: between batches eight steps say nothing."""
    generator = torch.Generator().manual_seed(0)
    z0, epsilon = torch.randn(2, 4, 4, 16, 16, generator=generator)
    times, context = torch.tensor([0.2, 0.4, 0.6, 0.8]), torch.randn(4, 24, 16, generator=generator)
    shown = recipe.hints(np.stack([pose_map(scene) for scene in sample(4, 0)]), torch.device("cpu"))
    control = recipe.network(base)
    optimiser, losses = torch.optim.AdamW(control.parameters(), lr=2e-3), []
    for _ in range(8):
        controlled = recipe.Controlled(base, control, shown)
        losses.append(recipe.loss_at("epsilon", controlled, z0, epsilon, times, context))
        losses[-1].backward()
        optimiser.step()
        optimiser.zero_grad()
    with torch.no_grad():
        assert losses[0].item() == recipe.loss_at("epsilon", base, z0, epsilon, times, context).item()
    assert losses[-1] < 0.99 * losses[0]


def test_the_base_stays_and_the_curve_is_kept(tiny, whole, base):
    assert [row["step"] for row in whole] == [4, 8]
    assert whole[0]["uncontrolled"] == whole[1]["uncontrolled"]
    assert {"keypoint"} <= set(whole[0])
    assert Image.open(tiny / "whole/samples-000008.png").size == (8 * 128 + 7 * 2, 128)
    assert not any(p.requires_grad or p.grad is not None for p in base.parameters())


def test_a_killed_run_goes_on_as_if_nothing_had_happened(run, whole, monkeypatch):
    class KilledError(RuntimeError):
        pass

    original = common.Run.learn

    def learn(self, loss, step):
        if step == 5:
            raise KilledError
        original(self, loss, step)

    with monkeypatch.context() as patch:
        patch.setattr(common.Run, "learn", learn)
        with pytest.raises(KilledError):
            run("killed")
    assert [{**row, "seconds": 0} for row in run("killed")] == [{**row, "seconds": 0} for row in whole]


def test_untrained_it_changes_nothing(base):
    z, t, context = torch.randn(2, 4, 16, 16), torch.tensor([10, 900]), torch.randn(2, 24, 16)
    shown = recipe.hints(np.stack([pose_map(scene) for scene in sample(2, 0)]), torch.device("cpu"))
    controlled = recipe.Controlled(base, recipe.network(base), shown)
    with torch.no_grad():
        assert controlled(z, t, context)[0].equal(base(z, t, context).sample)


def test_the_stock_pipeline_makes_the_same_latents(tiny, whole, base):
    control = ControlNetModel.from_pretrained(tiny / "whole/model", local_files_only=True).float().eval()
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
                              timestep_spacing="trailing", steps_offset=1)
    pipeline = StableDiffusionControlNetPipeline(
        AutoencoderKL.from_pretrained(tiny / "vae"),
        CLIPTextModel.from_pretrained(tiny / "clip/model", dtype=torch.float32), build(),
        UNet2DConditionModel.from_pretrained(tiny / "base", local_files_only=True).float(), control, scheduler, None,
        None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    drawn = pose_map(sample(1, 0)[0])
    theirs = pipeline(["a fox"], image=Image.fromarray(drawn), latents=initial_noise([0]), guidance_scale=3.0,
                      output_type="latent", num_inference_steps=25).images
    text = words.TextEncoder(tiny / "clip/model")
    unet = recipe.Controlled(base, control, recipe.hints(drawn[None], torch.device("cpu")))
    predict = with_guidance(unet, text.read(["a fox"]), text.read([""]), 3.0)
    with torch.no_grad():
        ours = ddim(predict, initial_noise([0]), schedule.trailing(25))
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4)


def test_maps_are_cached_and_grey_ones_become_pictures(tmp_path):
    edges = maps.control_maps("edge", 2, 7, tmp_path)
    assert edges.shape == (2, 128, 128)
    assert np.array_equal(edges[1], edge_map(sample(2, 7)[1]))
    assert maps.as_picture(edges).shape == (2, 128, 128, 3)
    (file,) = tmp_path.iterdir()
    np.save(file, np.zeros((2, 128, 128), np.uint8))
    assert not maps.control_maps("edge", 2, 7, tmp_path).any()
    assert np.array_equal(maps.drawn("pose", sample(3, 7), chunk=2)[2], pose_map(sample(3, 7)[2]))
    with pytest.raises(ValueError, match="pose, edge, depth"):
        maps.control_maps("scribble", 1, 1, tmp_path)


def test_a_missing_base_says_how_to_train_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no U-Net"):
        recipe.frozen_base(tmp_path, torch.device("cpu"))


def test_a_real_one_is_about_half_of_its_base():
    with torch.device("meta"):
        base = base_recipe.network(96)
        control = recipe.ControlNetModel.from_unet(
            base, conditioning_embedding_out_channels=recipe.HINT_WIDTHS, load_weights_from_unet=False)
    parameters = sum(p.numel() for p in control.parameters())
    assert 1e6 < parameters < 2.5e6


def test_a_copy_of_low_rank_learns_and_comes_out_as_a_stock_network(run, tiny, base):
    rows = run("ranked", "--rank", "2")
    assert rows[1]["keypoint"] >= 0
    control = ControlNetModel.from_pretrained(tiny / "ranked/model", local_files_only=True).float()
    origin = base.state_dict()
    for name, weight in control.state_dict().items():
        if name in origin and weight.ndim > 1 and weight.flatten(1).shape[0] > 8:
            change = weight.flatten(1) - origin[name].flatten(1)
            spectrum = torch.linalg.svdvals(change)
            assert spectrum[2:].max() < 2e-3, name  # half precision, and no more
    assert control.controlnet_mid_block.weight.abs().max() > 0


@pytest.mark.parametrize(("condition", "column"), [("edge", "edge_f1"), ("depth", "depth_error")])
def test_maps_are_judged_by_the_head_that_reads_them(run, condition, column):
    row = run(f"judged-{condition}", "--condition", condition, "--steps", "1")[-1]
    assert 0 <= row[column] <= 1
    assert 0 <= row["uncontrolled"] <= 1


def test_cubic_times_lie_mostly_near_pure_noise_and_never_outside_the_schedule():
    rng = np.random.default_rng(0)
    even, cubic = (recipe.places(rng, 20_000, times) for times in ("even", "cubic"))
    assert even.mean() == pytest.approx(1 / 2, abs=0.01)
    assert cubic.mean() == pytest.approx(3 / 4, abs=0.01)  # the mean of 1 - u^3
    assert 0 < cubic.min() < cubic.max() < 1
