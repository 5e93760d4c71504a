"""The status page: `{status-table}`, what the notebooks were last executed with and how long they took."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from .common import Generated, Malformed, read_json

STATUS, COLAB, HUB = "notebooks/_status.json", "notebooks/_colab.json", "notebooks/_hub.json"
COLAB_HEAD = ("With Colab's versions", "Tried", "Set-up cell", "Notebooks run", "Checks passed", "Packages")
NOTHING = "No notebook has been executed yet: `make notebooks` writes what stands here."


def row(*cells: str) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    return "\n".join([row(*head), row(*("---" for _ in head)), *(row(*cells) for cells in rows)])


def seconds(value: float) -> str:
    """A run time for people."""
    return f"{value:.0f} s" if value < 90 else f"{value / 60:.1f} min"


def times(status: dict[str, Any], pages: set[str]) -> str:
    """The notebooks, linked where the book has them, with run times and dates."""

    def linked(name: str) -> str:
        page = f"notebooks/{name}"
        return f"{{doc}}`/{page}`" if page in pages else f"`{name}`"

    rows = [
        (linked(name), seconds(entry["seconds"]), str(entry["cells"]), entry["executed"])
        for name, entry in sorted(status["notebooks"].items())
    ]
    return table(("Notebook", "Run time", "Code cells", "Executed"), rows)


def versions(status: dict[str, Any]) -> str:
    """The versions that the committed results were made with."""
    return table(("Package", "Version"), [(f"`{name}`", version) for name, version in status["versions"].items()])


def page(status: dict[str, Any], pages: set[str]) -> str:
    """The whole status as Markdown. Raises `Malformed`."""
    try:
        machine = f"Executed on {status['machine']}."
        return "\n\n".join([times(status, pages), machine, versions(status)])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Malformed(f"{STATUS}: {type(error).__name__} {error}") from error


UNTRIED = "Not yet tried with Colab's versions in this copy: `make test-colab` writes what stands here."


def colab(tried: dict[str, Any]) -> str:
    """What `make test-colab` found, one row for each Python. Raises `Malformed`."""
    try:
        rows = [(f"Python {python}", found["tried"], seconds(found["setup_seconds"]),
                 f"{len(found['seconds'])} of {found['of']} in {seconds(sum(found['seconds'].values()))}",
                 f"{sum(found['checks'].values())} in {len(found['checks'])} exercises",
                 ", ".join(f"{name} {number}" for name, number in sorted(found["versions"].items())))
                for python, found in sorted(tried.items(), reverse=True)]  # fmt: skip
        return table(COLAB_HEAD, rows)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Malformed(f"{COLAB}: {type(error).__name__} {error}") from error


def hub(tried: dict[str, Any]) -> str:
    """What `make test-hub` found, in a sentence. Raises `Malformed`."""
    try:
        return (f"At the scale `sd15`, {len(tried['seconds'])} of {tried['of']} notebooks ran through on models that"
                f" came from a stand-in for the hub, of the real layouts, tiny and untrained: {tried['tried']},"
                f" {seconds(sum(tried['seconds'].values()))} (`make test-hub`).")  # fmt: skip
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Malformed(f"{HUB}: {type(error).__name__} {error}") from error


class StatusTable(Generated):
    """`{status-table}`."""

    def files(self) -> list[Path]:
        """The files that `make notebooks`, `make test-colab` and `make test-hub` write."""
        return [self.root / name for name in (STATUS, COLAB, HUB)]

    def markdown(self) -> str:
        """Run times and versions, or a kind word."""
        path, tried, fetched = self.files()
        if not path.exists():
            return NOTHING
        there = [colab(read_json(tried)) if tried.exists() else UNTRIED]
        there += [hub(read_json(fetched))] if fetched.exists() else []
        return "\n\n".join([page(read_json(path), set(self.env.found_docs)), *there])


def setup(app: Sphinx) -> None:
    """Register."""
    app.add_directive("status-table", StatusTable)
