import json
import shutil

import numpy as np
import pytest
import torch

from course_utils.critters import render, sample
from course_utils.measure import autoencoder
from course_utils.models import load, weights
from course_utils.models.weights import FOLDER, sha256
from course_utils.train import card, ship, vae
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


def test_an_unfinished_run_is_not_shipped(tmp_path):
    with pytest.raises(FileNotFoundError, match="not finished"):
        ship.ship("vae", tmp_path, tmp_path / "weights")


def test_a_long_curve_is_thinned_and_keeps_its_end(tmp_path):
    (tmp_path / "log.csv").write_text("step,seconds,loss\n" + "".join(f"{k},1,2\n" for k in range(1, 1002)))
    torch.save({"step": 1, "stages": [{"from": 0, "seed": "0", "scenes": "1"}]}, tmp_path / "checkpoint.pt")
    ship._ship_curve(tmp_path, tmp_path)
    rows = (tmp_path / "curve.csv").read_text().splitlines()
    assert len(rows) < 210
    assert rows[-1].startswith("1001,")


def test_the_command_line_ships(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ship.ship, "__defaults__", (tmp_path,))
    ship.main(["vae", str(run)])
    assert "shipped after 8 steps" in capsys.readouterr().out


def test_cards_are_made_of_measurements(tmp_path, monkeypatch):
    """The whole way on a copy of what ships, with few scenes."""
    copy = tmp_path / "weights"
    shutil.copytree(FOLDER, copy)
    monkeypatch.setattr(weights, "FOLDER", copy)
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
        assert (copy / role / "curve.png").stat().st_size > 1_000
        assert str(tmp_path) not in text + json.dumps(facts)
    assert (copy / "vae/reconstructions.png").stat().st_size > 10_000

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
    for name, photograph in autoencoder.on_photographs(network).items():
        assert photograph["psnr"] == pytest.approx(told["photographs"][name]["psnr"], abs=0.05)


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
