"""A fresh run draws the figures that are committed, to within what another processor may change."""

import base64
import io

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from tests.notebooks.reading import outputs

MEAN, FAR, FAR_SHARE = 3.0, 40, 0.02  # grey levels of 255; at most this share of pixels may differ by more than FAR


def pictures(notebook):
    data = [output.data["image/png"] for output in outputs(notebook) if "image/png" in output.get("data", {})]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"), dtype=np.int16) for png in data]


def differ(a, b):
    """Why two figures are not the same to a reader, or None."""
    if a.shape != b.shape:
        return f"sizes {a.shape} and {b.shape}"
    gap = np.abs(a - b)
    far = float((gap.max(axis=2) > FAR).mean())
    return f"mean {gap.mean():.2f}, far {far:.1%}" if gap.mean() > MEAN or far > FAR_SHARE else None


def test_figures_are_drawn_again(path, notebook, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    fresh = nbformat.from_dict(notebook)
    committed = pictures(notebook)
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(fresh, timeout=600, kernel_name="python3", resources=where).execute()
    drawn = pictures(fresh)
    assert len(drawn) == len(committed)
    assert [why for a, b in zip(committed, drawn, strict=True) if (why := differ(a, b))] == []


@pytest.mark.parametrize(("change", "same"), [(0, True), (2, True), (60, False)])
def test_the_tolerance_tells_a_change_from_rounding(change, same):
    a = np.full((20, 20, 3), 100, np.int16)
    assert (differ(a, a + change) is None) is same
    assert differ(a, a[:10]) is not None
