"""Model cards, status, outputs and scripts: what the other directives and events make of files."""

import gzip
from types import SimpleNamespace

import pytest
from course_book import cards, memory, models, outputs, scripts, status
from course_book.common import Malformed
from docutils import nodes

from tests.book.toy import code, notebook, write

CARD = "# The VAE\n\nWhat it is.\n\n## How it was trained\n\n```python\n# a comment\n```\n"


def model(root, role="vae", text=CARD, facts=None):
    write(root / cards.WEIGHTS / role / "card.md", text)
    write(root / cards.WEIGHTS / role / "card.json", {"psnr": {"scenes": 27.123}} if facts is None else facts)


def test_a_card_becomes_a_section_with_its_facts_folded_away(tmp_path):
    model(tmp_path)
    title, text = cards.card(cards.folders(tmp_path)[0])
    assert title == "The VAE"
    assert "```{rubric} How it was trained\n```" in text
    assert "\n# a comment" in text
    assert "| psnr · scenes | 27.1 |" in text


def test_facts_are_told_for_people():
    facts = {"parameters": 2634567, "frozen": True, "shape": [4, 16, 16], "note": "a|b"}
    assert cards.flat(facts) == [
        ("parameters", "2,634,567"),
        ("frozen", "yes"),
        ("shape", "4, 16, 16"),
        ("note", "a\\|b"),
    ]


def test_lists_of_facts_are_told_one_by_one():
    told = cards.flat({"sweep": [{"scale": 1.0}, {"scale": 3.0}]})
    assert told == [("sweep 1 · scale", "1"), ("sweep 2 · scale", "3")]


ROW = {"model": "flow_consistency", "n": 2000, "guidance": 1.0, "evaluations": 4.0, "mean_accuracy": 0.981,
       "frechet": 0.512, "frechet_floor": 0.234, "kid": 0.01, "kid_standard_error": 0.002, "diversity.of_world": 0.91}


def test_the_table_parts_models_that_make_pictures_from_others():
    read = {"model": "vae", "n": 2000, "psnr": 29.51, "on_renders.species": 0.9987, "something.new": 3.0}
    text = models.page([read, {"model": "controlnet_edge", "n": 250, "controlled.median": 0.78}, ROW])
    others, makers = text.split("\n\n")
    assert "| PSNR 29.5 dB; species read right on 99.9 % of renders; something, new: 3 | 2,000 |" in others
    assert "| F1 of edges: median 0.78 with the map | 250 |" in others
    assert "| 4, at 1 | 0.981 | 0.512, 0.234 | 0.01 ±&nbsp;0.002 | 0.91 | 2,000 |" in makers
    assert 'href="#model-flow-consistency"' in makers


def test_only_a_long_name_may_be_broken_and_only_before_its_last_word():
    assert "<wbr>" not in models.link("controlnet_pose")
    assert "text_to_image<wbr>_nodropout" in models.link("text_to_image_nodropout")


@pytest.mark.parametrize("rows", [[{"model": "lcm", "frechet": 1.0}], 3, [3]])
def test_a_report_that_lacks_something_is_malformed(rows):
    with pytest.raises(Malformed, match="report"):
        models.page(rows)


def test_no_models_is_fine_and_weights_without_a_card_are_not(tmp_path):
    assert cards.folders(tmp_path) == []
    write(tmp_path / cards.WEIGHTS / "vae/model.safetensors", "x")
    with pytest.raises(Malformed, match="weights but no card"):
        cards.card(cards.folders(tmp_path)[0])


@pytest.mark.parametrize(("text", "facts"), [("no title", {}), (CARD, []), (CARD, "{")])
def test_malformed_cards(tmp_path, text, facts):
    model(tmp_path, text=text, facts=facts)
    with pytest.raises(Malformed):
        cards.card(cards.folders(tmp_path)[0])


def test_status_tells_times_and_versions():
    known = {
        "notebooks": {"01_first": {"seconds": 95, "cells": 12, "executed": "2026-11-21"}},
        "machine": "2 cores",
        "versions": {"numpy": "2.4.6"},
    }
    text = status.page(known, {"notebooks/01_first"})
    assert "| {doc}`/notebooks/01_first` | 1.6 min | 12 | 2026-11-21 |" in text
    assert "| `numpy` | 2.4.6 |" in text
    assert "`01_first`" in status.page(known, set())
    with pytest.raises(Malformed, match="machine"):
        status.page({"notebooks": {}}, set())


def test_invisible_outputs_are_found():
    bare = {"data": {"application/vnd.plotly.v1+json": {}, "text/plain": "Figure"}}
    widget = {"data": {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "VBox"}}
    shown = {"data": {"application/vnd.plotly.v1+json": {}, "text/html": "<div>"}}
    plain = {"data": {"text/plain": "3"}}
    found = list(outputs.invisible_outputs(notebook(code("a", shown, plain), code("b", bare), code("c", widget))))
    assert found == [(1, "application/vnd.plotly.v1+json"), (2, "application/vnd.jupyter.widget-view+json")]


class Script:
    def __init__(self, filename=None, **attributes):
        self.filename, self.attributes = filename, attributes


def test_unused_scripts_are_told_from_used_ones():
    assert scripts.is_unused(Script("sphinx-thebe.js"))
    assert scripts.is_unused(Script(None, body='const THEBE_JS_URL = "..."'))
    assert scripts.is_unused(Script(None, type="application/vnd.jupyter.widget-state+json"))
    assert not scripts.is_unused(Script("mathjax/tex-chtml.js"))


def test_formulas_have_their_script_unpacked(tmp_path):
    zipped = tmp_path / "_static" / scripts.ZIPPED
    zipped.parent.mkdir(parents=True)
    zipped.write_bytes(gzip.compress(b"let x = 1"))
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html"))
    scripts.unzip_formulas(app, None)
    assert [path.name for path in zipped.parent.iterdir()] == ["tex-chtml.js"]
    assert (zipped.parent / "tex-chtml.js").read_bytes() == b"let x = 1"


def test_only_pages_with_charts_load_plotly():
    page = nodes.section("", nodes.raw("", "<script>window.Plotly.newPlot('a')</script>", format="html"))
    assert scripts.draws_plotly(page)
    assert not scripts.draws_plotly(nodes.section("", nodes.raw("", "<b>Plotly.newPlot</b>"[:3], format="html")))
    assert not scripts.draws_plotly(None)
    assert scripts.plotly_source().exists()


def test_the_memory_page_tells_sums_and_parts():
    found = {"scale": "sd15", "role": "lcm", "sections": "5", "side": 512, "step": 1234, "decode": 2500,
             "decode_tile": 600, "weights": {"text": 246, "denoiser": 1719, "vae": 335},
             "peaks": {"all": 5500, "tiles": 4234}, "fits": {"8 GB": "all"}}
    text = memory.page({"allowance": 700, "cards": ["8 GB"], "settings": ["all", "tiles"], "rows": [found]})
    assert "| Scale and role | All | Tiles | Fits 8 GB |" in text
    assert "| sd15: lcm | 5,500 | 4,234 | all |" in text
    assert "| sd15: lcm | 5 | 512 | 246 | 1,719 | 335 | 1,234 | 2,500 | 600 |" in text
    assert "700 MB of allowance" in text
    with pytest.raises(Malformed, match=r"budgets\.json: KeyError"):
        memory.page({"rows": []})


def test_what_was_tried_with_colabs_versions_is_told():
    found = {"tried": "2026-11-25", "setup_seconds": 31, "seconds": {"00_a": 40, "01_b": 60}, "of": 6,
             "checks": {"00_a": 5, "01_b": 4}, "versions": {"torch": "2.11.0", "numpy": "2.1.3"}}
    text = status.colab({"3.13": found})
    row = "| Python 3.13 | 2026-11-25 | 31 s | 2 of 6 in 1.7 min | 9 in 2 exercises | numpy 2.1.3, torch 2.11.0 |"
    assert row in text
    with pytest.raises(Malformed, match=r"_colab\.json: KeyError"):
        status.colab({"3.13": {}})


def test_what_ran_against_the_stand_in_is_told():
    found = {"tried": "2026-11-25", "seconds": {"00_a": 40, "01_b": 60}, "of": 6}
    assert "2 of 6 notebooks ran through" in status.hub(found)
    assert "2026-11-25, 1.7 min" in status.hub(found)
    with pytest.raises(Malformed, match=r"_hub\.json: KeyError"):
        status.hub({})
