"""The built book in a real browser: every page once, wide and then narrow, light and dark."""

import gzip
import re

import pytest
import yaml
from bs4 import BeautifulSoup
from build import HTML, ROOT, pages

from tests.book.browsing import Visit, window

pytestmark = pytest.mark.browser

PAGES = pages(yaml.safe_load((ROOT / "_toc.yml").read_text()))
# One page of each kind, for what differs by the look of a page and not by what it says.
KINDS = [
    "book/index",
    "book/claims",
    "book/playground",
    "book/students",
    "notebooks/03_cfg_vectors",
    "notebooks/exercises/01_vae_compression_solution",
]
AXE = gzip.decompress((ROOT / "tests/book/vendor/axe-core/axe.min.js.gz").read_bytes()).decode()


@pytest.fixture(scope="module")
def desk(browser):
    """One window for all pages: a new one for each costs more than most pages do."""
    context = window(browser)
    yield context
    context.close()


@pytest.fixture(scope="module", params=PAGES)
def visit(request, desk, site):
    opened = Visit(desk, site, request.param)
    yield opened.settle()
    opened.close()


def test_there_is_a_page_of_every_kind():
    assert set(KINDS) <= set(PAGES)


WIDER = """() => {
  const inside = (node) => { for (let up = node.parentElement; up; up = up.parentElement) {
    if (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(up).overflowX) && up !== document.body
        && up !== document.documentElement) return true; } return false; };
  return [...document.querySelectorAll('article *')].filter(node => {
    const box = node.getBoundingClientRect();
    return box.width > 0 && box.right > innerWidth + 1 && getComputedStyle(node).position !== 'fixed' && !inside(node);
  }).slice(0, 5).map(node => node.outerHTML.slice(0, 120));
}"""


def test_the_page_is_sound(visit):
    assert visit.page.locator("article h1").count() == 1
    assert visit.theme() == "light"
    assert visit.page.evaluate(WIDER) == []
    visit.page.wait_for_load_state("networkidle")
    assert visit.complaints == []


PICTURES = r"""() => ({
  undescribed: [...document.images].filter(image => !image.hasAttribute('alt')
    || (image.closest('article') && (!image.alt.trim() || /_images\//.test(image.alt))))
    .map(image => image.outerHTML.slice(0, 200)),
  broken: [...document.images].filter(image => !image.naturalWidth && !image.closest('.only-dark, .only-light'))
    .map(image => image.src.slice(0, 200)),
})"""


def test_pictures_are_there_and_described(visit):
    assert visit.page.evaluate(PICTURES) == {"undescribed": [], "broken": []}


PROSE = """() => { const copy = document.querySelector('article').cloneNode(true);
  copy.querySelectorAll('pre, code, script, mjx-container, details.course-numbers').forEach(node => node.remove());
  return copy.textContent; }"""


def test_formulas_are_typeset(visit):
    formulas = visit.page.locator("article .math").count()
    assert visit.page.locator("article mjx-container").count() >= formulas
    assert visit.page.locator("mjx-merror").count() == 0
    assert re.findall(r"\\\(|\\\[|\$[^$\n]*\\[a-z]+[^$\n]*\$", visit.page.evaluate(PROSE)) == []


CHARTS = ("notebooks/01_vae_compression", "notebooks/02_latent_vs_clip")
"""Pages with charts that answer to the pointer."""


def test_charts_are_drawn(visit):
    plots = visit.page.locator("figure.course-plot")
    assert (plots.count() > 0) == (visit.name in CHARTS)
    for number in range(plots.count()):
        assert plots.nth(number).locator("svg.main-svg").count() > 0


def test_nothing_raw_is_left_in_the_text(visit):
    text = visit.page.evaluate(PROSE)
    for debris in (":::", "{ref}", "{doc}", "{term}", "{cite}", "```", "system-message"):
        assert debris not in text


CONTRAST = """() => {
  const number = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (v) => v / 255 <= .04045 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const grounds = new Map();
  const ground = (node) => {
    if (!node) return [255, 255, 255];
    if (!grounds.has(node)) {
      const [r, g, b, opacity = 1] = number(getComputedStyle(node).backgroundColor);
      grounds.set(node, opacity > .95 ? [r, g, b] : ground(node.parentElement));
    }
    return grounds.get(node);
  };
  const ratio = (node) => {
    const [low, high] = [light(number(getComputedStyle(node).color)), light(ground(node))].sort((a, b) => a - b);
    return (high + .05) / (low + .05);
  };
  return [...document.querySelectorAll('article :is(p, li, h1, h2, h3, a, td, th, dt, code), .bd-links a')]
    .filter(node => node.textContent.trim() && node.getBoundingClientRect().width > 0 && ratio(node) < 4.5)
    .slice(0, 5).map(node => node.outerHTML.slice(0, 120));
}"""


def test_text_can_be_read_in_the_light_and_in_the_dark(visit):
    visit.page.emulate_media(reduced_motion="reduce")
    assert visit.page.evaluate(CONTRAST) == []
    visit.darken()
    assert visit.theme() == "dark"
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate(CONTRAST) == []
    assert visit.complaints == []


# The theme's tooltip hangs outside of every landmark, and shows wherever the last test has left the pointer.
VIOLATIONS = """async (rules) => {
  const found = await axe.run({exclude: ['.tooltip']}, {resultTypes: ['violations'], elementRef: false, ...rules});
  return found.violations.flatMap(({id, nodes}) => nodes.slice(0, 3)
    .map(node => `${id}: ${node.html.slice(0, 150)} (${node.any.concat(node.all)[0]?.message ?? ''})`));
}"""


PALE = "color-contrast"  # most of axe's time: asked of one page of each kind, while CONTRAST above is asked of all


def test_axe_finds_nothing(visit):
    visit.page.evaluate(AXE)
    visit.page.evaluate("document.documentElement.dataset.theme = 'light'")
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate(VIOLATIONS, {"rules": {PALE: {"enabled": visit.name in KINDS}}}) == []
    if visit.name in KINDS:
        visit.page.evaluate("document.documentElement.dataset.theme = 'dark'")
        visit.page.wait_for_timeout(300)
        assert visit.page.evaluate(VIOLATIONS, {"runOnly": [PALE]}) == []


def test_it_fits_a_phone(visit):
    visit.resize("phone")
    assert visit.page.evaluate(WIDER) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert visit.complaints == []


def test_the_root_leads_to_the_front_page(opened):
    opened("index").wait_for_url("**/book/index.html")


@pytest.mark.parametrize("name", ["book/index", "notebooks/01_vae_compression"])
def test_a_phone_opens_it_as_well(browser, site, name):
    phone = window(browser, "phone")
    visit = Visit(phone, site, name).settle()
    assert visit.page.evaluate(WIDER) == []
    visit.page.wait_for_load_state("networkidle")
    assert visit.complaints == []
    phone.close()


def test_claims_lead_to_their_cells(opened):
    page = opened("book/claims")
    assert page.locator(".claim").count() == 27
    links = page.locator(".claim a[href*='notebooks/']")
    assert links.count() >= 5
    targets = [links.nth(number).get_attribute("href") for number in range(links.count())]
    for name in sorted({target.partition("#")[0] for target in targets}):
        notebook = BeautifulSoup((HTML / "book" / name).read_text(encoding="utf-8"), "html.parser")
        for target in targets:
            if target.startswith(name):
                (cell,) = notebook.find_all(id=target.partition("#")[2])
                assert "cell" in cell["class"]


def test_the_search_finds_a_term(opened):
    page = opened("search")
    page.goto(page.url + "?q=reparameterisation")
    page.wait_for_selector("#search-results li a")
