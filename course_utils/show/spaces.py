"""Two drawings of the same scenes side by side, with each point's picture under the mouse.

Plotly knows no pictures in its hover labels. So the page carries them once, and a few lines of script put the right one
beside the pointer on `plotly_hover`. Where no script runs the labels say what each point is, and a table lists it.
"""

import base64
import html
import io
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8
from PIL import Image
from plotly.subplots import make_subplots

from course_utils.show.plotly import SYMBOLS, Chart, _dress
from course_utils.show.style import COLOURS
from course_utils.show.text import digits

THUMBNAIL = 56

HOVER = """<script type="application/json" id="{id}-thumbnails">{thumbnails}</script>
<script>
(function watch() {{
  var plot = document.getElementById("{id}");
  if (!plot.on) {{ window.setTimeout(watch, 200); return; }}
  var pictures = JSON.parse(document.getElementById("{id}-thumbnails").textContent);
  var shown = document.createElement("img"), frame = document.getElementById("{id}-figure");
  shown.style.cssText = "position:absolute;z-index:9;pointer-events:none;border-radius:8px;display:none;" +
    "width:112px;height:112px;box-shadow:0 2px 8px rgba(0,0,0,.35)";
  frame.style.position = "relative";
  plot.on("plotly_hover", function (event) {{
    var point = event.points[0], box = frame.getBoundingClientRect(), mouse = event.event || {{}};
    var x = (mouse.clientX || box.left) - box.left, y = (mouse.clientY || box.top) - box.top;
    shown.src = pictures[point.customdata];
    shown.alt = point.text.replace(/<br>/g, " ");
    shown.style.left = Math.max(0, Math.min(x < box.width / 2 ? x + 16 : x - 128, box.width - 112)) + "px";
    shown.style.top = Math.max(0, y + (y < 140 ? 24 : -136)) + "px";
    shown.style.display = "block";
    frame.appendChild(shown);
  }});
  plot.on("plotly_unhover", function () {{ shown.style.display = "none"; }});
}})();
</script>
</figure>"""


@dataclass(frozen=True)
class Thumbnails(Chart):
    """A chart whose points' `customdata` are places in a list of small pictures."""

    pictures: tuple[str, ...]

    def _page(self, content: dict[str, Any]) -> str:
        page = super()._page(content).removesuffix("</figure>")
        return page + HOVER.format(id=self.id, thumbnails=json.dumps(self.pictures))


def thumbnail(picture: UInt8[np.ndarray, "h w 3"]) -> str:
    """The picture at 56 pixels as the address of a WebP, about a kilobyte."""
    buffer = io.BytesIO()
    Image.fromarray(picture).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS).save(
        buffer, format="WEBP", quality=50, method=4)  # fmt: skip
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def two_maps(
    maps: Mapping[str, Float[np.ndarray, "n 2"]], words: Mapping[str, Sequence[str]],
    pictures: UInt8[np.ndarray, "n h w 3"], captions: Sequence[str], alt: str, id: str,
) -> Thumbnails:
    """Every map in its column, coloured by one attribute after another, row by row.

    `maps[space]` are places, `words[attribute]` the value for each scene. Colour and marker tell the values apart.
    """
    titles = [f"{space}, by {attribute}" for attribute in words for space in maps]
    chart = make_subplots(rows=len(words), cols=len(maps), subplot_titles=titles, horizontal_spacing=0.04,
                          vertical_spacing=0.09)  # fmt: skip
    names = iter(COLOURS)
    for row, values in enumerate(words.values(), start=1):
        for value, colour in zip(sorted(set(values)), names, strict=False):
            chosen = np.flatnonzero(np.asarray(values) == value)
            for column, places in enumerate(maps.values(), start=1):
                points = _points(np.asarray(places)[chosen], chosen, captions, value, colour, first=column == 1)
                chart.add_trace(points, row=row, col=column)
    _dress(chart, height=100 + 330 * len(words))
    chart.update_xaxes(showticklabels=False, ticks="")
    chart.update_yaxes(showticklabels=False, ticks="")
    chart.update_annotations(font_size=13)
    chart.update_layout(margin={"l": 8, "r": 8, "t": 34, "b": 10}, legend={"y": -0.02})
    return Thumbnails(chart, id, alt, _table(maps, captions), tuple(thumbnail(one) for one in pictures))


def _points(
    places: Float[np.ndarray, "n 2"], chosen: np.ndarray, captions: Sequence[str], name: str, colour: str, first: bool
) -> go.Scatter:
    """The points of one word; `customdata` says which picture belongs to each."""
    x, y = ([float(f"{value:.3g}") for value in places[:, axis]] for axis in (0, 1))
    return go.Scatter(
        x=x, y=y, customdata=chosen.tolist(), name=name, legendgroup=name,
        text=["<br>".join(textwrap.wrap(captions[k], 24)) for k in chosen],
        showlegend=first, mode="markers", hovertemplate="%{text}<extra></extra>",
        marker={"symbol": SYMBOLS[colour], "size": 6, "color": COLOURS[colour], "opacity": 0.8},
    )  # fmt: skip


def _table(maps: Mapping[str, Float[np.ndarray, "n 2"]], captions: Sequence[str]) -> str:
    """What every point is, and where."""
    head = "<tr><th>scene</th>" + "".join(f"<th>{html.escape(space)}</th>" for space in maps) + "</tr>"
    rows = [f"<tr><td>{html.escape(text)}</td>"
            + "".join(f"<td>{digits(float(p[k][0]))}, {digits(float(p[k][1]))}</td>" for p in maps.values()) + "</tr>"
            for k, text in enumerate(captions)]  # fmt: skip
    return "\n".join(["<table>", head, *rows, "</table>"])
