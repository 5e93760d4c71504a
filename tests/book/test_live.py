"""The live demos in a real browser, on the built book: alive, by keyboard and by touch, offline, and when it fails."""

import numpy as np
import pytest

from tests.book.alone import PATIENCE, Alone, psnr
from tests.book.test_live_files import TOLERANCE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def plane(browser, site):
    """The plane, alive."""
    one = Alone(browser, site, "plane").wait()
    yield one
    one.context.close()


EVALUATE = """async ({model, inputs}) => {
  const { runtime } = await import(new URL('_static/live/runtime.js', location));
  const arrays = Object.fromEntries(Object.entries(inputs).map(([name, values]) =>
    [name, name === 'ids' ? BigInt64Array.from(values, BigInt) : Float32Array.from(values)]));
  const found = await runtime().ask('evaluate', { model, inputs: arrays });
  return Object.values(found).map(values => [...values]); }"""


def test_in_the_page_each_model_tells_what_pytorch_tells(plane):
    import torch

    from course_utils.demos import export

    for name in ("text", "text_to_image", "lcm", "adversarial", "decoder", "preview", "encoder", "critic"):
        module, inputs = export.reference(name)
        with torch.no_grad():
            wanted = module(*inputs.values())
        plain = {key: value.flatten().tolist() for key, value in inputs.items()}
        found = plane.page.evaluate(EVALUATE, {"model": name, "inputs": plain})
        for ours, theirs in zip(found, wanted if isinstance(wanted, tuple) else [wanted], strict=True):
            error = np.linalg.norm(np.array(ours) - theirs.flatten().numpy()) / theirs.norm().item()
            assert error < TOLERANCE[name], name


def test_the_front_page_opens_with_the_plane_alive(opened):
    page = opened("book/index")
    host = page.locator("[data-demo=plane]")
    assert host.count() == 1
    page.wait_for_selector("[data-demo=plane][data-state=live]", timeout=PATIENCE)
    assert int(host.get_attribute("data-latency-ms")) > 0
    page.wait_for_selector("[data-demo=plane][data-settled]", timeout=PATIENCE)  # read by the critic
    assert "fox" in host.locator(".demo-says").inner_text()


def test_notebooks_carry_hosts_under_their_names(opened):
    for page, name in (("notebooks/01_vae_compression", "zip"), ("notebooks/02_latent_vs_clip", "plane")):
        assert opened(page).locator(f"figure[data-demo={name}][data-state]").count() == 1


def test_the_poster_stands_until_the_demo_is_alive(alone):
    one = alone("plane", break_="**/models/*.safetensors.gz*")
    assert one.host.locator("img").is_visible()
    one.wait("failed")
    assert one.host.locator("img").is_visible()
    assert "is missing (404)" in one.host.locator(".demo-note").inner_text()
    assert one.host.locator(".demo-live").count() == 0
    assert one.errors == []


def test_without_webassembly_the_poster_stays_and_says_why(alone):
    one = alone("plane", prepare="delete globalThis.WebAssembly").wait("failed")
    assert "WebAssembly" in one.host.locator(".demo-note").inner_text()
    assert one.host.locator("img").is_visible()
    assert one.errors == []


def test_nothing_is_asked_of_another_host(plane):
    assert plane.outside == []
    assert plane.errors == []


def test_the_pad_moves_by_arrow_keys_and_tells_where_it_is(plane):
    pad = plane.host.get_by_role("slider", name="Cursor on the plane")
    before, picture = plane.says(), plane.picture()
    pad.focus()
    plane.act(lambda: [plane.page.keyboard.press("Shift+ArrowRight"), plane.page.keyboard.press("ArrowUp")])
    assert pad.get_attribute("aria-valuetext") == "0.70 scaly, 0.55 large"
    assert plane.says() != before
    assert "0.70 scaly, 0.55 large" in plane.says()
    assert (plane.picture() != picture).any()
    slider = plane.host.get_by_label("scaly", exact=True)
    assert slider.input_value() == "0.7"
    assert slider.get_attribute("type") == "range"


def test_dragging_through_many_places_ends_at_the_last(plane):
    box = plane.host.locator(".demo-pad").bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"])  # noqa: E731

    def drag():
        plane.page.mouse.move(*at(0.2, 0.2))
        plane.page.mouse.down()
        plane.page.mouse.move(*at(0.97, 0.96), steps=30)
        plane.page.mouse.up()

    plane.act(drag)
    assert plane.host.get_by_role("slider", name="Cursor").get_attribute("aria-valuetext") == "1.00 scaly, 1.00 large"
    assert "1.00 scaly, 1.00 large" in plane.says()
    assert plane.host.locator(".demo-trail button").count() >= 2


def test_a_link_restores_the_exact_picture(plane, alone):
    plane.act(lambda: plane.host.get_by_label("species", exact=True).select_option("cat"))
    seen = plane.says()
    plane.host.get_by_role("button", name="Link").click()
    address = plane.page.url
    assert "#plane?" in address
    assert "species=cat" in address
    again = alone("plane", f"#{address.partition('#')[2]}").wait()
    assert (again.picture() == plane.picture()).all()
    assert again.says() == seen


def test_the_copied_python_draws_the_same_picture(alone):
    one = alone("plane", "#plane?species=cat&scaly=1&large=0.3&seed=5", steps=None).wait()
    shown, code = one.copied()
    assert code.count("\n") < 15
    assert psnr(shown, one.picture()) > 25


def test_it_goes_on_without_a_network(plane):
    plane.context.set_offline(True)
    before = plane.picture()
    plane.act(lambda: plane.host.get_by_label("coat", exact=True).select_option("blue"))
    assert (plane.picture() != before).any()
    plane.context.set_offline(False)


def test_reset_and_the_meter(plane):
    plane.act(lambda: plane.host.get_by_role("button", name="Reset").click())
    assert "0.50 scaly, 0.50 large" in plane.says()
    assert "million parameters" in plane.host.locator(".demo-meter").inner_text()
    assert "#" not in plane.page.url


def test_full_screen_and_back(plane):
    plane.host.get_by_role("button", name="Full screen").click()
    plane.page.wait_for_function("document.fullscreenElement !== null || document.querySelector('.demo-large')")
    plane.host.get_by_role("button", name="Full screen").click()
    plane.page.wait_for_function("document.fullscreenElement === null && !document.querySelector('.demo-large')")


def test_on_a_phone_it_is_moved_by_touch(alone):
    one = alone("plane", size="phone", has_touch=True).wait()
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    pad = one.host.locator(".demo-pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    one.act(lambda: one.page.touchscreen.tap(box["x"] + 0.05 * box["width"], box["y"] + 0.95 * box["height"]))
    assert "0.02 scaly" in one.says() or "0.00 scaly" in one.says() or "0.01 scaly" in one.says()


def test_readers_who_save_data_are_asked(alone):
    one = alone("plane", prepare="Object.defineProperty(navigator, 'connection', {value: {saveData: true}})")
    button = one.host.get_by_role("button", name="Bring it to life")
    button.wait_for()
    assert one.host.get_attribute("data-state") == "poster"
    button.click()
    one.wait()


def test_guidance_shows_film_arrows_and_two_pictures(alone):
    one = alone("guidance", "#guidance?steps=4&scale=3").wait()
    assert "degrees apart" in one.says()
    assert one.host.locator(".demo-film canvas").count() >= 3
    one.host.get_by_role("button", name="Keep this picture as A").click()
    three = one.picture()
    one.act(lambda: one.host.get_by_label("scale w", exact=True).fill("0"))
    assert "At scale 0" in one.says()
    assert (one.picture() != three).any()
    one.act(lambda: one.host.get_by_label("scale w", exact=True).fill("3"))
    assert (one.picture() == three).all()
    one.act(lambda: one.host.get_by_label("species", exact=True).select_option("cat"))
    assert one.host.get_by_label("Prompt", exact=True).input_value().startswith("a scaly blue cat")
    assert one.outside == one.errors == []


def test_zip_paints_quantises_and_weighs(alone):
    one = alone("zip").wait()
    assert "2,048 bytes" in one.says()
    assert one.host.locator("table tr").count() >= 2
    change = "document.querySelector('canvas[aria-label^=where]').getContext('2d').getImageData(0, 0, 128, 128)"
    lit = f"() => [...{change}.data].filter((value, k) => k % 4 !== 3 && value < 215).length"
    assert one.page.evaluate(lit) == 0
    channel = one.host.get_by_role("slider", name="Channel 1")
    channel.focus()
    one.act(lambda: one.page.keyboard.press(" "))
    assert "1 of 1,024 numbers painted" in one.says()
    assert one.page.evaluate(lit) > 20
    one.act(lambda: one.host.get_by_label("bits per number", exact=True).fill("4"))
    assert "512 bytes" in one.says()
    one.act(lambda: one.host.get_by_role("button", name="Undo the painting").click())
    assert "painted" not in one.says()
    assert one.outside == one.errors == []
