"""The package as a wheel: it carries weights, cards, configurations and hashes, and nothing else."""

import ast
import shutil
import subprocess
import sys
import zipfile

import pytest


@pytest.fixture(scope="module")
def contents(repository, tmp_path_factory):
    """The names in a freshly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(
        repository / "course_utils", folder / "source/course_utils", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("live", "ort", "models"):
        shutil.copytree(repository / "book/web" / name, folder / "source/book/web" / name)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(repository / name, folder / "source")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-cache-dir",
        "--wheel-dir",
        folder,
        folder / "source",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return set(zipfile.ZipFile(next(folder.glob("*.whl"))).namelist())


def test_every_data_file_of_the_package_is_in_the_wheel(repository, contents):
    kinds = {".json", ".md", ".csv", ".safetensors", ".npz", ".png", ".js", ".css"}
    data = {
        path.relative_to(repository).as_posix()
        for path in (repository / "course_utils").rglob("*")
        if path.suffix in kinds
    }
    assert any(name.endswith(".safetensors") for name in data)
    assert data <= contents


def test_every_module_is_in_the_wheel(repository, contents):
    modules = {path.relative_to(repository).as_posix() for path in (repository / "course_utils").rglob("*.py")}
    assert modules <= contents


def test_what_the_demos_compute_with_is_in_the_wheel(repository, contents):
    web = repository / "book/web"
    wanted = {f"course_utils/demos/web/{path.relative_to(web).as_posix()}"
              for part in ("live", "ort", "models") for path in (web / part).rglob("*") if path.is_file()}  # fmt: skip
    assert any(name.endswith("live/notebook.js") for name in wanted)
    assert wanted <= contents


def test_nothing_else_is_in_the_wheel(contents):
    assert {name.split("/")[0] for name in contents if ".dist-info" not in name} == {"course_utils"}


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, course_utils; assert not {'torch', 'numpy', 'diffusers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


FLOORS = ("critters", "models", "diffusion", "measure", "show", "demos", "grading", "train")
"""From the ground up."""


def imported(path):
    """Parts of the course that a module names in an import, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1, f"{path.name}: name the whole module"  # a neighbour
            names = []
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{one.name}" for one in node.names]
        else:
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        yield from (name.split(".")[1] for name in names if name.startswith("course_utils."))


@pytest.mark.parametrize("floor", FLOORS[:-1])
def test_imports_only_go_down(repository, floor):
    files = sorted((repository / "course_utils" / floor).rglob("*.py"))
    above = FLOORS[FLOORS.index(floor) + 1 :]
    assert files
    assert [(path.name, part) for path in files for part in imported(path) if part in above] == []
