"""What the tests of the built book share: a browser and a server, one of each a file."""

import os
import shutil
import threading

import pytest
import serve
from build import COMPLETE, HTML

from tests.book.alone import Alone
from tests.book.browsing import Visit, window

INSTALL = "sudo apt install chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def absent(what):
    """A missing browser is an error where CI runs, and elsewhere a skip that says how to end it."""
    if os.environ.get("CI"):
        pytest.fail(f"No {what}: {INSTALL}", pytrace=False)
    pytest.skip(f"No {what}, so the book was not opened: {INSTALL}")


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        absent("Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def site():
    if not COMPLETE.exists():
        pytest.fail("The book is not built: make book", pytrace=False)
    http = serve.server(HTML, 8800)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://localhost:{http.server_address[1]}/"
    http.shutdown()
    http.server_close()


@pytest.fixture
def opened(browser, site):
    """Open a page of the book in a window of its own; closes what it opened."""
    windows = []

    def visit(name, size="wide", prepare=None, **more):
        windows.append(window(browser, size, **more))
        return Visit(windows[-1], site, name, prepare).page

    yield visit
    for one in windows:
        one.close()


@pytest.fixture
def alone(browser, site):
    """Open demos on pages of their own; closes them."""
    opened = []

    def visit(name, *arguments, **options):
        opened.append(Alone(browser, site, name, *arguments, **options))
        return opened[-1]

    yield visit
    for one in opened:
        one.context.close()
