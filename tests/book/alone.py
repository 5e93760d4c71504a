"""A demo on a page of its own, in a real browser, as part of the built book."""

import json

import numpy as np
from build import ROOT

from tests.book.browsing import SIZES

PATIENCE = 300_000  # a test never judges how fast: `make bench` does
WEB = ROOT / "book" / "web"

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{name}</title>
<link rel="icon" href="_static/favicon.svg"><link rel="stylesheet" href="_static/course.css">
<link rel="stylesheet" href="_static/live/live.css"><script type="module" src="_static/live/live.js"></script></head>
<body><main><h1>{name}</h1><figure class="course-demo" data-demo="{name}" data-state="poster">
<img src="_static/logo.svg" alt="a poster"><figcaption>A caption.</figcaption></figure></main></body></html>"""

PICTURE = """name => { const host = document.querySelector(`[data-demo=${name}]`);
  const canvas = host.querySelector('.demo-picture:not([aria-label^="A:"])');
  return [...canvas.getContext('2d').getImageData(0, 0, 128, 128).data]; }"""


class Alone:
    """A demo on a page of its own, served as part of the built book."""

    def __init__(self, browser, site, name, hash_="", prepare=None, break_=None, size="wide", steps=2, **context):
        self.name, self.site = name, site
        self.context = browser.new_context(viewport=SIZES[size], **context)
        self.page, self.outside = self.context.new_page(), []
        self.errors = []
        self.page.set_default_timeout(PATIENCE)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: None if request.url.startswith((site, "data:", "blob:"))
                     else self.outside.append(request.url))  # fmt: skip
        if prepare:
            self.page.add_init_script(prepare)
        index = json.loads((WEB / "models/models.json").read_text())
        for facts in index.values():  # the real models, asked as seldom as will do
            facts["use"] = facts["use"] and facts["use"] | {"steps": steps or facts["use"]["steps"]}
        self.page.route("**/models.json", lambda route: route.fulfill(json=index))
        if break_:
            self.page.route(break_, lambda route: route.fulfill(status=404, body="gone"))
        self.page.route(f"{site}alone.html", lambda route: route.fulfill(
            content_type="text/html", body=PAGE.format(name=name)))  # fmt: skip
        self.page.goto(f"{site}alone.html{hash_}")

    @property
    def host(self):
        """The demo's element."""
        return self.page.locator(f"[data-demo={self.name}]")

    def wait(self, state="live"):
        """Until it is in a state, and, alive, at rest."""
        settled = "[data-settled]" if state == "live" else ""
        self.page.wait_for_selector(f"[data-demo={self.name}][data-state={state}]{settled}", timeout=PATIENCE)
        return self

    def act(self, action):
        """Do something, and wait until the answer stands there."""
        self.host.evaluate("host => host.removeAttribute('data-settled')")
        action()
        self.page.wait_for_selector(f"[data-demo={self.name}][data-settled]", timeout=PATIENCE)

    def picture(self):
        """The pixels of the live picture, `[128, 128, 3]`."""
        return np.array(self.page.evaluate(PICTURE, self.name), np.uint8).reshape(128, 128, 4)[..., :3]

    def says(self):
        """The line that is told to screen readers."""
        return self.host.locator(".demo-says").inner_text()

    def copied(self):
        """The picture that the copied Python draws, and the code."""
        self.host.get_by_role("button", name="Copy as Python").click()
        code = self.host.locator(".demo-code").inner_text()
        lines = code.rstrip().split("\n")
        scope = {}
        exec("\n".join([*lines[:-1], f"shown = {lines[-1]}"]), scope)
        return np.asarray(scope["shown"]), code


def psnr(a, b):
    """Peak signal-to-noise ratio of two pictures, in decibels."""
    return 10 * np.log10(255**2 / np.square(a.astype(float) - b).mean())
