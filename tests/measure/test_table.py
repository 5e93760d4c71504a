import json

import pytest

from course_utils.measure import report, table
from course_utils.models.weights import card


def test_every_shipped_model_has_a_row_from_its_card():
    for name in report.shipped():
        row = table.row(name, card(name)["measured"])
        assert row["model"] == name
        assert row["n"] >= 500
        assert len(row) > 3


def test_facts_are_found_by_path_and_missing_ones_named():
    assert table.fact({"a": {"b": 3}}, "a.b") == 3
    with pytest.raises(KeyError, match=r"a\.c"):
        table.fact({"a": {"b": 3}}, "a.c")


def test_all_controlnets_and_all_denoisers_share_their_columns():
    assert table.shown("controlnet_pose") == table.shown("controlnet_depth")
    assert table.shown("lcm") == table.OF_DENOISER
    assert table.shown("pixel_text_to_image") == table.OF_DENOISER


def test_the_table_of_the_cards_is_printed_and_written(capsys, tmp_path):
    table.main(["--cards"], tmp_path)
    rows = json.loads((tmp_path / table.FILE).read_text())
    assert [row["model"] for row in rows] == report.shipped()
    assert "vae (n 2,000): psnr 29" in capsys.readouterr().out


def test_a_part_of_the_table_is_not_written(tmp_path):
    table.main(["vae", "--cards"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_model_is_named_with_those_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"no embedded model called 'fax'.*critic, dense, vae"):
        table.main(["fax"], tmp_path)


def test_a_fresh_measurement_of_the_critic_makes_the_same_row(tmp_path):
    fresh = table.row("critic", report.measured("critic", 32, tmp_path))
    assert fresh.keys() == table.row("critic", card("critic")["measured"]).keys()


def test_a_quick_look_is_not_what_the_book_quotes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "measured", lambda name, n, cache: card(name)["measured"])
    table.main(["--n", "200"], tmp_path)
    assert not list(tmp_path.iterdir())
