import json

import numpy as np
import pytest
import torch
from diffusers.models import UNet2DConditionModel
from PIL import Image
from torch.nn.functional import pixel_shuffle

from course_utils.measure.critic import Critic
from course_utils.models.images import to_array, to_tensor
from course_utils.models.schedulers import scheduler
from course_utils.models.weights import FOLDER
from course_utils.train import clip, common, compute, ship, text_to_image, vae, words
from course_utils.train import pixel_text_to_image as recipe
from course_utils.train.common import read_log

WIDTHS = ("8", "8", "8", "16")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with an untrained CLIP."""
    folder = tmp_path_factory.mktemp("pixels")
    torch.manual_seed(0)
    options = common.parsed(common.arguments("clip", "", 1, 1, 1e-3), ["--out", str(folder / "clip")])
    clip.write_model(clip.network(patch=64, width=16), options)
    return folder


def run(folder, name, *more):
    recipe.main(["--steps", "4", "--every", "2", "--batch", "2", "--scenes", "16", "--clip", str(folder / "clip/model"),
                 "--widths", *WIDTHS, "--out", str(folder / name), "--cache", str(folder / "cache"), "--rate", "1e-2",
                 "--precision", "no", "--judged", "0", *more])
    return [{**row, "seconds": 0} for row in read_log(folder / name / "log.csv")]


def latent_run(folder, name, steps):
    vae.network((8, 8, 8, 8)).save_pretrained(folder / "vae")
    text_to_image.main(["--clip", str(folder / "clip/model"), "--vae", str(folder / "vae"), "--widths", "16",
                        "16", "16", "--out", str(folder / name), "--cache", str(folder / "cache"), "--judged", "0",
                        "--precision", "no", "--scenes", "16", "--batch", "2", "--steps", str(steps)])


@pytest.fixture(scope="module")
def whole(tiny):
    return run(tiny, "whole", "--snapshots", "2")


def test_the_held_out_loss_falls_and_the_log_counts_flops(whole):
    assert [row["step"] for row in whole] == [2, 4]
    assert whole[1]["held_out"] < whole[0]["held_out"]
    per_step = compute.step_flops(recipe.network(16, tuple(map(int, WIDTHS))), batch=2)
    assert [row["flops"] / per_step for row in whole] == [pytest.approx(2, rel=1e-5), pytest.approx(4, rel=1e-5)]


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tiny, whole, monkeypatch):
    class KilledError(RuntimeError):
        pass

    original = common.Run.learn

    def learn(self, loss, step):
        if step == 3:
            raise KilledError
        original(self, loss, step)

    with monkeypatch.context() as patch:
        patch.setattr(common.Run, "learn", learn)
        with pytest.raises(KilledError):
            run(tiny, "killed")
    assert run(tiny, "killed") == whole


def test_model_and_snapshot_load_with_the_stock_class(tiny, whole):
    for folder in ("whole/model", "whole/snapshots/000002"):
        unet = UNet2DConditionModel.from_pretrained(tiny / folder, local_files_only=True)
        assert (unet.config.sample_size, unet.config.in_channels) == (64, 12)


def test_folding_loses_nothing_and_lays_neighbours_on_top_of_each_other():
    renders = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    x = recipe.folded(renders, torch.device("cpu"))
    assert x.shape == (2, 12, 64, 64)
    np.testing.assert_array_equal(to_array(pixel_shuffle(x, recipe.FOLD)), renders)
    corner = to_tensor(renders)[:, :, :2, :2].reshape(2, 12)
    torch.testing.assert_close(x[:, :, 0, 0], corner)


def test_judged_pictures_are_read_and_shown(tiny, monkeypatch):
    monkeypatch.setattr(recipe, "EVALUATIONS", 2)
    monkeypatch.setattr(recipe, "load_critic", lambda device: Critic((8, 8, 8, 8)).eval())
    (row,) = run(tiny, "judged", "--judged", "2", "--steps", "1")
    assert {"flops", "held_out", "accuracy", "species", "size"} <= set(row)
    assert Image.open(tiny / "judged/samples-000001.png").size == (8 * 128 + 7 * 2, 128)


@pytest.mark.parametrize("objective", ["v", "epsilon"])
def test_a_perfect_denoiser_is_judged_perfect(tiny, objective):
    options = common.parsed(common.arguments("p", "", 1, 1, 1e-3), [
        "--smoke", "--out", str(tiny / "perfect"), "--cache", str(tiny / "cache")])
    options.judged, options.objective = 0, objective
    judge = recipe.Judge(options, words.TextEncoder(tiny / "clip/model"), step_flops=7)
    alphas_bar = scheduler(recipe.SAMPLER).alphas_cumprod

    def denoiser(z_t, t, context, return_dict):
        order, a = (torch.arange(len(z_t)) * 197) % len(z_t), alphas_bar[t].view(-1, 1, 1, 1)
        x = judge.latents[order]
        epsilon = (z_t - a.sqrt() * x) / (1 - a).sqrt()
        return (epsilon if objective == "epsilon" else a.sqrt() * epsilon - (1 - a).sqrt() * x,)

    assert judge(denoiser, 3) == {"flops": 21, "held_out": pytest.approx(0, abs=1e-6)}


def implied(objective, z_t, a, x, error):
    """What a network says of a picture that it takes for `x + error`."""
    guess = x + error
    epsilon = (z_t - a.sqrt() * guess) / (1 - a).sqrt()
    return epsilon if objective == "epsilon" else a.sqrt() * epsilon - (1 - a).sqrt() * guess


@pytest.mark.parametrize(
    ("quantile", "by_v", "by_epsilon"), [(0.9999, 1.0, 4.0e-5), (0.5, 1.084, 0.0844), (0.001, 6.0, 5.0)])
def test_an_error_in_the_picture_counts_in_pure_noise_only_by_v(quantile, by_v, by_epsilon):
    x, epsilon, context = torch.randn(1, 12, 64, 64), torch.randn(1, 12, 64, 64), torch.zeros(1, 24, 16)
    for objective, weight in (("v", by_v), ("epsilon", by_epsilon)):
        def denoiser(z_t, t, context, return_dict, objective=objective):
            return (implied(objective, z_t, scheduler(recipe.SAMPLER).alphas_cumprod[t], x, 0.5),)

        loss = recipe.loss_at(objective, denoiser, x, epsilon, torch.tensor([quantile]), context)
        assert float(loss) == pytest.approx(0.25 * weight, rel=0.05)


def test_by_epsilon_the_weights_are_the_latent_models(monkeypatch):
    x, epsilon, context = torch.randn(4, 12, 64, 64), torch.randn(4, 12, 64, 64), torch.zeros(4, 24, 16)
    quantile = torch.tensor([0.001, 0.1, 0.5, 0.999])

    def denoiser(z_t, t, context, return_dict):
        return (z_t / 2,)

    monkeypatch.setattr(recipe, "SAMPLER", "ddim")
    ours = recipe.loss_at("epsilon", denoiser, x, epsilon, quantile, context)
    torch.testing.assert_close(ours, text_to_image.loss_at("epsilon", denoiser, x, epsilon, quantile, context))


def test_at_the_end_of_the_pixels_schedule_not_even_a_walls_colour_is_left():
    """The mean of 128x128 pixels is seen through 128 times less noise than one of them."""
    seen = {kind: 128 * float((a / (1 - a)).sqrt()) for kind in ("ddim_pixels", "ddim")
            for a in scheduler(kind).alphas_cumprod[-1:]}  # fmt: skip
    assert seen["ddim_pixels"] < 1 < 8 < seen["ddim"]


def test_another_objective_half_way_stands_in_the_recipe(tiny):
    run(tiny, "changed", "--steps", "2", "--objective", "epsilon")
    run(tiny, "changed")
    told = ship.recipe("pixel_text_to_image", tiny / "changed")["options"]
    assert [stage.get("objective") for stage in told.values()] == ["epsilon", "v"]


def test_pictures_are_made_of_what_the_network_predicts(tiny, monkeypatch):
    """Each objective finds the one picture there is; taken for the other, it does not."""
    monkeypatch.setattr(recipe, "EVALUATIONS", 5)
    picture, bars = torch.full((1, 12, 64, 64), 0.5), scheduler(recipe.SAMPLER).alphas_cumprod

    class Knowing(torch.nn.Module):
        config = UNet2DConditionModel(sample_size=64, in_channels=12, out_channels=12, block_out_channels=(8,) * 4,
                                      norm_num_groups=8).config

        def __init__(self, objective):
            super().__init__()
            self.objective = objective

        def forward(self, z_t, t, context, return_dict):
            return (implied(self.objective, z_t, bars[int(t)], picture, 0.0),)

    text = words.TextEncoder(tiny / "clip/model")
    wanted = pixel_shuffle(picture, recipe.FOLD)
    for objective, other in (("v", "epsilon"), ("epsilon", "v")):
        made = recipe.generate(Knowing(objective), text, ["a fox"], [0], 1.0, objective)
        torch.testing.assert_close(made, wanted, atol=0.02, rtol=0)
        assert (recipe.generate(Knowing(objective), text, ["a fox"], [0], 1.0, other) - wanted).abs().mean() > 0.1


def test_batches_do_not_change_a_picture(tiny, whole, monkeypatch):
    monkeypatch.setattr(recipe, "EVALUATIONS", 2)
    unet = UNet2DConditionModel.from_pretrained(tiny / "whole/model", local_files_only=True).float().eval()
    text = words.TextEncoder(tiny / "clip/model")
    together = recipe.generate(unet, text, ["a fox", "a cat"], [0, 1], 2.0)
    alone = recipe.generate(unet, text, ["a fox", "a cat"], [0, 1], 2.0, batch=1)
    assert together.shape == (2, 3, 128, 128)
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-3)


def test_the_shipped_size_attends_at_the_lowest_levels_only_and_is_below_3_megabytes():
    with torch.device("meta"):
        unet = recipe.network(96)
    attentive = [kind.startswith("CrossAttn") for kind in unet.config.down_block_types]
    sides = [64 // 2**k for k in range(len(attentive))]
    assert [side for side, there in zip(sides, attentive, strict=True) if there] == [16, 8]
    assert 2e6 < 2 * sum(p.numel() for p in unet.parameters()) < 3e6  # bytes in float16


# ------------------------------------------------------------------------------------------------ compute


def options(**changes):
    return type("Options", (), {"smoke": False, "flops": None, "equal": None, "steps": 50, **changes})()


def test_a_budget_is_spent_to_the_last_whole_step():
    assert recipe.steps_within(options(), 10) == 50
    assert recipe.steps_within(options(flops=109.0), 10) == 10
    assert recipe.steps_within(options(flops=109.0, smoke=True), 10) == 50
    with pytest.raises(ValueError, match="give more, or a smaller"):
        recipe.steps_within(options(flops=9.0), 10)


def test_flops_of_a_step_are_three_passes_of_each_picture():
    unet = text_to_image.network(16, (16, 16, 32))
    once = compute.pass_flops(unet)
    assert compute.step_flops(unet, 5) == 3 * 5 * once
    assert next(unet.parameters()).device.type == "cpu"  # counted on a twin: the network itself stays where it is


def test_an_autoencoders_flops_go_by_pixels():
    codec = vae.network((8, 8, 8, 8))
    small, large = compute.autoencoder_flops(codec, 64), compute.autoencoder_flops(codec, 128)
    assert large == tuple(4 * part for part in small)


def test_pictures_are_counted_stage_by_stage():
    stages = {"from step 0": {"batch": "12"}, "from step 10": {"rate": "2"}, "from step 30": {"batch": "5"}}
    assert compute.pictures_seen({"steps": 40, "options": stages}) == 30 * 12 + 10 * 5


def test_equal_compute_counts_the_latent_runs_autoencoder(tiny, capsys, monkeypatch):
    """A latent run of known steps: three passes of its U-Net, encoding, and all of the autoencoder's training."""
    latent_run(tiny, "latent", steps=2)
    bill = compute.latent_bill(tiny / "latent")
    unet = text_to_image.network(16, (16, 16, 16))
    codec, told = vae.network(), json.loads((FOLDER / "vae/recipe.json").read_text())
    assert bill["denoiser"] == 2 * 3 * 2 * compute.pass_flops(unet)
    assert bill["encoding"] == 16 * compute.autoencoder_flops(codec, 128)[0]
    crops = 12 * told["steps"]
    assert bill["autoencoder"] == 3 * crops * sum(compute.autoencoder_flops(codec, 64))
    compute.main([str(tiny / "latent")])
    assert f"{sum(bill.values()):.3g} FLOPs" in capsys.readouterr().out
    assert recipe.steps_within(options(equal=tiny / "latent"), 10**9) == sum(bill.values()) // 10**9
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert compute.latent_bill(tiny / "latent") == bill  # what was spent is not more because two processes ask
    shipped = tiny / "shipped"
    shipped.mkdir()
    (shipped / "recipe.json").write_text(json.dumps(ship.recipe("text_to_image", tiny / "latent")))
    (shipped / "config.json").write_bytes((tiny / "latent/model/config.json").read_bytes())
    assert compute.latent_bill(shipped) == bill


def test_captions_are_drawn_as_the_latent_model_draws_them(tiny, monkeypatch):
    """Same seed, same scenes and wordings at each step: the twins differ in the space alone."""
    read = {}
    original = words.TextEncoder.__call__

    def spy(kind):
        def call(self, ids):
            read.setdefault(kind, []).append(ids.cpu().long())
            return original(self, ids)
        return call

    monkeypatch.setattr(words.TextEncoder, "__call__", spy("pixel"))
    run(tiny, "drawn", "--steps", "1")
    monkeypatch.setattr(words.TextEncoder, "__call__", spy("latent"))
    latent_run(tiny, "drawn-latent", steps=1)
    np.testing.assert_array_equal(read["pixel"][0], read["latent"][0])
