"""The skeleton in a real browser: joints by keyboard and by touch, the training's checkpoints, link and code."""

import numpy as np
import pytest

from course_utils.demos import export
from tests.book.alone import Alone, psnr

pytestmark = pytest.mark.browser

edges = pytest.mark.skipif("controlnet_edge" not in export.index(), reason="the page has no ControlNet for edges")


@pytest.fixture(scope="module")
def skeleton(browser, site):
    """The skeleton, alive."""
    one = Alone(browser, site, "skeleton").wait()
    yield one
    one.context.close()


def joint_of(one):
    """The place of the chosen joint."""
    return one.host.locator(".demo-puppet").get_attribute("aria-valuetext")


def test_a_joint_moves_by_arrow_keys_and_the_animal_follows(skeleton):
    before, picture = joint_of(skeleton), skeleton.picture()
    assert before.startswith("head: ")
    assert "where the skeleton has it" in skeleton.says()
    skeleton.host.locator(".demo-puppet").focus()
    keys = skeleton.page.keyboard
    skeleton.act(lambda: [keys.press("Shift+ArrowLeft"), keys.press("ArrowDown")])
    left, top = (int(part) for part in before.removeprefix("head: ").replace(" from the", "").split() if part.isdigit())
    assert joint_of(skeleton) == f"head: {left - 8} from the left, {top + 2} from the top"
    assert np.abs(skeleton.picture().astype(int) - picture).mean() > 1
    keys.press("PageDown")
    assert joint_of(skeleton).startswith("neck: ")
    assert skeleton.host.get_by_label("joint", exact=True).input_value() == "neck"


def test_before_its_training_a_controlnet_says_nothing(skeleton):
    reach = skeleton.host.get_by_label("trained for", exact=True)
    at = lambda k: skeleton.act(lambda: reach.fill(str(k)))  # noqa: E731
    at(0)
    assert reach.get_attribute("aria-valuetext") == "0 steps"
    nothing = skeleton.picture()
    at(4)
    trained = skeleton.picture()
    skeleton.act(lambda: skeleton.host.get_by_label("conditioning scale", exact=True).fill("0"))
    assert (skeleton.picture() == nothing).all()
    assert (nothing != trained).any()
    skeleton.act(lambda: skeleton.host.get_by_label("conditioning scale", exact=True).fill("1"))
    at(1)
    assert psnr(skeleton.picture(), trained) < psnr(skeleton.picture(), nothing)


def test_reset_brings_the_first_skeleton_back(skeleton):
    skeleton.act(lambda: skeleton.host.get_by_role("button", name="Reset").click())
    assert joint_of(skeleton).startswith("head: ")
    assert "#" not in skeleton.page.url
    assert "million parameters" in skeleton.host.locator(".demo-meter").inner_text()
    assert skeleton.outside == skeleton.errors == []


@pytest.mark.parametrize("trained", [1200, 600])
def test_link_and_python_draw_the_same_picture(alone, trained):
    address = f"#skeleton?species=cat&figure=walking&seed=3&joint=nose&moves=nose%3D-6%2C8&trained={trained}"
    one = alone("skeleton", address, steps=None).wait()
    assert joint_of(one).startswith("nose: ")
    shown, code = one.copied()
    assert ("checkpoint(600)" in code) == (trained == 600)
    assert psnr(shown, one.picture()) > 25
    again = alone("skeleton", address, steps=None).wait()
    assert (again.picture() == one.picture()).all()


def test_on_a_phone_a_joint_is_dragged_by_touch(alone):
    one = alone("skeleton", size="phone", has_touch=True).wait()
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    puppet = one.host.locator(".demo-puppet")
    puppet.scroll_into_view_if_needed()
    box = puppet.bounding_box()
    one.page.touchscreen.tap(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
    assert joint_of(one).startswith("tail tip: ")


def test_when_its_files_are_missing_the_poster_stays(alone):
    one = alone("skeleton", break_="**/controlnet_pose.safetensors.gz*").wait("failed")
    assert one.host.locator("img").is_visible()
    assert "controlnet_pose.safetensors.gz is missing (404)" in one.host.locator(".demo-note").inner_text()
    assert one.errors == []


ADDRESS = "#skeleton?species=cat&figure=sitting&map=edges+drawn+by+hand&lines=20.20_40.30-100.90&seed=2"


@edges
def test_edges_are_drawn_by_keyboard_and_by_pointer(alone):
    one = alone("skeleton").wait()
    one.act(lambda: one.host.get_by_label("drawn after", exact=True).select_option("edges drawn by hand"))
    assert "no lines of your own over the edges of a standing fox" in one.says()
    followed = one.picture()
    one.act(lambda: one.host.get_by_role("button", name="Clear").click())
    assert "no lines of your own on black" in one.says()
    assert psnr(one.picture(), followed) < 30
    pad, keys = one.host.get_by_role("slider", name="Pen: "), one.page.keyboard
    pad.focus()
    one.act(lambda: [keys.press(" "), keys.press("Shift+ArrowRight"), keys.press("ArrowUp"), keys.press(" ")])
    assert pad.get_attribute("aria-valuetext") == "72 from the left, 62 from the top, lifted"
    assert "1 line of your own on black" in one.says()
    box = pad.bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"] / 128, box["y"] + y * box["height"] / 128)  # noqa: E731
    mouse = one.page.mouse
    one.act(lambda: [mouse.move(*at(20.5, 20.5)), mouse.down(), mouse.move(*at(60.5, 20.5), steps=5), mouse.up()])
    assert "2 lines of your own on black" in one.says()
    one.host.get_by_role("button", name="Link").click()
    assert "lines=64.64_72.64_72.62-20.20_28.20_36.20_44.20_52.20_60.20" in one.page.url
    one.act(lambda: one.host.get_by_role("button", name="Start from an animal's edges").click())
    assert (one.picture() == followed).all()
    assert one.errors == one.outside == []


@edges
def test_a_drawing_comes_back_by_its_link_and_by_its_code(alone):
    one = alone("skeleton", ADDRESS, steps=None).wait()
    assert "2 lines of your own over the edges of a sitting cat" in one.says()
    shown, code = one.copied()
    assert 'condition="edge"' in code
    assert psnr(shown, one.picture()) > 25


@edges
def test_on_a_phone_edges_are_drawn_by_touch(alone):
    one = alone("skeleton", ADDRESS, size="phone", has_touch=True).wait()
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    pad = one.host.get_by_role("slider", name="Pen: ")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    one.act(lambda: one.page.touchscreen.tap(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"]))
    assert "3 lines of your own" in one.says()
