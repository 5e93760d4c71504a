"""What the page computes with: in step with the weights, within its budget of bytes, and telling what PyTorch tells."""

import gzip
import json
import re
import types

import numpy as np
import onnxruntime
import pytest
import torch
from course_book import live
from docutils import nodes

from course_utils.demos import export, packing
from course_utils.diffusion.generate import TextToImage
from course_utils.models.weights import sha256
from tests.book.alone import psnr

INDEX = export.index()
SHARED = ("text", export.BASE, "decoder", "preview", "critic")
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm.gz")

TOLERANCE = {"text": 0.01, "text_to_image": 0.012, "decoder": 0.03, "preview": 0.02, "encoder": 0.01, "critic": 0.03,
             "lcm": 0.02, "adversarial": 0.03, "flow": 0.04, "reflow": 0.1,
             "flow_consistency": 0.09, "controlled": 0.02, "hint": 0.01, "controlnet_pose": 0.08}
"""Largest relative error of what a model tells, which coarse weights leave; what that does to pictures: below."""


def bytes_of(*names):
    """What the files of some models weigh, each file once."""
    return sum({file: size for name in names for file, size in INDEX[name]["bytes"].items()}.values())


def test_every_model_comes_from_the_weights_that_are_shipped():
    assert {*SHARED, "encoder"} <= INDEX.keys() <= set(export.exportable())
    for name in INDEX:  # students and the preview join when they are exported
        assert export.in_step(name, INDEX), f"{name}: python -m course_utils.demos export"


def test_files_are_those_that_the_index_tells():
    listed = {file: size for facts in INDEX.values() for file, size in facts["bytes"].items()}
    there = {path.name: path.stat().st_size for path in export.FOLDER.glob("*.gz")}
    assert there == listed


STEERED = [name for name in INDEX if name.startswith(("controlled", "controlnet", "hint"))]
STUDENTS = [name for name in INDEX if name in export.students()]
DEMOS = {"zip": ["encoder"], "spaces": ["adversarial"], "plane": ["adversarial"], "guidance": [], "skeleton": STEERED,
         "steps": STUDENTS}  # fmt: skip
"""What a demo needs beside what all share, everything that its controls can ask for included."""


def test_bytes_stay_within_the_budget(repository):
    runtime = sum((repository / "book/web/ort" / name).stat().st_size for name in RUNTIME)
    assert runtime < 4e6
    assert bytes_of(*SHARED) < 9e6
    for demo, names in DEMOS.items():
        assert bytes_of(*SHARED, *names) - bytes_of(*SHARED) < 6e6, demo
    assert {*SHARED}.union(*DEMOS.values()) == INDEX.keys()
    assert runtime + bytes_of(*INDEX) < 24e6


def test_the_checkpoints_of_the_training_take_three_megabytes():
    files = {file: size for facts in INDEX.values() for file, size in facts["bytes"].items()}
    kept = [size for file, size in files.items() if file.startswith("controlnet_pose")]
    assert len(kept) == 5  # and the start, which needs no file
    assert sum(kept) < 3e6


def test_files_are_asked_for_by_a_stamp_that_changes_with_them():
    for facts in INDEX.values():
        assert facts["stamps"] == {file: sha256(export.FOLDER / file)[:8] for file in facts["bytes"]}


def session(name):
    """A model of the page in onnxruntime, weights unpacked as the page unpacks them."""
    facts = INDEX[name]
    files = [packing.read(export.FOLDER / file) for file in facts["weights"]]
    tensors: dict[str, np.ndarray] = {}
    for kept, _ in files:
        tensors = merged(tensors, packing.unpacked(kept))
    slots = [order for _, order in files if order][-1]
    graph = gzip.decompress((export.FOLDER / facts["graph"]).read_bytes())
    quiet = onnxruntime.SessionOptions()
    quiet.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(packing.whole(graph, tensors, slots).SerializeToString(), quiet)


def merged(base, file):
    """Tensors with those of a further file: its own, or what it changes."""
    ours = dict(base)
    for name, value in file.items():
        if not name.endswith((".up", ".down")):
            ours[name.removesuffix(".whole")] = value
    for name in (name.removesuffix(".up") for name in file if name.endswith(".up")):
        if name in base:  # the hint encoder's graph needs none of them
            ours[name] = base[name] + (file[f"{name}.up"] @ file[f"{name}.down"]).reshape(base[name].shape)
    return ours


def kind(name):
    """By which model's tolerance a model is judged: students and checkpoints as what they change."""
    return "controlnet_pose" if name.startswith("controlnet") else name.split("_")[0] if name.startswith(
        ("hint", "controlled")) else name if name in TOLERANCE else export.BASE  # fmt: skip


@pytest.mark.parametrize("name", sorted(INDEX))
def test_each_model_tells_what_pytorch_tells(name):
    module, inputs = export.reference(name)
    with torch.no_grad():
        wanted = module(*inputs.values())
    found = session(name).run(None, {key: value.numpy() for key, value in inputs.items()})
    told = [value.numpy() for value in wanted] if isinstance(wanted, tuple) else [wanted.numpy()]
    if name.startswith("controlnet"):  # the U-Net barely listens to its deepest answers, which are coarse
        found, told = ([np.concatenate([value.ravel() for value in values])] for values in (found, told))
    for ours, theirs in zip(found, told, strict=True):
        error = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
        assert error < TOLERANCE[kind(name)], error


@pytest.mark.parametrize("role", STUDENTS)
def test_the_pages_weights_draw_the_packages_picture(role):
    draw, prompt = TextToImage.load(role), ["a large scaly orange fox sitting on a green background, facing right"]
    wanted = draw(prompt, seeds=[0], steps=4)
    kept = [packing.unpacked(packing.read(export.FOLDER / file)[0]) for file in INDEX[role]["weights"]]
    weights = dict(draw.unet.state_dict())
    for tensors in kept:
        weights = merged(weights, tensors)
    draw.unet.load_state_dict({name: torch.as_tensor(weights[name]) for name in draw.unet.state_dict()})
    assert psnr(draw(prompt, seeds=[0], steps=4), wanted) > 28


# ------------------------------------------------------------------------------------------------ hosts


def test_a_notebooks_demo_gets_the_pages_name_and_its_first_state():
    html = '<figure class="course-demo" data-demo="nudge" style="margin:0">\n<img></figure>'
    assert live.hosted(html) == html.replace('"nudge"', '"zip" data-state="poster"')
    assert live.hosted(live.hosted(html)) == live.hosted(html)
    other = html.replace("nudge", "ideal-denoiser")
    assert live.hosted(other) == other


def test_only_pages_with_a_demo_load_its_script():
    page = nodes.section("", nodes.raw("", "<p>nothing</p>", format="html"))
    assert not live.has_demo(page)
    page += nodes.raw("", live.hosted('<figure class="course-demo" data-demo="plane">'), format="html")
    assert live.has_demo(page)


def test_a_page_names_the_modules_that_its_demos_need_in_its_head(repository):
    figure = live.hosted('<figure class="course-demo" data-demo="plane">')
    app = types.SimpleNamespace(add_js_file=lambda *_, **__: None, add_css_file=lambda _: None)
    context = {"pathto": lambda place, _: f"../{place}"}
    live.load(app, "a", "", context, nodes.section("", nodes.raw("", figure, format="html")))
    found = re.findall(r'<link rel="modulepreload" href="\.\./_static/(live/[^"]+)">', context["metatags"])
    assert "live/demos/plane.js" in found
    assert not any("steps" in name for name in found)
    assert all((repository / "book/web" / name).exists() for name in found)


def test_no_picture_is_ever_without_a_name(repository):
    """Between the moment in which a demo is there and its first picture axe would find a nameless one."""
    made = [(path.name, options) for path in sorted((repository / "book/web/live").rglob("*.js"))
            for options in re.findall(r'element\("canvas", \{([^}]*)\}', path.read_text())]  # fmt: skip
    pictured = [(name, options) for name, options in made if 'role: "img"' in options]
    assert len(pictured) >= 5
    assert not [name for name, options in pictured if "aria-label" not in options]


def test_the_index_names_a_sampler_for_what_denoises():
    uses = {name: facts["use"] for name, facts in INDEX.items() if facts["use"]}
    assert uses[export.BASE] == {"sampler": "ddim", "steps": 25, "guidance": 3.0}
    assert json.loads((export.FOLDER / export.TOKENIZER).read_text())["length"] == 24
