"""Every test that asks for a `notebook` runs on each of the committed ones."""

from pathlib import Path

import nbformat
import pytest

from tests.notebooks.reading import EXECUTED


@pytest.fixture(params=EXECUTED, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)
