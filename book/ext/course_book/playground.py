"""`{playground}`: the demos of all pages together, each with ideas for experiments (`book/demos.json`).

A demo is the figure with `data-demo` that a notebook displayed; it is taken over as it stands, poster and all, and the
page's own script brings it to life here as there. A demo that no page has yet leaves a place that says so.
"""

import re
from base64 import b64encode
from dataclasses import dataclass
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from .common import Generated, Malformed, read_json

IDEAS = "book/demos.json"
FIGURE = re.compile(r'<figure\b[^>]*\bdata-demo="([\w-]+)".*?</figure>', re.DOTALL)


@dataclass(frozen=True)
class Demo:
    """A demo of the course: its name in the pages, its title, where it lives, what one could try.

    One that no notebook shows yet may stand here already, with a `poster` of its own (a file beside `demos.json`) and
    what that shows, `alt`.
    """

    name: str
    title: str
    section: int
    ideas: tuple[str, ...]
    poster: str = ""
    alt: str = ""


class Places(nodes.General, nodes.Element):
    """Stands in the page until all pages are read."""


def demos(path: Path) -> list[Demo]:
    """The demos in order. Raises `Malformed`."""
    try:
        return [Demo(**{**entry, "ideas": tuple(entry["ideas"])}) for entry in read_json(path)]
    except (KeyError, TypeError) as error:
        raise Malformed(f"{path.name}: {type(error).__name__} {error}") from error


def figures(doctree: nodes.document) -> dict[str, str]:
    """The demos on a page, by name: their HTML."""
    return {match[1]: match[0] for raw in doctree.findall(nodes.raw) for match in FIGURE.finditer(raw.astext())}


def known(env: BuildEnvironment) -> dict[str, dict[str, str]]:
    """The demos of each page, kept between builds."""
    if not hasattr(env, "course_demos"):
        env.course_demos = {}  # type: ignore[attr-defined]
    return env.course_demos  # type: ignore[attr-defined, no-any-return]


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """Note the demos of a notebook."""
    if app.env.docname.startswith("notebooks/"):
        known(app.env)[app.env.docname] = figures(doctree)


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """A page that is read again is noted again."""
    known(env).pop(docname, None)


def alone(demo: Demo, folder: Path) -> str:
    """The host of a demo that no notebook shows, as HTML; nothing for one without a poster."""
    if not demo.poster:
        return ""
    picture = b64encode((folder / demo.poster).read_bytes()).decode()
    return (f'<figure class="course-demo" data-demo="{demo.name}" data-state="poster" style="margin:0">'
            f'<img src="data:image/webp;base64,{picture}" alt="{escape(demo.alt)}" style="width:100%;height:auto">'
            "<figcaption>The first picture; the models come when you look at it.</figcaption></figure>")


def place(demo: Demo, page: str | None, html: str, up: str) -> str:
    """One demo with its ideas, as HTML."""
    ideas = "".join(f"<li>{escape(idea)}</li>" for idea in demo.ideas)
    where = f'<a href="{up}{page}.html">Section {demo.section}</a> explains it.' if page else ""
    missing = f'<p class="playground-missing">This one will stand in section {demo.section}, and here too.</p>'
    return (
        f'<section class="playground-place" id="try-{demo.name}"><h2>{escape(demo.title)}</h2>'
        f"{html or missing}<p>{where} Things to try:</p><ul>{ideas}</ul></section>"
    )


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the demos in their places, now that all pages are read."""
    for node in list(doctree.findall(Places)):
        blocks = []
        for demo in node["demos"]:
            found = sorted((page, of[demo.name]) for page, of in known(app.env).items() if demo.name in of)
            page, html = found[0] if found else (None, alone(demo, Path(app.srcdir) / Path(IDEAS).parent))
            blocks.append(place(demo, page, html, "../" * docname.count("/")))
        node.replace_self(nodes.raw("", "\n".join(blocks), format="html"))


class Playground(Generated):
    """`{playground}`: see above."""

    def files(self) -> list[Path]:
        """Titles and ideas."""
        return [self.root / IDEAS]

    def content_nodes(self) -> list[nodes.Node]:
        """A mark that is filled later. Raises `Malformed`."""
        return [Places("", demos=demos(self.root / IDEAS))]


def setup(app: Sphinx) -> None:
    """Register."""
    app.add_node(Places)
    app.add_directive("playground", Playground)
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("doctree-resolved", fill)
