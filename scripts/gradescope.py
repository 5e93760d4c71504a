"""Grades with the packages of `make exercises` as Gradescope does, as far as that goes without its image.

    python scripts/gradescope.py dist/exercises [--exercises 01_vae_compression ...]

Each package is unpacked as `/autograder/source` in a sandbox without a network, a submission laid beside it, the
package's own `run_autograder` started, and `results.json` read: the solutions must get all points, the notebook as it
was handed out none, and one whose first answer is wrong all but that question's. What an image would hold is stood in
for: this Python with its packages (otter among them) for the environment that `setup.sh` installs, `mamba` for a shell
function that activates it. The course comes from the package's own wheel.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nbformat

from course_utils.grading.question import Question
from course_utils.grading.questions import exercises, questions
from course_utils.grading.scoring import isolation

FOLDER = Path(__file__).resolve().parent.parent / "notebooks" / "exercises"
MAMBA = """#!/bin/bash
echo 'mamba() {{ [ "$1 $2" = "activate otter-env" ] && export PATH="{bin}:$PATH" PYTHONPATH=/autograder/site; }}'
"""
SECONDS = 1200


def unpacked(package: Path, folder: Path) -> Path:
    """The folder that plays `/autograder`: the package, its wheel installed, a `mamba`, room for the rest."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder / "source")
    (wheel,) = (folder / "source" / "files").glob("course_utils-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    for name in ("submission", "results", "bin"):
        (folder / name).mkdir()
    mamba = folder / "bin" / "mamba"
    mamba.write_text(MAMBA.format(bin=Path(isolation.python()).parent))
    for path in (mamba, folder / "source" / "run_autograder"):
        path.chmod(0o755)
    return folder


def graded(autograder: Path, notebook: nbformat.NotebookNode) -> dict[str, float]:
    """Points by question that `results.json` gives this submission. Raises `RuntimeError` where there is none."""
    nbformat.write(notebook, autograder / "submission" / "submission.ipynb")
    results = autograder / "results" / "results.json"
    results.unlink(missing_ok=True)
    done = subprocess.run(room(autograder), capture_output=True, text=True, timeout=SECONDS)
    if not results.exists():
        raise RuntimeError(f"run_autograder ended with {done.returncode}: {(done.stdout + done.stderr)[-3000:]}")
    found: dict[str, float] = {}
    for test in json.loads(results.read_text())["tests"]:
        if test["name"].split()[0] in ("Autograder", "Public"):  # a note to the student, no test
            continue
        name = test["name"].split()[0].rstrip(":-")
        found[name] = found.get(name, 0) + test["score"]
    return found


def programs(autograder: Path) -> Path:
    """The folder of the image in which the package's own `run_autograder` looks for programs first."""
    script = (autograder / "source" / "run_autograder").read_text()
    found = re.search(r"PATH=([^:\s]+):", script)
    if not found:
        raise RuntimeError("the package's run_autograder sets no PATH: this otter lays its image out in another way")
    return Path(found[1])


def room(autograder: Path) -> list[str]:
    """`/autograder/run_autograder` in a sandbox that has the system, this Python and that folder, and no network."""
    bin_ = programs(autograder)
    home = str(bin_.parents[1])
    return [
        *("bwrap", "--unshare-all", "--die-with-parent", "--clearenv", "--setenv", "HOME", home),
        *("--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LANG", "C.UTF-8", "--setenv", "OMP_NUM_THREADS", "1"),
        *("--tmpfs", home, "--ro-bind", str(autograder / "bin"), str(bin_)),
        *isolation.system(),
        *("--ro-bind-try", "/etc/hosts", "/etc/hosts", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
        *("--bind", str(autograder), "/autograder", "--chdir", "/autograder", "/autograder/source/run_autograder"),
    ]


def handed_in(exercise: str, asked: list[Question]) -> dict[str, tuple[nbformat.NotebookNode, dict[str, float]]]:
    """Submissions by kind, each with the points that it deserves."""
    every = {question.id: float(question.points) for question in asked}
    wrong = read(f"{exercise}_solution")
    wrong.cells.append(nbformat.v4.new_code_cell(f"{asked[0].answer} = lambda **given: 0"))
    return {
        "the solutions": (read(f"{exercise}_solution"), every),
        "as it was handed out": (read(exercise), dict.fromkeys(every, 0.0)),
        "the first answer wrong": (wrong, {**every, asked[0].id: 0.0}),
    }


def read(name: str) -> nbformat.NotebookNode:
    """A notebook of the exercises."""
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def main() -> int:
    """Grade with each package; the exit status is 1 where one gives other points than deserved."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path)
    parser.add_argument("--exercises", nargs="*", default=list(exercises()))
    options, failed = parser.parse_args(), False
    isolation.require()
    for exercise in options.exercises:
        (package,) = (options.packages / exercise / "autograder").glob("*.zip")
        with tempfile.TemporaryDirectory() as folder:
            autograder = unpacked(package, Path(folder))
            for kind, (notebook, deserved) in handed_in(exercise, list(questions(exercise).values())).items():
                found = graded(autograder, notebook)
                failed |= found != deserved
                print(f"{exercise}, {kind}: {found}" + ("" if found == deserved else f", but deserves {deserved}"))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
