"""How fast the page answers: the demos in Chromium, on the built book. Part of `make bench`; alone: this file.

Each figure is the median of several tries; beside it stands what was promised. The two cores that the promises speak of
are for a browser that has them to itself.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import serve

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TRIES = 5
STARTS = 1500
"""Milliseconds in which an empty tab has come to rest."""

DEMOS = ("plane", "zip", "guidance", "spaces", "skeleton", "steps")

PAGE = """<!doctype html><title>bench</title><link rel="icon" href="_static/favicon.svg">
<link rel="stylesheet" href="_static/live/live.css"><script type="module" src="_static/live/live.js"></script>
<figure class="course-demo" data-demo="{name}" data-state="poster"><img src="_static/logo.svg" alt=""></figure>
<script>window.stalls = [];
const host = document.querySelector('figure');
new MutationObserver(() => {{ if (host.dataset.state === 'live') window.alive ??= performance.now(); }})
.observe(host, {{attributes: true}});
new PerformanceObserver(list => window.stalls.push(...list.getEntries().map(entry => entry.duration)))
.observe({{type: 'longtask', buffered: true}});</script>"""

INDEX = "import(new URL('_static/live/runtime.js', location)).then(({runtime}) => runtime().index())"
DENOISER = "index => import(new URL('_static/live/demos/plane.js', location)).then(m => m.default.denoiser(index))"

ASK = """async ({job, options}) => { const {runtime} = await import(new URL('_static/live/runtime.js', location));
  const began = performance.now(); let first = null;
  await runtime().ask(job, options, {show: () => { first ??= performance.now() - began; }});
  return {all: performance.now() - began, first}; }"""

CORNERS = [f"a {size} {texture} orange fox sitting on a green background, facing right"
           for size in ("small", "large") for texture in ("fluffy", "scaly")]  # fmt: skip
GUIDED = {"prompt": CORNERS[3], "negative": "", "model": "text_to_image", "decoder": "decoder", "steps": 25,
          "scale": 3, "seed": 0, "frames": 6}  # fmt: skip


def line(what: str, found: list[float], promised: float) -> None:
    """One figure."""
    print(f"{what:<58} {statistics.median(found):8.0f} ms (promised: below {promised:.0f})")


@contextmanager
def served() -> Iterator[str]:
    """The address of a page for each demo beside the book's files. Pages that the test's own browser driver answers for
    would bring each of their requests to it first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "_static").symlink_to(serve.HTML / "_static")
        for demo in DEMOS:
            (folder / f"{demo}.html").write_text(PAGE.format(name=demo))
        http = serve.server(folder, 8850)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://localhost:{http.server_address[1]}/"
        http.shutdown()


def opened(browser: Any, address: str, name: str) -> Any:
    """A demo on a page of its own in a fresh profile, alive; a reader's browser, too, is there before the page is."""
    page = browser.new_context().new_page()
    page.wait_for_timeout(STARTS)
    page.goto(f"{address}{name}.html")
    page.wait_for_selector("[data-state=live][data-settled]", timeout=300_000)
    return page


def alive(browser: Any, address: str, name: str) -> list[float]:
    """Milliseconds from opening a page to a demo's first picture of its own, each time in a fresh profile."""
    found = []
    for _ in range(TRIES):
        page = opened(browser, address, name)
        found.append(page.evaluate("window.alive"))
        page.context.close()
    return found


def asked(page: Any, job: str, options: dict[str, Any]) -> list[dict[str, float]]:
    """One question several times, after once for nothing."""
    return [page.evaluate(ASK, {"job": job, "options": options}) for _ in range(TRIES + 1)][1:]


def bench_page(browser: Any, address: str) -> None:
    """Cold start, the plane while dragged and at rest, guidance, the page's own thread."""
    for name in DEMOS:
        line(f"{name}: alive from cold, with its first picture", alive(browser, address, name), 1500)
    page = opened(browser, address, "plane")
    index = page.evaluate(INDEX)
    denoiser = page.evaluate(DENOISER, index)
    place = {"corners": CORNERS, "scaly": 0.3, "large": 0.6, "seed": 0,
             "model": denoiser["model"], "scale": denoiser["scale"]}  # fmt: skip
    fast = "preview" if "preview" in index else "decoder"
    quick = place | {"steps": denoiser["draft"], "decoder": fast, "read": False}
    best = place | {"steps": denoiser["rest"], "decoder": "decoder", "read": True}
    print(f"the plane draws with {denoiser['model']} and, while dragged, decodes with {fast}")
    line("plane: an answer while dragged", [answer["all"] for answer in asked(page, "plane", quick)], 120)
    line("plane: the picture at rest", [answer["all"] for answer in asked(page, "plane", best)], 350)
    guided = asked(page, "guidance", GUIDED)
    line("guidance: 25 steps", [answer["all"] for answer in guided], 2500)
    line("guidance: first picture on the way", [answer["first"] for answer in guided], 250)
    line("longest stall of the page's own thread", [max([0, *page.evaluate("window.stalls")])], 50)


def bench_live() -> None:
    """All of it; where there is no browser or no book, what is missing."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None or not (serve.HTML / "index.html").exists():
        print("the page is not timed: it needs Chromium (sudo apt install chromium) and the built book (make book)")
        return
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        bench_page(browser, address)
        browser.close()


if __name__ == "__main__":
    bench_live()
