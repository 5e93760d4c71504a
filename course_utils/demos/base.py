"""What every demo shares: it is a widget where a kernel answers, and a real picture where none does."""

import html
from typing import Any

import ipywidgets as widgets

from course_utils.show.colab import on_colab
from course_utils.show.image import webp_uri

POSTER = """<figure class="course-demo" data-demo="{name}" style="margin:0">
<img src="{source}" alt="{alt}" style="width:100%;max-width:640px;height:auto">
<figcaption>{caption}</figcaption>
</figure>"""

WIDGET = "application/vnd.jupyter.widget-view+json"


class Demo:
    """A demo shows `self.widget` in Jupyter, and `poster()` on a page without a kernel.

    Subclasses set `name`, build `self.widget` and answer `poster_png`, `alt` and `caption`.
    """

    name: str
    widget: widgets.Widget

    def poster_png(self) -> bytes:
        """The picture of the first state, as PNG."""
        raise NotImplementedError

    def alt(self) -> str:
        """What that picture shows, in words."""
        raise NotImplementedError

    def caption(self) -> str:
        """What one can do here, and how the demo is brought to life."""
        raise NotImplementedError

    def poster(self) -> str:
        """Self-contained HTML: one picture, its description, one line of invitation."""
        return POSTER.format(name=self.name, source=webp_uri(self.poster_png()), alt=html.escape(self.alt()),
                             caption=html.escape(self.caption()))  # fmt: skip

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Widget and poster side by side; each front end takes the one it can show (Colab would take the poster)."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        bundle: dict[str, Any] = {"text/plain": self.alt(), WIDGET: view}
        return bundle if on_colab() else {**bundle, "text/html": self.poster()}

