"""The demos in JupyterLab, on a real server with a real kernel: the page's own modules, handed over by the kernel."""

import pytest

from tests.book.lab import Lab
from tests.hub.repositories import make
from tests.hub.standin import StandIn

pytestmark = pytest.mark.browser

BEGIN = """import os
from types import SimpleNamespace

from course_utils.critters import Scene, render
from course_utils.demos.guidance import Guidance
from course_utils.demos.nudge import Nudge
from course_utils.demos.plane import Plane
from course_utils.demos.skeleton import Skeleton
from course_utils.demos.spaces import Spaces
from course_utils.demos.steps import Steps

for demo in (Guidance, Nudge, Plane, Skeleton, Spaces, Steps):  # posters have tests of their own
    demo.poster = demo.alt = lambda self: ""
def absent(role): return SimpleNamespace(role=role, sampler="ddim")
fox, cat = Scene("fox", texture="fluffy"), Scene("cat", texture="scaly")"""
"""At the course's own scale the page computes: nothing here could draw."""

CELLS = {
    "plane": "plane = Plane(absent('text_to_image'), {'a fox': fox}, scaly=0.25)\nplane",
    "guidance": "guidance = Guidance(absent('text_to_image'))\nguidance.steps = 3\nguidance",
    "spaces": "spaces = Spaces(absent('text_to_image'), {'a fox': fox, 'a cat': cat})\nspaces",
    "skeleton": "skeleton = Skeleton(absent('text_to_image'), {'a cat': cat})\nskeleton",
    "steps": "steps = Steps({'teacher': absent('text_to_image')}, evaluations=2)\nsteps",
    "zip": "import torch\nfrom course_utils.demos import nudge\nnudge.nudge = nudge.encode = lambda *_, **__: None\n"
           "zipped = Nudge(None, {'my fox': render(fox)}, 4, 9)\nzipped",
}  # fmt: skip

LARGE = """os.environ["COURSE_SCALE"] = "sd15"
from course_utils.diffusion.generate import TextToImage

draw = TextToImage.load()
draw.steps = 2
large = Plane(draw, {'a fox': fox})
large"""


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("jupyter")
    hub = StandIn(make(tmp_path_factory.mktemp("hub")))
    settings = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "0",
                "COURSE_CPU": "yes", "NO_PROXY": "127.0.0.1,localhost"}  # fmt: skip
    one = Lab(browser, folder, [BEGIN, *CELLS.values(), LARGE], settings)
    yield one
    one.close()
    hub.shutdown()
    hub.server_close()


def picture(host):
    """The pixels of a demo's picture."""
    return host.locator(".demo-picture").last.evaluate("canvas => canvas.toDataURL()")


@pytest.mark.parametrize("name", CELLS)
def test_each_demo_comes_to_life_and_the_page_computes(lab, name):
    host = lab.wait(name)
    assert host.get_attribute("data-state") == "live", host.inner_text()
    assert "runs in this page" in host.locator(".demo-meter").inner_text()


def test_what_one_moves_is_a_trait_of_the_widget(lab):
    host = lab.wait("plane")
    before = picture(host)
    lab.act(host, lambda: host.get_by_label("large", exact=True).fill("1"))
    lab.told("print(plane.large, plane.scaly, plane.species)", "1.0 0.25 fox")
    assert picture(host) != before
    lab.act(host, lambda: host.get_by_label("species", exact=True).select_option("dog"))
    lab.told("print(plane.species)", "dog")


def test_the_keyboard_moves_the_cursor_and_not_the_notebook(lab):
    host = lab.wait("plane")
    host.get_by_role("slider", name="Cursor on the plane").focus()
    lab.act(host, lambda: lab.page.keyboard.press("ArrowDown"))
    lab.told("print(plane.large)", "0.95")


def test_a_trait_that_is_set_moves_the_control_and_draws(lab):
    host = lab.wait("plane")
    before = picture(host)
    lab.act(host, lambda: lab.ask("plane.scaly = 0.8; plane.coat = 'blue'"))
    assert host.get_by_label("scaly", exact=True).input_value() == "0.8"
    assert host.get_by_label("coat", exact=True).input_value() == "blue"
    assert picture(host) != before


def test_a_demo_is_a_widget_that_can_be_observed_and_linked(lab):
    host = lab.wait("plane")
    lab.ask("import ipywidgets; other = ipywidgets.FloatSlider(max=1)")
    lab.ask("ipywidgets.link((plane, 'scaly'), (other, 'value'))")
    lab.act(host, lambda: host.get_by_label("scaly", exact=True).fill("0.4"))
    lab.told("print(other.value)", "0.4")


def test_pictures_that_the_notebook_gave_are_there(lab):
    host = lab.wait("zip")
    assert host.get_by_label("picture", exact=True).input_value() == "my fox"
    assert "1 of 1,024 numbers painted" in host.locator(".demo-says").inner_text()
    lab.told("print(zipped.scene, zipped.edits)", "my fox 0.4.9=4")


def test_at_a_larger_scale_the_kernel_computes(lab):
    host = lab.wait("plane", 1)
    assert host.get_attribute("data-state") == "live", host.inner_text()
    assert "computed by the kernel" in host.locator(".demo-meter").inner_text()
    assert lab.ask("print(large.computes, draw.side)").startswith("kernel")
    before = picture(host)
    lab.act(host, lambda: host.get_by_label("seed", exact=True).fill("3"))
    lab.told("print(large.seed)", "3")
    assert picture(host) != before
    side = lab.ask("print(draw.side)")
    assert host.locator(".demo-picture").last.evaluate("canvas => String(canvas.width)") == side


def test_nothing_is_asked_of_another_host(lab):
    assert lab.outside == []
    assert lab.errors == []
