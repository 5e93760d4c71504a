"""Interactive charts: alive in a static page, asking no other host, readable without scripts."""

import json
import re

import pytest

from course_utils import show
from course_utils.show import plotly
from course_utils.show.colab import on_colab

PANELS = {
    "scenes": {"JPEG": [(0.5, 24.12345), (1.0, 28.0)], "fp16 latent": [(1.0, 27.0)]},
    "photographs": {"JPEG": [(0.4, 22.0), (2.0, 30.0)], "fp16 latent": [(1.0, 23.0)]},
}


def drawn():
    colours = {"JPEG": "blue", "fp16 latent": "orange"}
    return show.rate_distortion(PANELS, "Quality against size, <for> two kinds of pictures.", colours, id="rd")


@pytest.fixture
def bundle():
    return drawn()._repr_mimebundle_()


def test_one_trace_for_each_codec_and_panel(bundle):
    traces = bundle["application/vnd.plotly.v1+json"]["data"]
    modes = [(trace["name"], trace["mode"]) for trace in traces]
    assert modes == [("JPEG", "lines+markers"), ("fp16 latent", "markers")] * 2
    assert traces[0]["y"] == [24.1, 28.0]
    assert [trace["showlegend"] for trace in traces] == [True, True, False, False]


def test_html_draws_with_the_plotly_of_the_page_and_no_other(bundle):
    page = bundle["text/html"]
    assert "https://" not in page
    assert "http://" not in page
    content = json.loads(re.search(r'id="rd-data">(.*?)</script>', page, re.DOTALL)[1])
    assert content["data"] == bundle["application/vnd.plotly.v1+json"]["data"]


def test_html_is_described_and_readable_without_scripts(bundle):
    page = bundle["text/html"]
    assert 'aria-label="Quality against size, &lt;for&gt; two kinds of pictures."' in page
    assert page.count("<tr>") == 1 + 6
    assert "<td>24.1</td>" in page


def test_two_charts_are_the_same_text(bundle):
    assert drawn()._repr_mimebundle_() == bundle


def test_on_colab_the_page_brings_plotly(monkeypatch):
    monkeypatch.setattr(plotly, "on_colab", lambda: True)
    assert plotly.CODE in drawn()._repr_mimebundle_()["text/html"]


def test_this_machine_is_not_colab():
    assert on_colab() is False
