"""Demos as widgets: what the kernel hands to a front end and answers to it, without one; and what Colab gets."""

import json
import re
import sys
from posixpath import dirname, join, normpath
from types import ModuleType, SimpleNamespace

import anywidget
import numpy as np
import pytest

from course_utils.critters import Scene
from course_utils.demos import live, web
from course_utils.demos.guidance import Guidance
from course_utils.demos.nudge import Nudge
from course_utils.demos.plane import Plane
from course_utils.demos.skeleton import Skeleton
from course_utils.demos.spaces import Spaces
from course_utils.demos.steps import Steps


@pytest.fixture
def demo():
    one = Plane(SimpleNamespace(), {"a fox": Scene()})
    one.sent = []
    one.send = lambda content, buffers=(): one.sent.append((json.loads(json.dumps(content)), list(buffers)))
    return one


def test_a_message_comes_back_as_it_went():
    message = {"a": np.arange(3, dtype=np.float32), "b": [{"c": np.zeros(4, np.uint8)}, 1, "x"], "d": None}
    buffers = []
    plain = json.loads(json.dumps(live.packed(message, buffers)))
    back = live.unpacked(plain, buffers)
    assert back["a"].tolist() == [0, 1, 2]
    assert back["b"][0]["c"].dtype == np.uint8
    assert (back["b"][1:], back["d"]) == ([1, "x"], None)


def test_every_file_that_a_module_imports_is_handed_over(demo):
    demo._hear(demo, {"file": "modules"}, [])
    (content, (text,)) = demo.sent[-1]
    sources = json.loads(text)
    assert content == {"file": "modules"}
    assert {"live/notebook.js", "live/worker.js", "live/demos/plane.js", "live/live.css"} <= sources.keys()
    assert any(name.startswith("ort/") for name in sources)
    assert not any(" from './" in source for name, source in sources.items() if name.startswith("live/"))


def test_modules_import_each_other_in_no_circle():
    """Addresses of blobs are made one after the other: a module must come behind those that it imports."""
    sources, open_, done = web.modules(), [], set()

    def visit(path):
        assert path not in open_, [*open_, path]
        if path in done:
            return
        open_.append(path)
        for name in re.findall(r'\bfrom\s*"(\.[^"]+)"', sources[path]):
            visit(normpath(join(dirname(path), name)))
        done.add(open_.pop())

    for path in sources:
        visit(path)
    assert "live/jobs.js" in done


@pytest.mark.parametrize("kind", [Guidance, Nudge, Plane, Skeleton, Spaces, Steps], ids=lambda kind: kind.__name__)
def test_all_of_the_page_s_state_is_traits(kind):
    source = (web.FOLDER / f"live/demos/{kind.page or kind.name}.js").read_text()
    state = re.search(r"static defaults\(.*?return \{(.*?)\};", source, re.DOTALL)[1]
    keys = set(re.findall(r"(\w+):", re.sub(r'"[^"]*"', "", state)))
    assert len(keys) >= 4
    assert keys <= set(kind.class_trait_names(sync=True))


def test_models_are_handed_over_and_nothing_from_outside(demo):
    demo._hear(demo, {"file": "models/models.json"}, [])
    assert demo.sent[-1][1] == [(web.FOLDER / "models/models.json").read_bytes()]
    for path in ("../../README.md", "models/none.gz", "pictures/none"):
        demo._hear(demo, {"file": path}, [])
        content, buffers = demo.sent[-1]
        assert content["file"] == path
        assert content["error"]
        assert buffers == []


def test_what_goes_wrong_in_the_kernel_is_told(demo):
    demo._hear(demo, {"to": "view", "id": 7, "job": "magic", "options": {}}, [])
    content, _ = demo.sent[-1]
    assert (content["to"], content["id"]) == ("view", 7)
    assert "no job called 'magic'; there are index, load, plane" in content["error"]


def test_the_scale_decides_who_computes(monkeypatch):
    assert Plane(SimpleNamespace(), {"a fox": Scene()}).computes == "page"
    monkeypatch.setenv("COURSE_SCALE", "sd15")
    assert Plane(SimpleNamespace(), {"a fox": Scene()}).computes == "kernel"


def test_colab_gets_the_widget_alone_and_its_custom_widget_manager(demo, monkeypatch):
    output, told = ModuleType("google.colab.output"), []
    output.enable_custom_widget_manager = lambda: told.append("on")
    output._widgets = SimpleNamespace(_installed_url="https://manager/index.js")
    for name, module in {"google": ModuleType("google"), "google.colab": ModuleType("google.colab"),
                         "google.colab.output": output}.items():  # fmt: skip
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(live, "on_colab", lambda: True)
    anywidget._util.enable_custom_widget_manager_once.cache_clear()
    data, metadata = demo._repr_mimebundle_()
    anywidget._util.enable_custom_widget_manager_once.cache_clear()
    assert told == ["on"]
    assert "text/html" not in data
    widget = "application/vnd.jupyter.widget-view+json"
    assert data[widget]["model_id"] == demo.model_id
    assert metadata[widget]["colab"]["custom_widget_manager"]["url"] == "https://manager/index.js"
