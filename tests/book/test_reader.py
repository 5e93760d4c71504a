"""What a reader does around the text, in a real browser: answers, marks, listens, saves; also where that is denied."""

import json
import re

import pytest

pytestmark = pytest.mark.browser

REFRESHER = "notebooks/00_refresher"
KEY = "latent-space-and-control/progress"
VOICE = """(() => {
  const speech = new EventTarget();
  Object.assign(speech, {
    heard: [], pending: null,
    speak(one) { this.heard.push(one); this.pending = one; },
    cancel() { this.pending = null; },
    finish() { const one = this.pending; this.pending = null; one.onend(); },
    getVoices: () => [{lang: 'en-GB', name: 'Stub', localService: true, default: true}],
  });
  Object.defineProperty(window, 'speechSynthesis', {value: speech});
  window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
})();"""
DUMB = "Object.defineProperty(window, 'speechSynthesis', {value: undefined});"
DENIED = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }});"


def kept(page):
    """What the browser's storage holds."""
    return json.loads(page.evaluate(f"localStorage.getItem('{KEY}')") or '{"sections": {}}')["sections"]


def ready(page):
    page.wait_for_selector("html[data-course=ready]")
    return page


def listening(page):
    ready(page).wait_for_selector(".player-play:enabled")
    return page


def check(page, name):
    return page.locator(f"[data-check='{name}']")


def said(page):
    return page.evaluate("speechSynthesis.heard.map(one => one.text)")


def test_a_number_is_judged_explained_and_remembered(opened):
    page = ready(opened(REFRESHER, prepare=VOICE))
    page.context.set_offline(True)
    one = check(page, "length")
    assert not one.locator("details").is_visible()
    for given, answer in (("", "Type a number first."), ("long", "no number I can read"), ("31,0", "no number")):
        one.locator("input").fill(given)
        one.locator("input").press("Enter")
        assert answer in one.locator("[role=status]").text_content()
    assert kept(page) == {}
    one.locator("input").fill("16")
    one.locator("input").press("Enter")
    assert one.locator("[role=status]").text_content() == "Too low."
    assert one.get_by_role("button", name="Show the answer").is_visible()
    one.locator("input").fill("32")
    one.get_by_role("button", name="Check").click()
    assert "Right" in one.locator("[role=status]").text_content()
    assert one.locator("details[open]").get_by_text("whatever the noise").is_visible()
    assert kept(page)["00_refresher"]["checks"] == {"length": {"passed": True, "tries": 2}}
    page.context.set_offline(False)
    ready(page.reload() and page)
    assert "earlier visit" in one.locator("[role=status]").text_content()
    assert one.get_attribute("data-passed") == "true"


def test_an_answer_that_was_shown_does_not_count_as_found(opened):
    page = ready(opened(REFRESHER, prepare=VOICE))
    one = check(page, "loss")
    one.get_by_role("radio").nth(0).check()
    one.get_by_role("button", name="Check").click()
    one.get_by_role("button", name="Show the answer").click()
    assert one.locator("details[open]").is_visible()
    one.get_by_role("radio").nth(1).check()
    one.get_by_role("button", name="Check").click()
    assert one.locator("[role=status]").text_content() == "Right."
    assert kept(page)["00_refresher"]["checks"]["loss"] == {"passed": False, "tries": 2}


def test_a_slider_paints_and_is_moved_with_the_keyboard(opened):
    page = ready(opened(REFRESHER, "phone", prepare=VOICE, has_touch=True))
    one = check(page, "equal-shares")
    one.scroll_into_view_if_needed()
    one.locator("canvas").wait_for()
    slider = one.get_by_role("slider")
    pixels = """canvas => canvas.getContext('2d').getImageData(0, 0, 128, 128).data
        .reduce((sum, x) => (sum * 31 + x) % 9973, 0)"""
    clean = one.locator("canvas").evaluate(pixels)
    slider.focus()
    slider.press("PageUp")
    assert one.locator("canvas").evaluate(pixels) != clean
    slider.press("End")
    assert one.locator("output").text_content() == "999"
    slider.press("Enter")
    assert "move it down" in one.locator("[role=status]").text_content()
    slider.evaluate("slider => { slider.value = 354; slider.dispatchEvent(new Event('input', {bubbles: true})); }")
    one.get_by_role("button", name="Check").tap()
    assert "Right" in one.locator("[role=status]").text_content()
    picture = check(page, "first-guess")
    picture.get_by_role("radio", name=re.compile("blur")).check()
    picture.get_by_role("button", name="Check").tap()
    assert picture.locator("[role=status]").text_content() == "Right."


def test_a_section_is_read_sentence_by_sentence(opened):
    page = listening(opened(REFRESHER, prepare=VOICE))
    player = page.locator(".course-player")
    assert re.fullmatch(r"\d+ min", player.locator(".player-time").text_content())
    player.get_by_role("button", name="Listen").press("Enter")
    assert said(page) == ["0. The refresher"]
    page.evaluate("speechSynthesis.finish()")
    sentence = "Show a network a picture under noise and ask: which part of this is noise?"
    assert said(page)[-1] == sentence
    assert page.evaluate("[...CSS.highlights.get('course-reading')].map(range => range.toString())") == [sentence]
    assert page.locator("p.course-reading").count() == 1
    player.get_by_label("Speed").select_option("1.5")
    assert page.evaluate("speechSynthesis.heard.at(-1).rate") == 1.5
    player.get_by_role("button", name="The next sentence").click()
    player.get_by_role("button", name="Pause").click()
    assert page.evaluate("speechSynthesis.pending") is None
    assert page.locator(".course-reading").count() == 0
    assert "sentence 3 of" in player.get_by_role("slider").get_attribute("aria-valuetext")
    assert kept(page)["00_refresher"]["heard"] == 2
    listening(page.reload() and page)
    assert player.get_by_role("button", name="Go on").is_visible()


def test_formulas_are_words_and_code_is_not_read(opened):
    page = listening(opened(REFRESHER, prepare=VOICE))
    page.get_by_role("button", name="Listen").click()
    page.evaluate("while (speechSynthesis.pending) speechSynthesis.finish()")
    heard = said(page)
    text = " ".join(heard)
    assert "x sub t equals the square root of alpha bar sub t x sub 0 plus the square root of 1 minus alpha bar" in text
    assert "epsilon is drawn from the normal distribution of 0, 1" in text
    assert "a cosine" in text
    for silent in ("import numpy", "np.", "\\", "$", "Show the code", "¯", "ᾱ", "undefined"):
        assert silent not in text, silent
    assert max(len(one) for one in heard) < 600
    assert page.get_by_role("button", name="Listen").is_visible()


def test_a_browser_without_a_voice_is_told_so(opened):
    page = ready(opened(REFRESHER, prepare=DUMB))
    page.get_by_text("has no English voice of its own").wait_for()
    assert not page.locator(".player-play").is_visible()


def test_progress_works_where_storage_is_denied(opened):
    page = ready(opened(REFRESHER, prepare=VOICE + DENIED))
    box = page.get_by_role("checkbox", name="I have worked through this section")
    box.check()
    assert box.is_checked()
    assert page.get_by_text("keeps nothing for this book").is_visible()
    assert page.locator(".bd-sidebar-primary .course-mark[data-complete]").count() == 1


def test_the_map_and_the_sidebar_show_progress_which_travels_as_a_file(opened, tmp_path):
    noted = {"complete": True, "demos": ["plane"], "checks": {"sana": {"passed": True, "tries": 1}}, "heard": 0}
    stored = json.dumps({"version": 1, "sections": {"01_vae_compression": noted}})
    page = ready(opened("book/course-map", prepare=f"localStorage.setItem('{KEY}', '{stored}')"))
    stop = page.locator(".stop", has=page.get_by_text("Read section 1", exact=True))
    assert re.match(r"✓ complete, 1 of \d checks passed, 1 demo tried", stop.locator(".stop-progress").text_content())
    assert page.locator(".course-counted").text_content().startswith("1 of ")
    assert page.locator(".bd-sidebar-primary .course-mark").count() == 1
    with page.expect_download() as download:
        page.get_by_role("button", name="Save to a file").click()
    saved = tmp_path / "progress.json"
    download.value.save_as(saved)
    assert json.loads(saved.read_text())["sections"]["01_vae_compression"] == noted
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Start over").click()
    assert page.locator(".stop-progress").count() == 0
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    page.get_by_label("Load from a file").set_input_files(wrong)
    page.get_by_text("not one that the course saved").wait_for()
    page.get_by_label("Load from a file").set_input_files(saved)
    page.get_by_text("Loaded, and added").wait_for()
    assert kept(page)["01_vae_compression"] == noted
    assert stop.locator(".stop-progress").count() == 1


def test_a_demo_counts_as_tried_once_it_is_alive_and_used(opened):
    page = ready(opened(REFRESHER, prepare=VOICE))
    page.evaluate("""() => document.querySelector('article h1').insertAdjacentHTML('afterend',
        '<figure data-demo="toy" data-state="poster"><button>Use it</button></figure>')""")
    page.get_by_role("button", name="Use it").click()
    assert kept(page) == {}
    page.evaluate("document.querySelector('[data-demo=toy]').dataset.state = 'live'")
    page.get_by_role("button", name="Use it").press("Enter")
    assert kept(page)["00_refresher"]["demos"] == ["toy"]


def test_the_playground_is_one_click_away_on_a_phone_too(opened):
    page = ready(opened("book/name", "phone"))
    page.locator(".bd-header-article").get_by_role("link", name="Playground").click()
    page.wait_for_url("**/book/playground.html")
    ready(page)
    assert page.locator(".playground-place").count() == 6
    plane = page.locator(".playground-place [data-demo=plane]")
    plane.evaluate("figure => { figure.dataset.state = 'live'; }")
    plane.dispatch_event("input", {"bubbles": True})
    assert kept(page)["02_latent_vs_clip"]["demos"] == ["plane"]
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
