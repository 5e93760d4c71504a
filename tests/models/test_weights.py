import json
import runpy
import shutil
import sys

import pytest

from course_utils.models import WeightsError, load, weights
from course_utils.models.weights import FOLDER, SUMS, expected, sha256, verified

VAE = "vae/diffusion_pytorch_model.safetensors"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Hashes and two models of the weights' folder, in a copy that may be broken."""
    for name in ("vae", "critic"):
        shutil.copytree(FOLDER / name, tmp_path / "weights" / name)
    shutil.copy(FOLDER / SUMS, tmp_path / "weights")
    monkeypatch.setattr(weights, "FOLDER", tmp_path / "weights")
    return tmp_path / "weights"


def test_every_recorded_file_is_what_it_was():
    assert VAE in expected()
    for path in expected():
        assert verified(path) == FOLDER / path


def test_every_weight_file_is_recorded():
    files = {p.relative_to(FOLDER).as_posix() for p in FOLDER.glob("*/*.safetensors")}
    assert files <= set(expected())


def test_one_changed_byte_is_noticed(copy):
    data = bytearray((copy / VAE).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / VAE).write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        load("vae", "critters")
    message = str(caught.value)
    assert str(copy / VAE) in message
    assert expected()[VAE] in message
    assert sha256(copy / VAE) in message
    assert "git checkout" in message


def test_a_file_cut_short_is_noticed(copy):
    (copy / VAE).write_bytes((copy / VAE).read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"damaged \(1,000 bytes\)"):
        load("vae", "critters")


def test_a_missing_file_is_not_made_up(copy):
    (copy / VAE).unlink()
    with pytest.raises(WeightsError, match="found no file"):
        load("vae", "critters")


def test_a_changed_configuration_is_noticed(copy):
    config = copy / "vae/config.json"
    config.write_text(config.read_text().replace("scaling_factor", "scaling_factors"))
    with pytest.raises(WeightsError, match="damaged"):
        load("vae", "critters")


def test_hashes_that_are_missing_or_damaged_say_so(copy):
    with pytest.raises(WeightsError, match="no hash for vae/other"):
        verified("vae/other")
    (copy / SUMS).write_text("{")
    with pytest.raises(WeightsError, match="damaged"):
        verified(VAE)
    (copy / SUMS).unlink()
    with pytest.raises(WeightsError, match="missing"):
        verified(VAE)


def test_cards_name_the_weights_that_ship():
    for folder in sorted(p.parent for p in FOLDER.glob("*/card.json")):
        card = json.loads((folder / "card.json").read_text())
        assert card["sha256"] == sha256(folder / card["file"])
        assert card["bytes"] == (folder / card["file"]).stat().st_size


def test_a_card_is_read_or_the_cards_there_are_named(copy):
    assert weights.card("vae")["sha256"] == expected()[VAE]
    with pytest.raises(WeightsError, match="no card for 'vea'; there are cards for: critic, vae"):
        weights.card("vea")


def test_the_table_prints(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["models"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("course_utils.models", run_name="__main__")
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "stabilityai/sd-vae-ft-mse" in said
    assert expected()[VAE][:16] in said
