"""Does the course run on Colab? In environments built from Colab's published versions, or inside Colab's own image.

    python scripts/colab.py 3.13            # a fresh environment with that Python (and 3.11, 3.12: the oldest versions)
    python scripts/colab.py here            # this Python, as it is: for the public image of Colab

A kernel that believes it runs on Colab is given the course as an uploaded wheel and the set-up cell; then every
notebook is executed at the scale `critters`, and every page of solutions, whose checks must give all points. Checked
too: the set-up takes less than a minute, numpy, torch, ipython and ipywidgets are the ones from before, no cell raises.
The result goes into `notebooks/_colab.json`, for the status page. `--environment DIR` keeps what was installed for the
next time; `--notebooks NAME ...` runs these alone, and the status page says so.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ROOT / "scripts" / "colab_versions.json"
RESULT = ROOT / "notebooks" / "_colab.json"
KERNEL = ("ipykernel", "nbclient", "nbformat", "jupytext", "pip", "setuptools", "wheel", "pyyaml")
PROTECTED = ("numpy", "torch", "ipython", "ipywidgets")
SECONDS = 60
"""What the set-up cell may take."""
RUN = """
import json, sys
import jupytext, nbclient
notebook = jupytext.read(sys.argv[1])
nbclient.NotebookClient(notebook, timeout=3600, kernel_name="python3").execute()
shown = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
print(json.dumps([data[sys.argv[2]] for data in shown if sys.argv[2] in data]))
"""
CHECK = "application/vnd.course.check+json"


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess:
    """A command whose output is kept; a failure shows it."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command[:6]))} … failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done


def environment(version: str, folder: Path) -> Path:
    """An environment with that Python and Colab's versions (with the oldest supported ones: 3.11 and 3.12), fresh where
    there is none."""
    python, complete = folder / "bin" / "python", folder / ".complete"
    if complete.exists():
        return python
    base = shutil.which(f"python{version}")
    if base is None:
        sys.exit(f"no python{version} here: install it, or name another of {', '.join(published())}")
    run([base, "-m", "venv", "--clear", str(folder)])  # an earlier try may have been cut off
    pins = [f"{name}=={number}" for name, number in published()[version].items()]
    run([str(python), "-m", "pip", "install", "--quiet", *pins, *KERNEL])
    complete.touch()
    return python


def published() -> dict[str, dict[str, str]]:
    """Package versions by version of Python."""
    return json.loads(VERSIONS.read_text(encoding="utf-8"))["python"]


def wheel(python: Path, folder: Path) -> Path:
    """The course as a wheel, as one uploads it; nothing of an earlier one, and nothing left beside it."""
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    run([str(python), "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)])
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    return next(folder.glob("course_utils-*.whl"))


def pretence(folder: Path) -> dict[str, str]:
    """Makes a Python believe that it is a Colab kernel."""
    package = folder / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (folder / "sitecustomize.py").write_text("import google.colab\n", encoding="utf-8")
    quiet = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(folder)}
    return {**{k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "COURSE_SCALE")}, **quiet}


def versions(python: Path) -> dict[str, str]:
    """The packages of an environment."""
    listed = json.loads(run([str(python), "-m", "pip", "list", "--format", "json"]).stdout)
    return {row["name"].lower(): row["version"] for row in listed}


def executed(python: Path, source: Path, work: Path, settings: dict[str, str]) -> tuple[int, list[dict[str, Any]]]:
    """Seconds that one notebook takes, and what its checks said; a cell that raises ends everything, and is shown."""
    start = time.monotonic()
    done = run([str(python), "-c", RUN, str(source), CHECK], cwd=work, env=settings)
    return round(time.monotonic() - start), json.loads(done.stdout.splitlines()[-1])


def solved(python: Path, source: Path, work: Path, settings: dict[str, str]) -> int:
    """How many checks of a page of solutions gave all points; one that did not ends everything."""
    _, checks = executed(python, source, work, settings)
    if short := [check["message"] for check in checks if check["points"] != check["out_of"]]:
        sys.exit(f"{source.stem}: a check does not give all points: {short[0]}")
    return len(checks)


def tried(python: Path, work: Path, names: list[str]) -> dict[str, Any]:
    """Set up and run everything in the folder `work`, which plays Colab's `/content`."""
    sys.path.insert(0, str(ROOT / "scripts"))
    import first_cell

    settings, before = pretence(work / "colab"), versions(python)
    shutil.copy(wheel(python, work / "made"), work)
    (work / "setup.py").write_text(first_cell.cell(""), encoding="utf-8")
    start = time.monotonic()
    run([str(python), "setup.py"], cwd=work, env=settings)
    seconds, after = time.monotonic() - start, versions(python)
    changed = [name for name in PROTECTED if before.get(name) != after.get(name)]
    if changed:
        sys.exit(f"the set-up changed {', '.join(changed)}, which must stay as they are")
    if seconds > SECONDS:
        sys.exit(f"the set-up took {seconds:.0f} s; {SECONDS} s is the limit")
    folder = ROOT / "notebooks"
    every = sorted(folder.glob("[0-9][0-9]_*.py"))
    chosen = [folder / f"{name}.py" for name in names] or every
    checks = {page.stem.removesuffix("_solution"): solved(python, page, work, settings)
              for page in sorted(folder.glob("exercises/*_solution.ipynb"))}  # fmt: skip
    times = {source.stem: executed(python, source, work, settings)[0] for source in chosen}
    return {"tried": date.today().isoformat(), "setup_seconds": round(seconds), "seconds": times, "of": len(every),
            "checks": checks, "installed": sorted(set(after) - set(before)), "versions": {
                name: after[name] for name in ("torch", "diffusers", "transformers", *PROTECTED) if name in after}}


def main() -> None:
    """Try what was asked for and write the result beside the earlier ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", choices=["here", *published()])
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--notebooks", nargs="*", default=[], help="names, such as 00_refresher; all without")
    parser.add_argument("--environment", type=Path, help="where to install, or where that was done before")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "content").mkdir()
        if options.python == "here":
            python, version = Path(sys.executable), f"{sys.version_info[0]}.{sys.version_info[1]}, Colab's image"
            run([str(python), "-m", "pip", "install", "--quiet", "jupytext", "nbclient"])
        else:
            python, version = environment(options.python, options.environment or folder / "venv"), options.python
        result = tried(python, folder / "content", options.notebooks)
    known = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    written = json.dumps({**known, version: result}, indent=1, sort_keys=True)
    options.out.write_text(written + "\n", encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
