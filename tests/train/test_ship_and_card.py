import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from course_utils.critters import render, sample
from course_utils.measure import autoencoder
from course_utils.measure.photos import china, held_out
from course_utils.measure.pictures import psnr
from course_utils.models import load, load_text, weights
from course_utils.models.tokenizer import LENGTH, build
from course_utils.models.weights import FOLDER, sha256
from course_utils.train import card, clip, common, controlnet, portable, ship, text_to_image, vae
from course_utils.train.card_text import option
from course_utils.train.data import HELD_OUT_SEED


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "vae"
    vae.main(["--out", str(folder), "--smoke", "--widths", "8", "8", "8", "8", "--precision", "no"])
    return folder


def test_shipping_records_what_was_shipped(run, tmp_path, monkeypatch):
    ship.ship("vae", run, tmp_path)
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    load("vae", "critters", "cpu")
    sums = json.loads((tmp_path / weights.SUMS).read_text())
    assert set(sums) == {"vae/config.json", "vae/diffusion_pytorch_model.safetensors"}
    assert all(sha256(tmp_path / path) == value for path, value in sums.items())
    assert (tmp_path / "vae/curve.csv").read_text().startswith("step,")


def test_the_recipe_tells_what_and_not_where(run, tmp_path):
    ship.ship("vae", run, tmp_path)
    recipe = (tmp_path / "vae/recipe.json").read_text()
    assert str(run) not in recipe
    assert json.loads(recipe)["options"]["from step 0"]["kl"] == "0.0002"


def test_a_later_stage_names_only_what_changed():
    stages = [{"from": 0, "steps": "10", "rate": "1", "out": "here"},
              {"from": 4, "steps": "20", "rate": "1", "out": "there"},
              {"from": 6, "steps": "20", "rate": "1", "out": "elsewhere"}]
    assert ship.told(stages) == {"from step 0": {"steps": "10", "rate": "1"}, "from step 4": {"steps": "20"}}


def test_other_runs_are_told_by_name_and_not_by_where_they_lay():
    stages = [{"from": 0, "clip": "/somewhere/runs/clip/model", "vae": "None", "equal": "runs/text_to_image",
               "start": "/somewhere/runs/lcm/snapshots/002000"}]
    assert ship.told(stages) == {"from step 0": {"clip": "clip", "vae": "None", "equal": "text_to_image",
                                                 "start": "lcm, step 2000"}}


def test_an_unfinished_run_is_not_shipped(tmp_path):
    with pytest.raises(FileNotFoundError, match="not finished"):
        ship.ship("vae", tmp_path, tmp_path / "weights")


def test_a_long_curve_is_thinned_and_keeps_its_end(tmp_path):
    (tmp_path / "log.csv").write_text("step,seconds,loss\n" + "".join(f"{k},1,2\n" for k in range(1, 1002)))
    ship._ship_curve(tmp_path, tmp_path, {})
    rows = (tmp_path / "curve.csv").read_text().splitlines()
    assert len(rows) < 210
    assert rows[-1].startswith("1001,")


def test_the_command_line_ships(run, tmp_path, capsys):
    ship.main(["vae", str(run)], tmp_path)
    assert "shipped after 8 steps" in capsys.readouterr().out
    for arguments, message in ((["vea", str(run)], "known ones: adversarial, clip, controlnet, critic"),
                               (["controlnet", str(run)], "known conditions: pose, edge, depth"),
                               (["vae", str(run), "--rank", "2"], "has no base to be a difference to"),
                               (["lcm", str(run), "--rank", "2"], "ship text_to_image first"),
                               (["vae", str(tmp_path)], "not finished")):
        with pytest.raises(SystemExit):
            ship.main(arguments, tmp_path)
        assert message in capsys.readouterr().err


def finished(folder, model):
    """What a recipe leaves when it is done: model, checkpoint, log."""
    portable.write(model, folder / "model", 7)
    torch.save({"step": 7, "stages": [{"from": 0, "seed": "0", "scenes": "9"}]}, folder / "checkpoint.pt")
    (folder / "log.csv").write_text("step,seconds,loss\n7,3600,0.5\n")
    return folder


@pytest.fixture
def trained(tmp_path):
    """A base, a student and a ControlNet of it, all tiny."""
    torch.manual_seed(0)
    base, student = text_to_image.network(16, (16, 16, 32)), text_to_image.network(16, (16, 16, 32))
    control = controlnet.network(base)
    with torch.no_grad():
        for weight, origin in zip(student.parameters(), base.parameters(), strict=True):
            few = torch.randn(len(weight), 2) @ torch.randn(2, weight[0].numel()) if weight.ndim > 1 else None
            weight.copy_(origin + 0.01 * (few.view_as(weight) if few is not None else 1))
        for weight in control.parameters():
            weight.add_(0.01 * torch.randn_like(weight))
    return {name: finished(tmp_path / name, model)
            for name, model in (("base", base), ("student", student), ("control", control))}


def weights_of(folder):
    return {name: value.float() for name, value in load_file(folder / portable.WEIGHTS).items()}


def test_a_student_ships_as_what_it_changed_and_loads_whole(trained, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "weights"
    ship.ship("text_to_image", trained["base"], folder)
    ship.main(["lcm", str(trained["student"]), "--rank", "2"], folder)
    assert "rank 2 keeps 100.0% of the squared change" in capsys.readouterr().out
    recorded = json.loads((folder / weights.SUMS).read_text())
    assert {path for path in recorded if path.startswith("lcm/")} == {"lcm/config.json", "lcm/difference.safetensors"}
    size = (folder / "lcm/difference.safetensors").stat().st_size
    assert size < 0.6 * (folder / "text_to_image" / portable.WEIGHTS).stat().st_size
    made = json.loads((folder / "lcm/recipe.json").read_text())
    assert made["command"] == "python -m course_utils.train.lcm"
    assert made["low_rank"]["rank"] == 2
    monkeypatch.setattr(weights, "FOLDER", folder)
    wanted = weights_of(trained["student"] / "model")
    for name, value in load("lcm", "critters", "cpu").state_dict().items():
        torch.testing.assert_close(value, wanted[name], atol=2e-3, rtol=1e-3)  # half precision, twice


def test_a_controlnet_ships_for_its_condition_whole_or_as_a_difference(trained, tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    monkeypatch.setattr(weights, "FOLDER", folder)
    ship.ship("text_to_image", trained["base"], folder)
    ship.ship("controlnet", trained["control"], folder, "edge")
    wanted = weights_of(trained["control"] / "model")
    whole = load("controlnet", "critters", "cpu", "edge").state_dict()
    assert all(value.equal(wanted[name]) for name, value in whole.items())
    assert "controlnet_edge/progress.json" in weights.expected()  # from which another machine can go on
    made = json.loads((folder / "controlnet_edge/recipe.json").read_text())
    assert made["command"] == "python -m course_utils.train.controlnet --condition edge"
    ship.ship("controlnet", trained["control"], folder, "edge", rank=4)
    assert not (folder / "controlnet_edge" / portable.WEIGHTS).exists()  # the whole one is gone
    compressed = load("controlnet", "critters", "cpu", "edge").state_dict()
    own = [name for name in wanted if name.startswith(("controlnet_", "conv_in.bias"))]
    assert len(own) > 10
    assert all(compressed[name].equal(wanted[name]) for name in own)


def test_a_base_that_is_shipped_again_names_the_differences_to_it(trained, tmp_path, capsys):
    folder = tmp_path / "weights"
    ship.ship("text_to_image", trained["base"], folder)
    ship.ship("lcm", trained["student"], folder, rank=2)
    ship.main(["text_to_image", str(trained["base"])], folder)
    assert "older base" not in capsys.readouterr().out
    ship.main(["text_to_image", str(trained["student"])], folder)
    assert "lcm is a difference to an older base: ship it anew" in capsys.readouterr().out


def test_clip_takes_its_tokenizer_along_and_every_file_has_a_hash(tmp_path, monkeypatch):
    options = common.parsed(common.arguments("clip", "", 1, 1, 1e-3), ["--out", str(tmp_path / "clip")])
    clip.write_model(clip.network(patch=64, width=16), options)
    finished_clip = tmp_path / "clip"
    torch.save({"step": 7, "stages": [{"from": 0, "seed": "0", "scenes": "9"}]}, finished_clip / "checkpoint.pt")
    (finished_clip / "log.csv").write_text("step,seconds,loss\n7,3600,0.5\n")
    folder = tmp_path / "weights"
    ship.ship("clip", finished_clip, folder)
    monkeypatch.setattr(weights, "FOLDER", folder)
    files = {path.name for path in (folder / "clip").iterdir()} - {"recipe.json", "curve.csv"}
    assert {f"clip/{name}" for name in files} == set(weights.expected())
    assert files >= {"config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"}
    shipped = CLIPTokenizer.from_pretrained(folder / "clip")
    assert (shipped.get_vocab(), shipped.model_max_length) == (build().get_vocab(), LENGTH)
    assert load_text("critters", "cpu").read(["a fox"]).shape == (1, LENGTH, 16)


def test_weights_that_are_not_numbers_are_not_shipped(trained, tmp_path):
    broken = text_to_image.network(16, (16, 16, 32))
    with torch.no_grad():
        broken.conv_in.bias[0] = torch.nan
    with pytest.raises(ValueError, match=r"holds NaN or infinite numbers \(conv_in.bias\)"):
        ship.ship("flow", finished(tmp_path / "broken", broken), tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_cards_are_made_of_measurements(tmp_path, monkeypatch):
    """The whole way on a copy of what ships, with few scenes and a piece of one photograph."""
    copy = tmp_path / "weights"
    shutil.copytree(FOLDER, copy)
    monkeypatch.setattr(weights, "FOLDER", copy)
    monkeypatch.setattr(autoencoder, "held_out", lambda: {"china": china()[:128, :192]})
    for role, more in (("vae", ["--pca", "40"]), ("critic", [])):
        for name in ("card.json", "card.md", "curve.png"):
            (copy / role / name).unlink(missing_ok=True)
        monkeypatch.setattr(autoencoder.rivals, "__defaults__", (30,))
        card.main([role, "--n", "40", "--cache", str(tmp_path / "cache"), *more], copy)
        facts = json.loads((copy / role / "card.json").read_text())
        text = (copy / role / "card.md").read_text()
        assert text.startswith("# The ")
        assert facts["sha256"] in text
        assert facts["measured"]["n"] == 40
        assert 1_000 < (copy / role / "curve.png").stat().st_size < 10_000
        assert str(tmp_path) not in text + json.dumps(facts)
    assert (copy / "vae/reconstructions.jpg").stat().st_size > 10_000

    facts = (copy / "vae/card.json").read_text()
    (copy / "vae/notes.md").write_text("## A word\n\nWritten by hand.\n")
    card.main(["vae", "--text"], copy)
    assert "Written by hand." in (copy / "vae/card.md").read_text()
    assert (copy / "vae/card.json").read_text() == facts  # nothing was measured again


def shipped_card(role):
    return json.loads((FOLDER / role / "card.json").read_text())


def test_the_shipped_card_agrees_with_a_fresh_measurement():
    """Fewer scenes than the card has: means may differ by sampling, here by at most 0.4 dB, 0.01 and 2 %."""
    told = shipped_card("vae")["measured"]
    scenes = sample(96, HELD_OUT_SEED)
    pictures = np.stack([render(scene) for scene in scenes])
    network = load("vae", "critters", "cpu")
    ours = autoencoder.reconstruct(network, pictures)
    now = autoencoder.fidelity(pictures, ours)
    assert now["psnr"] == pytest.approx(told["psnr"], abs=0.4)
    assert now["ssim"] == pytest.approx(told["ssim"], abs=0.01)
    read = autoencoder.attributes(ours, scenes)
    for name, share in told["critic_on_reconstructions"].items():
        assert read[name] == pytest.approx(share, abs=0.02), name
    assert autoencoder.bits_per_number(network, pictures) == pytest.approx(told["bits_per_latent_number"], rel=0.05)
    for name, photograph in held_out().items():
        now = psnr(photograph[None], autoencoder.reconstruct(network, photograph[None]))[0]
        assert now == pytest.approx(told["photographs"][name]["psnr"], abs=0.05), name


def test_the_autoencoder_is_what_the_course_needs():
    """The gates: far above principal components, and nothing of what the critic reads is lost."""
    m = shipped_card("vae")["measured"]
    assert m["psnr"] > 4 + next(r["psnr"] for name, r in m["rivals"].items() if name.startswith("pca"))
    assert m["critic_on_reconstructions"]["texture"] >= 0.9
    others = {k: v for k, v in m["critic_on_reconstructions"].items() if k not in ("texture", "keypoint_error")}
    assert min(others.values()) >= 0.98, others


def test_the_critics_floor_is_below_a_hundredth():
    m = shipped_card("critic")["measured"]["on_renders"]
    assert min(value for name, value in m.items() if name != "keypoint_error") >= 0.99
    assert m["keypoint_error"] < 0.01


def test_latents_are_scaled_to_unit_variance():
    network = load("vae", "critters", "cpu")
    pictures = np.stack([render(scene) for scene in sample(64, 12)])
    latents = autoencoder.encode(network, pictures) * network.config.scaling_factor
    assert latents.std().item() == pytest.approx(1, abs=0.05)


def test_numbers_are_rounded_for_the_card():
    assert card.rounded({"a": {"b": 1.23456789}, "n": 7, "s": "x"}) == {"a": {"b": 1.235}, "n": 7, "s": "x"}


def test_an_option_is_told_stage_by_stage():
    trained = {"options": {"from step 0": {"kl": "1", "rate": "2"}, "from step 40": {"kl": "3"}}}
    assert option(trained, "kl") == "1, from step 40 3"
    assert option(trained, "rate") == "2"
    assert option(trained, "colour") == "unknown"
    late = {"options": {"from step 0": {}, "from step 40": {"kl": "3"}}}
    assert option(late, "kl", before="2") == "2, from step 40 3"
    assert option(trained, "kl", before="2") == "1, from step 40 3"
