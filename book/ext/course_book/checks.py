"""`{check-yourself}`: the section's questions, to be answered in the page.

The notebooks stay as they are. When Sphinx reads one that has a file of questions, the directive is put below its
heading "Check yourself". Without JavaScript each question stands there with its answer folded away.
"""

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from . import questions
from .common import Generated, Malformed, logger
from .questions import Picture, Question

HEADING = "## Check yourself"
LEAD = "Answer here; the page tells at once, and remembers."
THEN = "And in your own words, with answers folded away:"


def with_directive(notebook: dict[str, Any]) -> bool:
    """Put the directive below the heading; whether there was one."""
    for cell in notebook["cells"]:
        lines = "".join(cell["source"]).split("\n")
        if cell["cell_type"] == "markdown" and HEADING in lines:
            place = lines.index(HEADING) + 1
            cell["source"] = "\n".join([*lines[:place], "", "```{check-yourself}", "```", "", *lines[place:]])
            return True
    return False


def add_directive(app: Sphinx, docname: str, content: list[str]) -> None:
    """As Sphinx reads a notebook that has questions."""
    path = Path(app.env.doc2path(docname))
    asked = questions.path_of(Path(app.srcdir), path.stem)
    if docname != f"notebooks/{path.stem}" or path.suffix != ".ipynb" or not asked.exists():
        return
    notebook = json.loads(content[0])
    if with_directive(notebook):
        content[0] = json.dumps(notebook)
    else:
        logger.warning("%s: %s has no heading %r", asked.name, path.name, HEADING, type="course_book")


def raw(html: str) -> nodes.raw:
    """HTML as a node."""
    return nodes.raw("", html, format="html")


class CheckYourself(Generated):
    """`{check-yourself}`: see above."""

    @property
    def notebook(self) -> str:
        """The notebook that the directive stands in."""
        return Path(self.env.docname).name

    def files(self) -> Iterable[Path]:
        """The questions and the notebook whose numbers they quote."""
        return [questions.path_of(self.root, self.notebook), self.root / "notebooks" / f"{self.notebook}.ipynb"]

    def content_nodes(self) -> list[nodes.Node]:
        """All questions. Raises `Malformed`."""
        asked = questions.load(self.root, self.notebook)
        if not asked:
            raise Malformed(f"there are no questions for {self.notebook}")
        return [
            *self.parsed(LEAD),
            *(node for number, one in enumerate(asked, 1) for node in self.one(one, number)),
            *self.parsed(THEN),
        ]

    def one(self, one: Question, number: int) -> list[nodes.Node]:
        """One question: what is asked, the form, the folded explanation."""
        name = f"check-{one.id}"
        data = escape(json.dumps(one.graded()))
        return [
            raw(
                f'<section class="course-check" data-check="{one.id}" data-answer="{data}" '
                f'aria-label="Question {number}">'
            ),
            raw(f'<div class="check-ask" id="{name}-ask">'),
            *self.parsed(one.ask),
            raw(f'</div><form aria-labelledby="{name}-ask" autocomplete="off">'),
            *getattr(self, one.kind)(one, name),
            raw("</form><details><summary>Answer</summary>"),
            *self.parsed(one.because),
            raw("</details></section>"),
        ]

    def number(self, one: Question, name: str) -> list[nodes.Node]:
        """A field to type into."""
        unit = f" <span>{escape(one.unit)}</span>" if one.unit else ""
        return [
            raw(
                '<p><label>Your answer <input type="text" inputmode="decimal" name="answer" size="8"></label>'
                f"{unit}</p>"
            )
        ]

    def choice(self, one: Question, name: str) -> list[nodes.Node]:
        """Options one below the other, or pictures side by side."""
        pictured = all(isinstance(option, Picture) for option in one.options)
        kind = "check-options pictures" if pictured else "check-options"
        parts: list[nodes.Node] = [raw(f'<fieldset class="{kind}"><legend class="course-unseen">Choose one</legend>')]
        for place, option in enumerate(one.options):
            field = f'<input type="radio" name="answer" value="{place}">'
            if isinstance(option, Picture):
                letter = "ABCDEFGH"[place]
                parts.append(raw(f"<label>{self.img(option)}<span>{field} {letter}</span></label>"))
            else:
                words = self.state.inline_text(option, self.lineno)[0]
                parts += [raw(f"<label>{field} <span>"), *words, raw("</span></label>")]
        return [*parts, raw("</fieldset>")]

    def slider(self, one: Question, name: str) -> list[nodes.Node]:
        """A range, what it shows, and where it stands."""
        last = len(one.labels) - 1 if one.labels else one.last
        labels = f' data-labels="{escape(json.dumps(one.labels))}"' if one.labels else ""
        stage = "".join(self.img(picture) for picture in one.pictures)
        shown = f'<div class="check-stage" data-painter="{one.painter}">{stage}</div>' if stage else ""
        word = one.labels[one.start] if one.labels else one.start
        return [
            raw(
                f'{shown}<p class="check-slider"><label for="{name}-range">{escape(one.label)}</label> '
                f'<input type="range" id="{name}-range" name="answer" min="{one.first}" max="{last}" step="1" '
                f'value="{one.start}"{labels}> '
                f'<output for="{name}-range">{escape(str(word))}</output></p>'
            )
        ]

    def img(self, picture: Picture) -> str:
        """A picture of a question."""
        up = "../" * self.env.docname.count("/")
        return f'<img src="{up}_static/checks/{picture.file}" alt="{escape(picture.alt)}" width="128" height="128">'


def setup(app: Sphinx) -> None:
    """Register."""
    app.add_directive("check-yourself", CheckYourself)
    app.connect("source-read", add_directive)
