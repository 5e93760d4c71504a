"""From each exercise's one source come its notebooks and the instructor's package.

`python scripts/exercises.py [notebooks/exercises/01_vae_compression.py ...]`. A source is otter-grader's master format
(raw cells `# BEGIN QUESTION`, `# BEGIN SOLUTION`, ...) in percent form, without checks and tests, which are the same
for every question and are put in here. Out of it come, beside it,

* `NN_name.ipynb`, the student's notebook, with stubs;
* `NN_name_solution.ipynb`, the page of solutions, folded away behind a warning, executed, its checks included;

and with `--package DIR` (`make exercises` says `dist/exercises`) otter's own output: the autograder as Docker and
Gradescope take it, with the course's package inside. `--check` writes nothing and fails where a notebook is not its
source's; `--again` executes the solutions also where their cells have not changed.
"""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import first_cell
import nbformat

from course_utils.grading.question import Question
from course_utils.grading.questions import questions

notebooks: Any = import_module("notebooks")  # the script; a type checker would take it for the folder
ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks" / "exercises"
NAME = re.compile(r"(?m)^name: (\w+)$")
CHECK = re.compile(r'grader\.check\("(\w+)"\)')
MARKERS = re.compile(r"(?m)^ *# (BEGIN|END) SOLUTION\n?|^ *# SOLUTION\n?| *# SOLUTION$")
TEST = '''""" # BEGIN TEST CONFIG
points: 1
hidden: false
""" # END TEST CONFIG
def test_{id}_{points}(env):
    from course_utils.grading.otter import earns
    earns("{exercise}", "{id}", {points}, env)'''
WARNING = """```{{warning}}
Solutions lie ahead, one behind each fold. An answer that you found yourself stays; try the three hints of each
question first: {{doc}}`the exercises <{exercise}>`.
```"""
WHEEL = "requirements: {requirements}\nautograder_files:\n  - {wheel}\n"

Notebook = dict[str, Any]


class Mismatch(Exception):
    """An exercise's source and its questions do not agree; the message names both."""


# ---------------------------------------------------------------------------------------------------------- the source


def source(path: Path) -> Notebook:
    """The source as a notebook; raises `Mismatch` where its questions are not those of the package."""
    import jupytext

    notebook = json.loads(json.dumps(jupytext.read(path)))
    known = questions(path.stem)
    named = [NAME.search(cell["source"]) for cell in notebook["cells"] if "BEGIN QUESTION" in cell["source"]]
    ids = [match.group(1) for match in named if match]
    if ids != list(known):
        raise Mismatch(f"{path.name} asks {', '.join(ids)}, but the package has {', '.join(known)}")
    for question in known.values():
        if heading(question) not in "\n".join(cell["source"] for cell in notebook["cells"]):
            raise Mismatch(f"{path.name}, {question.id}: there should be a heading\n{heading(question)}")
    return notebook


def heading(question: Question) -> str:
    """A question's heading in the notebook, which states points and minutes."""
    stretch = "stretch, " if question.stretch else ""
    points = f"{question.points} point{'s' if question.points != 1 else ''}"
    number = question.id.removeprefix("q")
    return f"## Question {number}: {question.title} ({stretch}{points}, {question.minutes} minutes)"


def master(notebook: Notebook, exercise: str) -> Notebook:
    """The source with its tests: for each question one a point, three lines each."""
    cells: list[dict[str, Any]] = []
    current = ""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "raw" and (named := NAME.search(cell["source"])) and "QUESTION" in cell["source"]:
            current = named.group(1)
        if cell["cell_type"] == "raw" and cell["source"].strip() == "# END QUESTION":
            points = questions(exercise)[current].points
            tests = [TEST.format(id=current, exercise=exercise, points=point + 1) for point in range(points)]
            cells += [raw("# BEGIN TESTS"), *map(code, tests), raw("# END TESTS")]
        cells.append(cell)
    return {**notebook, "cells": cells}


def raw(text: str) -> dict[str, Any]:
    """A raw cell."""
    return json.loads(json.dumps(nbformat.v4.new_raw_cell(text)))


def code(text: str, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    """A code cell that has not been run."""
    return json.loads(json.dumps(nbformat.v4.new_code_cell(text, metadata={"tags": list(tags)} if tags else {})))


def assigned(notebook: Notebook, exercise: str, folder: Path, wheel: Path | None = None) -> tuple[Notebook, Notebook]:
    """What `otter assign` makes of the source, in `folder`: the notebooks with stubs and with solutions."""
    from otter.assign import main as assign

    folder.mkdir(parents=True, exist_ok=True)
    written = master(notebook, exercise)
    config = next(cell for cell in written["cells"] if "ASSIGNMENT CONFIG" in cell["source"])
    config["source"] = NAME.sub("", config["source"])  # or otter refuses notebooks whose metadata have lost the name
    if wheel:
        shutil.copy(wheel, folder)
        (folder / "requirements.txt").write_text(f"course_utils @ file:///autograder/source/files/{wheel.name}\n")
        config["source"] = (
            config["source"].rstrip() + "\n" + WHEEL.format(requirements="requirements.txt", wheel=wheel.name)
        )
    path = folder / f"{exercise}.ipynb"
    nbformat.write(nbformat.from_dict(written), path)
    with redirect_stdout(io.StringIO()):
        assign(str(path), str(folder), no_pdfs=True, no_run_tests=True)
    return tuple(json.loads((folder / kind / path.name).read_text()) for kind in ("student", "autograder"))  # type: ignore


# ------------------------------------------------------------------------------------------------------- the notebooks


def student(notebook: Notebook) -> Notebook:
    """The student's notebook: otter's, with the course's set-up cell and checks."""
    return notebooks.regular({**notebook, "cells": set_up([checking(cell) for cell in notebook["cells"]])})


def solution(notebook: Notebook, exercise: str) -> Notebook:
    """The page of solutions, not yet executed: the answers folded, a warning in front, the set-up cell."""
    cells = [checking(cell) for cell in notebook["cells"]]
    cells[0]["source"] = cells[0]["source"].split("\n")[0].replace("Exercises", "Solutions")
    cells.insert(1, json.loads(json.dumps(nbformat.v4.new_markdown_cell(WARNING.format(exercise=exercise)))))
    return notebooks.regular({**notebook, "cells": set_up(cells)})


def set_up(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cells with the course's set-up cell before the first one that computes: either page opens on Colab."""
    first = next(number for number, cell in enumerate(cells) if cell["cell_type"] == "code")
    setup = code(first_cell.cell(first_cell.address()).rstrip(), ("setup", "remove-cell"))
    return [*cells[:first], setup, *cells[first:]]


def checking(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell as the course shows it: its own check for otter's, no markers, solutions folded."""
    text = CHECK.sub(r'check("\1")', cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"]))
    tags = cell["metadata"].get("tags", [])
    metadata: dict[str, Any] = {}
    if "otter_assign_solution_cell" in tags:
        metadata = {"tags": ["hide-input"], "mystnb": {"code_prompt_show": "Show the solution"}}
    return {**cell, "source": MARKERS.sub("", text).rstrip(), "metadata": metadata}


def executed(notebook: Notebook) -> Notebook:
    """A notebook with its outputs; raises `notebooks.Debris` for one that must not be committed."""
    from nbclient import NotebookClient

    notebooks.quieten()
    os.environ["PYTHONPATH"] = str(ROOT)
    node = nbformat.from_dict(notebook)
    where = {"metadata": {"path": str(FOLDER)}}
    NotebookClient(node, timeout=300, kernel_name="python3", record_timing=False, resources=where).execute()
    done = notebooks.regular(json.loads(json.dumps(node)))
    notebooks.check(done, "solutions")
    return done


def generated(path: Path, folder: Path, wheel: Path | None = None) -> dict[str, Notebook]:
    """The two notebooks of a source by file name; nothing is executed yet."""
    stubs, solved = assigned(source(path), path.stem, folder, wheel)
    return {f"{path.stem}.ipynb": student(stubs), f"{path.stem}_solution.ipynb": solution(solved, path.stem)}


def unlike(path: Path, notebook: Notebook) -> bool:
    """Whether the file's cells are others than the notebook's, outputs apart."""
    try:
        there = nbformat.read(path, as_version=4)
    except (FileNotFoundError, ValueError):  # none, or cut off in the middle
        return True
    return [(c.cell_type, c.source) for c in there.cells] != [(c["cell_type"], c["source"]) for c in notebook["cells"]]


def wheel(folder: Path) -> Path:
    """The course's package as a wheel. The folder that setuptools leaves behind goes: style checks would mind it."""
    left = [path for path in (ROOT / "build", ROOT / "course_utils.egg-info") if not path.exists()]
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*pip, str(ROOT)], check=True)
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return next(folder.glob("course_utils-*.whl"))


def main(argv: list[str] | None = None) -> int:
    """Write, or check, the notebooks of the named sources, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--again", action="store_true", help="execute all solutions: after a training, say")
    parser.add_argument("--package", type=Path, metavar="DIR")
    options = parser.parse_args(argv)
    stale = []
    with tempfile.TemporaryDirectory() as temporary:
        built = wheel(Path(temporary)) if options.package else None
        for path in options.sources or sorted(FOLDER.glob("[0-9][0-9]_*.py")):
            folder = options.package / path.stem if options.package else Path(temporary) / path.stem
            for name, notebook in generated(path.resolve(), folder, built).items():
                target = FOLDER / name
                solved = name.endswith("_solution.ipynb")
                if not unlike(target, notebook) and not (options.again and solved):
                    continue
                text = None if options.check else notebooks.lined(executed(notebook) if solved else notebook)
                if text is None or not target.exists() or target.read_text(encoding="utf-8") != text:
                    stale.append(name)
                if text is not None:
                    notebooks.replace(target, text)
    print(f"{', '.join(stale)}: {'not as the source says' if options.check else 'written'}" if stale else "up to date")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
