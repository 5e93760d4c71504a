"""Notebooks at the scale `sd15`, their models fetched from the stand-in: the real layouts, tiny and untrained.

`make test-hub` runs every one of them through; the usual tests run the beginning of one, as far as the stock pipeline.
"""

import json
import os
import time
from datetime import date
from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("0[0-5]_*.py"))
RESULT = ROOT / "notebooks" / "_hub.json"
LOADS = {"00": "", "01": "vae: scale sd15", "05": "scale sd15"}
"""What a notebook must have said of its models; all others draw."""
OWN = ("05",)
"""Notebooks with a part about the course's own students, which stays there at every scale, and says so."""

whole = pytest.mark.skipif(os.environ.get("COURSE_HUB") != "all", reason="make test-hub runs all notebooks through")


def run_through(source, served, home, until=""):
    """Execute a notebook, or its cells before the one that says `until`; what its cells printed. A failure raises."""
    served.reset()
    notebook = jupytext.read(source)
    if until:
        stop = next(k for k, cell in enumerate(notebook.cells) if until in cell.source)
        notebook.cells = notebook.cells[:stop]
    settings = {"HF_ENDPOINT": served.endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "COURSE_SCALE": "sd15",
                "COURSE_CPU": "yes", "NO_PROXY": "127.0.0.1,localhost", "PYTHONPATH": str(ROOT),
                "OMP_NUM_THREADS": "1"}  # fmt: skip
    place = {"metadata": {"path": str(source.parent)}}
    NotebookClient(notebook, timeout=3600, kernel_name="python3", resources=place).execute(env=os.environ | settings)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs if output.get("name") == "stdout")


def test_the_guidance_sum_is_the_stock_pipelines_on_fetched_models(served, tmp_path):
    (source,) = [path for path in SOURCES if path.stem.startswith("03")]
    said = run_through(source, served, tmp_path, until="We have one. Six scales at once")
    assert "text_to_image (unet): scale sd15" in said
    assert served.sent("unet/diffusion_pytorch_model.fp16.safetensors")


@pytest.fixture(scope="module")
def record():
    """Seconds by notebook; kept for the status page where all have run through."""
    seconds = {}
    yield seconds
    if len(seconds) == len(SOURCES):
        result = {"tried": date.today().isoformat(), "seconds": seconds, "of": len(SOURCES)}
        RESULT.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@whole
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_it_runs_through(source, served, tmp_path, record):
    began = time.monotonic()
    said = run_through(source, served, tmp_path)
    assert LOADS.get(source.stem[:2], "text_to_image (unet): scale sd15") in said
    assert ("scale critters" in said) == (source.stem[:2] in OWN)
    record[source.stem] = round(time.monotonic() - began)
