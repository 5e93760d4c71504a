"""What the page computes with: in step with the weights, within its budget of bytes, and telling what PyTorch tells."""

import gzip
import json

import numpy as np
import onnxruntime
import pytest
import torch
from course_book import live
from docutils import nodes

from course_utils.demos import export, packing

INDEX = export.index()
SHARED = ("text", export.BASE, "decoder", "critic")
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm.gz")

TOLERANCE = {"text": 0.01, "text_to_image": 0.003, "decoder": 0.015, "preview": 0.02, "encoder": 0.01, "critic": 0.03}
"""Largest relative error of what a model tells, which 8 bits leave; students as their base."""


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


def test_bytes_stay_within_the_budget(repository):
    runtime = sum((repository / "book/web/ort" / name).stat().st_size for name in RUNTIME)
    assert runtime < 4e6
    assert bytes_of(*SHARED) < 9e6
    assert all(bytes_of(*SHARED, name) - bytes_of(*SHARED) < 6e6 for name in INDEX)
    assert runtime + bytes_of(*INDEX) < 24e6


def session(name):
    """A model of the page in onnxruntime, weights unpacked as the page unpacks them."""
    facts = INDEX[name]
    kept, slots = packing.read(export.FOLDER / facts["weights"][0])
    tensors = packing.unpacked(kept)
    for file in facts["weights"][1:]:
        tensors = merged(tensors, packing.unpacked(packing.read(export.FOLDER / file)[0]))
    graph = gzip.decompress((export.FOLDER / facts["graph"]).read_bytes())
    quiet = onnxruntime.SessionOptions()
    quiet.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(packing.whole(graph, tensors, slots).SerializeToString(), quiet)


def merged(base, difference):
    """A student's tensors."""
    ours = dict(base)
    for name, value in difference.items():
        if name.endswith(".whole"):
            ours[name.removesuffix(".whole")] = value
        elif name.endswith(".up"):
            bare = name.removesuffix(".up")
            ours[bare] = base[bare] + (value @ difference[f"{bare}.down"]).reshape(base[bare].shape)
    return ours


@pytest.mark.parametrize("name", sorted(INDEX))
def test_each_model_tells_what_pytorch_tells(name):
    part = export.PARTS.get(name, export.PARTS[export.BASE])
    model = export.model_of(name if name not in export.PARTS else part.role)
    inputs = export.example(part.inputs)
    with torch.no_grad():
        wanted = part.module(model)(*inputs.values())
    found = session(name).run(None, {key: value.numpy() for key, value in inputs.items()})
    for ours, theirs in zip(found, wanted if isinstance(wanted, tuple) else [wanted], strict=True):
        error = np.linalg.norm(ours - theirs.numpy()) / np.linalg.norm(theirs.numpy())
        assert error < TOLERANCE.get(name, TOLERANCE[export.BASE])


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


def test_the_index_names_a_sampler_for_what_denoises():
    uses = {name: facts["use"] for name, facts in INDEX.items() if facts["use"]}
    assert uses[export.BASE] == {"sampler": "ddim", "steps": 25, "guidance": 3.0}
    assert json.loads((export.FOLDER / export.TOKENIZER).read_text())["length"] == 24
