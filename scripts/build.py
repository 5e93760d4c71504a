"""Build the book into `_build/html`: warnings are errors, and every page of the table of contents must come out."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
COMPLETE = HTML / ".complete"


def pages(toc: dict) -> list[str]:
    """The pages that a table of contents names, in order, those below others included."""
    chapters = [chapter for part in toc.get("parts", [toc]) for chapter in part.get("chapters", [])]
    entries = [entry for chapter in chapters for entry in (chapter, *chapter.get("sections", []))]
    return [toc["root"], *(entry["file"] for entry in entries)]


def missing(html: Path, names: list[str]) -> list[str]:
    """The pages that were not written. (Some versions of the tool succeed without writing any.)"""
    return [name for name in names if not (html / f"{name}.html").exists()]


def build(root: Path) -> int:
    """Run Jupyter Book on everything; its exit code. What it says is shown only when it fails."""
    command = ["jupyter-book", "build", str(root), "--all", "-W", "-n", "--keep-going", "-q"]
    result = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        print(result.stdout, file=sys.stderr)
    return result.returncode


def main() -> int:
    """Build, check, and leave a mark that the build is complete.

    What an earlier build left goes first: a page that is no longer written must not be served, nor taken for written.
    """
    shutil.rmtree(HTML, ignore_errors=True)
    start = time.monotonic()
    print("Building the book", flush=True)
    if code := build(ROOT):
        print("The book was not built: each warning above is an error.", file=sys.stderr)
        return code
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    if gone := missing(HTML, pages(toc)):
        print(f"Jupyter Book wrote no page for {', '.join(gone)}. Is it version 1?", file=sys.stderr)
        return 1
    COMPLETE.touch()
    print(f"Built {len(pages(toc))} pages into _build/html in {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
