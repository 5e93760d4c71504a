"""What the directives share: where things lie, warnings, parsing generated Markdown."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger("course_book")


class Malformed(ValueError):
    """A file that exists but does not say what it should."""


def read_json(path: Path) -> Any:
    """A JSON file, or `Malformed` naming it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Malformed(f"{path.name}: not readable as JSON ({error})") from error


class Generated(SphinxDirective):
    """A directive whose content is Markdown made from files; subclasses give the files and the Markdown."""

    has_content = False

    @property
    def root(self) -> Path:
        """The repository's root, which is Sphinx's source folder."""
        return Path(self.env.srcdir)

    def files(self) -> Iterable[Path]:
        """The files that the content is made from: when one changes, the page is built again."""
        raise NotImplementedError

    def content_nodes(self) -> list[nodes.Node]:
        """The content as document nodes; subclasses that need sections build them here."""
        return self.parsed(self.markdown())

    def markdown(self) -> str:
        """The content as Markdown without headings. Raises `Malformed` when a file does not say what it should."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """What stands in place of the directive; a malformed file is a warning."""
        for file in self.files():
            self.env.note_dependency(str(file))
        try:
            return self.content_nodes()
        except Malformed as error:
            logger.warning("%s: %s", self.name, error, location=self.get_location(), type="course_book")
            return []

    def parsed(self, text: str) -> list[nodes.Node]:
        """Markdown as document nodes."""
        holder = nodes.container()
        self.state.nested_parse(StringList(text.splitlines(), self.name), self.content_offset, holder)
        return holder.children
