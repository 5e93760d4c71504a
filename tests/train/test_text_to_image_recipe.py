import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModel

from course_utils.critters import caption, sample
from course_utils.critters.dataset import pictures
from course_utils.diffusion.samplers import initial_noise
from course_utils.measure.critic import Critic
from course_utils.models.tokenizer import build
from course_utils.train import clip, common, latents, portable, vae, words
from course_utils.train import text_to_image as recipe
from course_utils.train.common import read_log


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with an untrained CLIP and an untrained autoencoder, and the options that make a run small."""
    folder = tmp_path_factory.mktemp("text_to_image")
    torch.manual_seed(0)
    options = common.parsed(common.arguments("clip", "", 1, 1, 1e-3), ["--out", str(folder / "clip")])
    clip.write_model(clip.network(patch=64, width=16), options)
    codec = vae.network((8, 8, 8, 8))
    codec.register_to_config(scaling_factor=2.0)
    codec.save_pretrained(folder / "vae")
    return folder


def run(folder, name, *more):
    recipe.main([
        "--smoke", "--clip", str(folder / "clip/model"), "--vae", str(folder / "vae"), "--widths", "16", "16", "32",
        "--out", str(folder / name), "--cache", str(folder / "cache"), "--rate", "2e-2", "--precision", "no",
        "--judged", "0", *more])
    return read_log(folder / name / "log.csv")


def curve(rows):
    return [{**row, "seconds": 0} for row in rows]


@pytest.fixture(scope="module")
def whole(tiny):
    return run(tiny, "whole")


def test_loss_falls_and_so_does_that_of_held_out_scenes(whole):
    assert [row["step"] for row in whole] == [4, 8]
    assert whole[1]["loss"] < whole[0]["loss"]
    assert whole[1]["held_out"] < whole[0]["held_out"]


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tiny, whole, monkeypatch):
    class KilledError(RuntimeError):
        pass

    original = common.Run.learn

    def learn(self, loss, step):
        if step == 6:
            raise KilledError
        original(self, loss, step)

    with monkeypatch.context() as patch:
        patch.setattr(common.Run, "learn", learn)
        with pytest.raises(KilledError):
            run(tiny, "killed")
    assert curve(run(tiny, "killed")) == curve(whole)


@pytest.mark.parametrize(("owner", "name"), [(common, "write_atomically"), (UNet2DConditionModel, "save_pretrained")])
def test_a_kill_between_the_last_model_and_its_checkpoint_leaves_no_older_one(tiny, whole, monkeypatch, owner, name):
    """Whichever of the two is written when it is killed: the same command ends with the finished model."""
    does, calls, folder = getattr(owner, name), [], f"between-{name}"

    def killed(*args, **named):
        calls.append(name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        does(*args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killed)
        with pytest.raises(KeyboardInterrupt):
            run(tiny, folder)
    assert curve(run(tiny, folder)) == curve(whole)
    made, wanted = (portable.read(tiny / one / "model") for one in (folder, "whole"))
    assert all(made[key].equal(wanted[key]) for key in wanted)
    assert json.loads((tiny / folder / "model/progress.json").read_text()) == {"step": 8}


def test_only_the_first_of_several_processes_makes_the_checkpoint(tiny, whole, monkeypatch, tmp_path):
    shutil.copytree(tiny / "whole/model", tmp_path / "model")
    options = common.parsed(common.arguments("t", "", 1, 1, 1e-3), ["--out", str(tmp_path)])
    unet = UNet2DConditionModel.from_pretrained(tmp_path / "model", local_files_only=True)
    monkeypatch.setenv("RANK", "1")
    portable.take_up(options, unet)
    assert not (tmp_path / "checkpoint.pt").exists()
    monkeypatch.setenv("RANK", "0")
    portable.take_up(options, unet)
    assert (tmp_path / "checkpoint.pt").exists()


def test_dropout_begins_where_an_interval_does(tiny, capsys):
    with pytest.raises(SystemExit):
        run(tiny, "off", "--dropout-from", "3")
    assert "--dropout-from 3 is no multiple of --every 4" in capsys.readouterr().err


def test_another_machine_goes_on_from_the_model_alone_at_a_low_rate(tiny, monkeypatch):
    rows = run(tiny, "moved", "--steps", "4")
    (tiny / "moved/checkpoint.pt").unlink()
    weights, rates, kept = portable.read(tiny / "moved/model"), [], {}
    original = common.Run.learn

    def learn(self, loss, step):
        if not kept:
            kept.update({name: value.clone() for name, value in self.raw.state_dict().items()})
        original(self, loss, step)
        rates.append(self.optimiser.param_groups[0]["lr"] / (2e-2 * common.cosine(step, 8)))

    monkeypatch.setattr(common.Run, "learn", learn)
    more = run(tiny, "moved")
    assert curve(more[:1]) == curve(rows)  # the log goes on, too
    assert [row["step"] for row in more] == [4, 8]
    assert all(kept[name].equal(weights[name]) for name in weights)
    np.testing.assert_allclose(rates, np.arange(1, 5) / portable.WARM_UP)
    assert json.loads((tiny / "moved/model/progress.json").read_text()) == {"step": 8}
    assert more[1]["held_out"] <= 1.01 * more[0]["held_out"]  # nothing was thrown away


def test_a_restart_has_the_optimiser_of_every_run(tiny, whole):
    """`portable` writes a checkpoint that `Run` reads: its settings must be those that `Run` would have made."""
    written = torch.load(tiny / "whole/checkpoint.pt", weights_only=True)["optimiser"]["param_groups"][0]
    unet = recipe.network(16, (16, 16, 32))
    ours = portable._checkpoint(unet, {}, 3, 2e-2)["optimiser"]["param_groups"][0]
    differing = {key for key in written if key not in ("lr", "initial_lr") and written[key] != ours[key]}
    assert not differing


def test_flow_learns_too_and_no_dropout_is_another_run(tiny, whole):
    flow = run(tiny, "flow", "--objective", "flow")
    assert flow[1]["loss"] < flow[0]["loss"]
    assert run(tiny, "nodropout", "--dropout", "0", "--steps", "4")[0]["loss"] != whole[0]["loss"]


def test_dropout_from_a_step_on_shares_the_steps_before_with_the_run_that_never_drops(tiny, whole):
    late = run(tiny, "late", "--dropout-from", "4", "--dropout", "0.9", "--snapshots", "4")
    never = run(tiny, "never", "--dropout", "0")
    assert curve(late[:1]) == curve(never[:1])
    assert late[1]["loss"] != never[1]["loss"]
    assert json.loads((tiny / "late/snapshots/000004/progress.json").read_text()) == {"step": 4}
    (tiny / "branch").mkdir()
    shutil.copy(tiny / "late/undropped.pt", tiny / "branch/checkpoint.pt")
    assert curve(run(tiny, "branch", "--dropout", "0"))[-1:] == curve(never)[-1:]


def test_a_warm_start_begins_with_the_other_runs_weights(tiny, whole, capsys):
    rows = run(tiny, "warm", "--start", str(tiny / "whole/model"), "--steps", "1", "--rate", "1e-5")
    assert rows[0]["step"] == 1
    assert abs(rows[0]["held_out"] - whole[-1]["held_out"]) < 0.01
    assert "begins with the weights of" in capsys.readouterr().out


def test_relearning_begins_cross_attention_anew_and_leaves_all_else_as_it_was(tiny, whole, capsys):
    before = portable.read(tiny / "whole/model")
    options = ("--start", str(tiny / "whole/model"), "--relearn", "attn2", "--dropout", "0")
    run(tiny, "relearnt", *options, "--seed", "1")
    after = portable.read(tiny / "relearnt/model")
    changed = {name for name in before if not after[name].equal(before[name])}
    assert changed == {name for name in before if "attn2" in name.split(".")}
    assert "attn2 begins anew, and learns alone" in capsys.readouterr().out
    far = torch.cat([(after[name] - before[name]).flatten() for name in changed if name.endswith("to_k.weight")])
    own = torch.cat([before[name].flatten() for name in changed if name.endswith("to_k.weight")])
    assert far.std() > 1.2 * own.std()  # not the old weights with a little training, but others


def test_relearning_wants_a_start_and_a_layer_that_is_there(tiny, whole, capsys):
    with pytest.raises(SystemExit):
        run(tiny, "homeless", "--relearn", "attn2")
    assert "--relearn needs --start" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no layer is called 'attn9'"):
        run(tiny, "lost", "--start", str(tiny / "whole/model"), "--relearn", "attn9")


def test_judged_pictures_are_read_and_shown(tiny, monkeypatch):
    monkeypatch.setattr(recipe, "load_critic", lambda device: Critic((8, 8, 8, 8)).eval())
    for objective in ("epsilon", "flow"):
        (row,) = run(tiny, f"judged-{objective}", "--judged", "3", "--steps", "1", "--objective", objective)
        assert {"held_out", "accuracy", "species", "size"} <= set(row)
        assert Image.open(tiny / f"judged-{objective}/samples-000001.png").size == (8 * 128 + 7 * 2, 128)


@pytest.fixture(scope="module")
def parts(tiny, whole):
    text = words.TextEncoder(tiny / "clip/model")
    unet = UNet2DConditionModel.from_pretrained(tiny / "whole/model", local_files_only=True).float().eval()
    return text, unet


@pytest.mark.parametrize("scale", [3.0, 7.5])
def test_the_stock_pipeline_makes_the_same_latents(tiny, parts, scale):
    text, unet = parts
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
                              timestep_spacing="trailing", steps_offset=1)
    pipeline = StableDiffusionPipeline(
        AutoencoderKL.from_pretrained(tiny / "vae"),
        CLIPTextModel.from_pretrained(tiny / "clip/model", dtype=torch.float32), build(), unet, scheduler, None, None,
        requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    prompts, seeds = ["a small scaly blue cat", "a fox"], [5, 6]
    theirs = pipeline(prompts, latents=initial_noise(seeds), guidance_scale=scale, output_type="latent",
                      num_inference_steps=25, height=128, width=128).images
    ours = recipe.generate(unet, text, prompts, seeds, "epsilon", scale)
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4)


def test_batches_do_not_change_a_picture(parts):
    text, unet = parts
    prompts = ["a fox", "a cat", "a dog"]
    together = recipe.generate(unet, text, prompts, [0, 1, 2], "flow", 2.0)
    alone = recipe.generate(unet, text, prompts, [0, 1, 2], "flow", 2.0, batch=1)
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


def test_captions_are_dropped_at_the_stated_share():
    ids, empty = words.tokens([["a fox"]] * 4000)[:, 0], words.tokens([[""]])[0, 0]
    for share in (0.0, 0.1, 1.0):
        gone = (recipe.dropped(ids, empty, share, np.random.default_rng(0)) == empty).all(1).float().mean()
        assert gone == pytest.approx(share, abs=0.015)


def test_a_perfect_denoiser_has_no_loss():
    z0, epsilon = torch.randn(2, 8, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    q = torch.linspace(0.01, 0.99, 8)
    assert recipe.loss_at("epsilon", lambda *a, **k: (epsilon,), z0, epsilon, q, None) == 0
    assert recipe.loss_at("flow", lambda *a, **k: (epsilon - z0,), z0, epsilon, q, None) == 0
    blind = recipe.loss_at("flow", lambda *a, **k: (0 * z0,), z0, epsilon, q, None)
    assert blind == pytest.approx(2.0, abs=0.1)  # variance of noise and latent together


def test_the_shipped_size_stays_below_five_million():
    with torch.device("meta"):
        unet = recipe.network(96)
    parameters = sum(p.numel() for p in unet.parameters())
    assert 3e6 < parameters < 5e6


def test_latents_are_cached_for_their_autoencoder_and_come_back(tiny, tmp_path):
    codec = latents.autoencoder(tiny / "vae", "cpu")
    z = latents.encoded(codec, 3, 11, tmp_path)
    assert z.shape == (3, 4, 16, 16)
    (file,) = tmp_path.glob("latents-*.npy")
    shutil.copy(file, tmp_path / "kept")
    np.save(file, np.ones((3, 4, 16, 16), np.float16))
    assert latents.encoded(codec, 3, 11, tmp_path).eq(1).all()  # read, not made again
    codec.register_to_config(scaling_factor=3.0)
    torch.testing.assert_close(latents.encoded(codec, 3, 11, tmp_path).float(), 1.5 * z.float(), atol=1e-3, rtol=1e-2)
    assert latents.decode(codec, z.float()).shape == pictures(3, 11).shape


def test_the_shipped_autoencoder_is_the_default(monkeypatch):
    asked = []
    monkeypatch.setattr(latents, "load", lambda *a: asked.append(a))
    latents.autoencoder(None, "cpu")
    assert asked == [("vae", "critters", "cpu")]


def test_validation_scenes_are_in_no_training_set():
    training = {caption(s) + repr(s) for s in sample(2000, recipe.TRAINING_SEED)}
    assert not training & {caption(s) + repr(s) for s in sample(512, recipe.VALIDATION_SEED)}
