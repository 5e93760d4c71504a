"""The live demos: which pages load their scripts, and `{demo}`, which puts one on a page that is no notebook.

A notebook's demo brings its poster as HTML; whatever else a demo needs, the page's own modules fetch when it comes into
view. A page without a demo loads nothing of it.
"""

import re
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

DEMOS = ("zip", "spaces", "plane", "guidance", "skeleton", "steps")
RENAMED = {"nudge": "zip"}
"""Demos of notebooks that the page answers with a larger one."""

OPENING = re.compile(r'(<figure class="course-demo"[^>]*?data-demo=")([^"]+)(")')
SCRIPT, STYLE = "live/live.js", "live/live.css"
SOON = ("host", "runtime", "addresses", "controls", "state")
"""Modules that the script asks for next, and the demos' own: named in the page's head, they need not wait for it."""


def hosted(text: str) -> str:
    """The HTML of a notebook's demo as the page's modules want it: the page's name for it, and its first state."""

    def opened(match: re.Match[str]) -> str:
        name = RENAMED.get(match[2], match[2])
        state = ' data-state="poster"' if name in DEMOS and "data-state" not in text else ""
        return f"{match[1]}{name}{match[3]}{state}"

    return OPENING.sub(opened, text)


def prepare(app: Sphinx, doctree: nodes.document) -> None:
    """Rename the demos of a page."""
    for raw in list(doctree.findall(nodes.raw)):
        text = raw.astext()
        if raw.get("format") == "html" and "course-demo" in text and (ours := hosted(text)) != text:
            raw.replace_self(nodes.raw(ours, ours, format="html"))


def has_demo(doctree: nodes.document | None) -> bool:
    """Whether a page has a demo that can come to life."""
    return doctree is not None and any("data-state=" in raw.astext() for raw in doctree.findall(nodes.raw))


def load(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add script and style where there is a demo."""
    if doctree is not None and has_demo(doctree):
        app.add_js_file(SCRIPT, type="module", loading_method="async")
        app.add_css_file(STYLE)
        there = " ".join(raw.astext() for raw in doctree.findall(nodes.raw))
        modules = [*SOON, *(f"demos/{name}" for name in DEMOS if f'data-demo="{name}"' in there)]
        places = [context["pathto"](f"_static/live/{name}.js", 1) for name in modules]
        links = [f'<link rel="modulepreload" href="{place}">' for place in places]
        context["metatags"] = "\n".join([context.get("metatags", ""), *links])


class Demo(SphinxDirective):
    """`{demo} plane` with `:poster:`, `:alt:`, and a caption as its content."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"poster": directives.unchanged_required, "alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Host, poster, caption."""
        (name,) = self.arguments
        if name not in DEMOS:
            raise self.error(f"no demo called {name!r}; there are {', '.join(DEMOS)}")
        caption = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, caption)
        return [html(f'<figure class="course-demo" data-demo="{name}" data-state="poster">'),
                nodes.image(uri=self.options["poster"], alt=self.options["alt"]),
                html("<figcaption>"), *caption.children, html("</figcaption></figure>")]  # fmt: skip


def html(text: str) -> nodes.raw:
    """HTML as it is."""
    return nodes.raw("", text, format="html")


def setup(app: Sphinx) -> None:
    """Register."""
    app.add_directive("demo", Demo)
    app.connect("doctree-read", prepare, priority=100)  # before others look for demos by name
    app.connect("html-page-context", load)
