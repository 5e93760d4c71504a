"""Interactive charts which stay alive in a static page and readable where no script runs.

A bare plotly figure renders as nothing in Jupyter Book, and plotly's own HTML asks another host for its code. Here a
chart is its JSON (for Jupyter and VS Code) *and* HTML with a fixed id that draws with the `Plotly` of the page, with
a table of the same numbers to unfold.
"""

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs_version
from plotly.subplots import make_subplots

from course_utils.show.colab import on_colab
from course_utils.show.style import COLOURS, FAINT, INK, PAPER
from course_utils.show.text import digits

SYMBOLS = {"orange": "circle", "blue": "square", "green": "triangle-up", "purple": "diamond", "pink": "triangle-down",
           "grey": "cross", "ink": "x"}  # fmt: skip
# Colab shows HTML in a frame of its own: there, and only there, plotly's own host is asked for its code.
CODE = f'<script src="https://cdn.plot.ly/plotly-{get_plotlyjs_version()}.min.js" charset="utf-8"></script>\n'

PAGE = """<figure class="course-plot" id="{id}-figure" style="margin:0">
<div id="{id}" role="img" aria-label="{alt}" style="width:100%;height:{height}px"></div>
<details><summary>The numbers of this chart</summary>
{table}
</details>
<script type="application/json" id="{id}-data">{data}</script>
<script>
(function draw() {{
  if (!window.Plotly) {{
    if (document.readyState !== "complete") window.addEventListener("load", draw, {{once: true}});
    return;
  }}
  var chart = JSON.parse(document.getElementById("{id}-data").textContent);
  window.Plotly.newPlot("{id}", chart.data, chart.layout, {{responsive: true, displayModeBar: false}});
}})();
</script>
</figure>"""

Panel = Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Chart:
    """A plotly figure with a fixed `id`, an alternative text and the table of its numbers."""

    chart: go.Figure
    id: str
    alt: str
    table: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """JSON for front ends that know plotly, HTML for the others, the description for screen readers."""
        content = json.loads(self.chart.to_json())
        return {
            "application/vnd.plotly.v1+json": {**content, "config": {"responsive": True, "displayModeBar": False}},
            "text/html": (CODE if on_colab() else "") + self._page(content),
            "text/plain": f"Figure. {self.alt}",
        }

    def _page(self, content: dict[str, Any]) -> str:
        data = json.dumps(content, sort_keys=True).replace("</", "<\\/")
        height = self.chart.layout.height
        return PAGE.format(id=self.id, alt=html.escape(self.alt), table=self.table, data=data, height=height)


def rate_distortion(panels: Mapping[str, Panel], alt: str, colours: Mapping[str, str], id: str) -> Chart:
    """Quality against size for several codecs, one panel for each kind of picture.

    `panels[title][codec]` is a list of (bits per pixel, PSNR in dB); a codec with one point is drawn as a point.
    """
    chart = make_subplots(
        rows=len(panels), cols=1, subplot_titles=list(panels), shared_xaxes=True, vertical_spacing=0.09
    )
    for row, panel in enumerate(panels.values(), start=1):
        for name, points in panel.items():
            chart.add_trace(_trace(name, points, colours[name], first=row == 1), row=row, col=1)
        chart.update_yaxes(title="PSNR in dB", row=row, col=1)
    chart.update_xaxes(type="log", **_ticks(panels.values()))
    chart.update_xaxes(title={"text": "bits per pixel, logarithmic", "standoff": 8}, row=len(panels), col=1)
    _dress(chart, height=130 + 290 * len(panels))
    return Chart(chart, id, alt, _numbers(panels))


def _trace(name: str, points: Sequence[tuple[float, float]], colour: str, first: bool) -> go.Scatter:
    """One codec; three significant digits, so that the last bit of a float never shows up in a notebook's history."""
    x, y = ([float(f"{point[axis]:.3g}") for point in points] for axis in (0, 1))
    return go.Scatter(
        x=x, y=y, name=name, legendgroup=name, showlegend=first, mode="lines+markers" if len(x) > 1 else "markers",
        marker={"symbol": SYMBOLS[colour], "size": 9 if len(x) > 1 else 14}, line={"width": 2.5},
        marker_color=COLOURS[colour], line_color=COLOURS[colour],
        hovertemplate="%{x} bits per pixel<br>%{y} dB<extra>" + name + "</extra>",
    )  # fmt: skip


def _ticks(panels: Iterable[Panel]) -> dict[str, Any]:
    """Plain numbers (0.1, 0.2, 0.5, 1, ...) on the logarithmic axis, over the range that is used."""
    rates = [x for panel in panels for points in panel.values() for x, _ in points]
    marks = [mantissa * 10.0**power for power in range(-3, 3) for mantissa in (1, 2, 5)]
    kept = [mark for mark in marks if min(rates) / 1.5 < mark < max(rates) * 1.5]
    return {"tickvals": kept, "ticktext": [digits(mark, 1) for mark in kept]}


def _dress(chart: go.Figure, height: int) -> None:
    """The course's card, letters that a phone can show, the legend below where a narrow screen has room."""
    chart.update_layout(
        height=height, margin={"l": 62, "r": 14, "t": 34, "b": 10},
        paper_bgcolor=PAPER, plot_bgcolor=PAPER, template="none",
        font={"family": "DejaVu Sans, Verdana, sans-serif", "size": 14, "color": INK},
        legend={"orientation": "h", "y": -0.1, "yanchor": "top", "x": 0}, hovermode="closest",
    )  # fmt: skip
    chart.update_xaxes(gridcolor="#e5dfd3", linecolor=FAINT, zeroline=False, automargin=True)
    chart.update_yaxes(gridcolor="#e5dfd3", linecolor=FAINT, zeroline=False, automargin=True)


def _numbers(panels: Mapping[str, Panel]) -> str:
    """The same numbers as an HTML table."""
    rows = [
        f"<tr><td>{html.escape(title)}</td><td>{html.escape(name)}</td><td>{digits(x)}</td><td>{digits(y)}</td></tr>"
        for title, panel in panels.items()
        for name, points in panel.items()
        for x, y in points
    ]
    head = "<tr><th>pictures</th><th>codec</th><th>bits per pixel</th><th>PSNR in dB</th></tr>"
    return "\n".join(["<table>", head, *rows, "</table>"])

