"""The executed notebooks, and the definitions that stand in them."""

import ast
from pathlib import Path
from typing import Any

import jupytext
import nbformat

FOLDER = Path(__file__).parents[2] / "notebooks"
EXECUTED = sorted(FOLDER.glob("[0-9]*.ipynb"))


def definitions(path: Path) -> dict[str, Any]:
    """Imports, functions and classes of a notebook's source, ready to be called; nothing else of it is run."""
    code = "\n".join(cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code")
    kept = [node for node in ast.parse(code).body
            if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)]  # fmt: skip
    names: dict[str, Any] = {"__name__": path.stem}
    exec(compile(ast.Module(kept, []), str(path), "exec"), names)
    return names


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
