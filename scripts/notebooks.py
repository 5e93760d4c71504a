"""Execute the notebooks in place: every `notebooks/*.py` (jupytext percent) becomes an executed `.ipynb` beside it.

`python scripts/notebooks.py [notebooks/01_vae_compression.py ...]`. On the same machine a second run changes nothing,
byte for byte: what differs from run to run (timings, widget ids, addresses of objects, chunks of a stream) is made
regular, and what must not be in a committed output (errors, warnings, paths of this machine) leaves the notebook as it
was and is named with its cell. The set-up cell of `scripts/first_cell.py` is put in where it is missing or another's.
Notebooks run two at a time, one thread each: on two cores much sooner than one after the other with two threads.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import platform
import re
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import first_cell
import numpy as np
from PIL import Image, ImageFile
from zopfli.png import optimize

ROOT = Path(__file__).resolve().parent.parent
STATUS = "_status.json"
TIMEOUT = 600
PNG, JPEG = "image/png", "image/jpeg"
INVISIBLE = 255**2 / 10**3.85
"""The mean squared error of 38.5 dB."""
WORTHWHILE = 6
"""No palette that errs by more than so many times as much came below it by being improved; the best fell to a fifth."""
ImageFile.MAXBLOCK = 1 << 24  # else a large JPEG of much detail does not fit the encoder's buffer
WIDGETS = "application/vnd.jupyter.widget-state+json"
ADDRESS = re.compile(r"\b0x[0-9a-f]{8,16}\b")
PACKAGES = (
    "torch",
    "diffusers",
    "transformers",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "pillow",
    "matplotlib",
    "plotly",
    "ipywidgets",
    "jupyter-book",
)
PRIVATE = ("execution", "lines_to_next_cell", "lines_to_end_of_cell_marker")
QUIET = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1"}
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "name": "python",
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "pygments_lexer": "ipython3",
    },
}


class Debris(Exception):
    """An output that must not be committed; the message names notebook and cell."""


# ------------------------------------------------------------------------------------------------ making it regular


def named_widgets(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook with its widgets' random ids replaced by their number in order of creation."""
    state = notebook["metadata"].get("widgets", {}).get(WIDGETS, {}).get("state", {})
    text = json.dumps(notebook)
    for number, identity in enumerate(state):
        text = text.replace(identity, f"{number:032x}")
    return json.loads(text)


def merged_streams(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring pieces of the same stream joined: where the kernel cuts them is chance."""
    merged: list[dict[str, Any]] = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output["output_type"] == "stream" == last.get("output_type") and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            merged.append(dict(output))
    return merged


def masked(value: Any) -> Any:
    """Every text in a nested value with the addresses of objects replaced by `0x…`; encoded pictures are left alone."""
    if isinstance(value, str):
        return ADDRESS.sub("0x…", value)
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, dict):
        return {key: item if key.startswith("image/png") else masked(item) for key, item in value.items()}
    return value


def cell_ids(cells: list[dict[str, Any]]) -> list[str]:
    """Ids that follow from the text of each cell, so that editing one leaves the others'; twins are numbered."""
    seen: dict[str, int] = {}
    ids = []
    for cell in cells:
        name = hashlib.sha256(f"{cell['cell_type']}\0{cell['source']}".encode()).hexdigest()[:8]
        seen[name] = seen.get(name, 0) + 1
        ids.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return ids


def lighter(png: str, jpeg: bool = True) -> tuple[str, str]:
    """The kind and the base64 text of the lightest picture that nobody would tell from a base64 PNG: 38.5 dB apart or
    more.

    A palette of 256 colours takes two fifths of the bytes. A JPEG takes its place where it saves another fifth, as of
    photographs and noise, if `jpeg` allows; where neither will do, or there is a palette already, the PNG keeps its
    colours and is packed tightly. That takes longer than drawing the picture, so it is done here and not in the cell.
    """
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    if image.mode == "P":
        return PNG, tight(png)
    full = image.convert("RGB")
    few, photo = palette(full, passes=0), as_jpeg(full) if jpeg else None
    if photo and len(photo) < 0.8 * len(encoded(few, "PNG", optimize=True)):
        return JPEG, photo
    if distance(full, few) < WORTHWHILE * INVISIBLE:
        few = palette(full, passes=2)
    exact = encoded(few if alike(full, few) else full, "PNG", optimize=True)
    return (JPEG, photo) if photo and len(photo) < 0.8 * len(exact) else (PNG, tight(exact))


def tight(png: str) -> str:
    """The same PNG, pixel for pixel, in about a twelfth less. No filter helps a palette, so zopfli searches without: a
    second or two."""
    found = optimize(base64.b64decode(png), filter_strategies="0", num_iterations=2)
    return min(png, base64.b64encode(found).decode(), key=len)


def palette(full: Image.Image, passes: int) -> Image.Image:
    """In 256 colours, improved so many times: each takes seconds of a large photograph."""
    return full.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE, kmeans=passes)


def as_jpeg(full: Image.Image) -> str | None:
    """The coarsest JPEG that nobody would tell from a picture, as base64 text."""
    for quality in (75, 80, 85, 90):
        text = encoded(full, "JPEG", quality=quality, subsampling=0, optimize=True, progressive=True)
        if alike(full, Image.open(io.BytesIO(base64.b64decode(text)))):
            return text
    return None


def distance(one: Image.Image, two: Image.Image) -> float:
    """The mean squared error between two pictures."""
    return float(np.mean((np.asarray(one.convert("RGB"), float) - np.asarray(two.convert("RGB"), float)) ** 2))


def alike(one: Image.Image, two: Image.Image) -> bool:
    """Whether two pictures are 38.5 dB apart or more."""
    return distance(one, two) <= INVISIBLE


def encoded(image: Image.Image, kind: str, **options: Any) -> str:
    """A picture as base64 text."""
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def light(output: dict[str, Any], jpeg: bool = True) -> dict[str, Any]:
    """An output whose picture takes no more bytes than it needs; its description goes along."""
    data, metadata = output.get("data", {}), output.get("metadata", {})
    if PNG not in data:
        return output
    kind, picture = lighter("".join(data[PNG]), jpeg)
    return {
        **output,
        "data": {(kind if name == PNG else name): (picture if name == PNG else one) for name, one in data.items()},
        "metadata": {(kind if name == PNG else name): one for name, one in metadata.items()},
    }


def regular(notebook: dict[str, Any]) -> dict[str, Any]:
    """An executed notebook without anything that changes from run to run."""
    notebook = named_widgets(notebook)
    widgets = notebook["metadata"].get("widgets")
    notebook["metadata"] = {**METADATA, **({"widgets": widgets} if widgets else {})}
    for cell, identity in zip(notebook["cells"], cell_ids(notebook["cells"]), strict=True):
        cell["id"] = identity
        cell["metadata"] = {key: value for key, value in cell["metadata"].items() if key not in PRIVATE}
        if cell["cell_type"] == "code":
            jpeg = "front-page" not in cell["metadata"].get("tags", ())  # that page shows PNGs
            cell["outputs"] = [light(one, jpeg) for one in masked(merged_streams(cell["outputs"]))]
    return {**notebook, "nbformat": 4, "nbformat_minor": 5}


def lined(notebook: dict[str, Any]) -> str:
    """The notebook as text: sorted keys, texts split into lines, so that changes read well."""
    import nbformat

    split = nbformat.versions[4].rwbase.split_lines(nbformat.from_dict(notebook))
    return json.dumps(split, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


# ------------------------------------------------------------------------------------------ what must not be there


def local_paths() -> tuple[str, ...]:
    """Beginnings of paths that exist on this machine only."""
    home = str(Path.home()).rstrip("/")  # "/" itself, in some containers, is in every address
    return (str(ROOT), *[f"{home}/"] * bool(home), f"{sys.prefix}/", f"{tempfile.gettempdir()}/ipykernel_")


def complaint(cell: dict[str, Any]) -> str | None:
    """What is wrong with a cell's outputs, if anything."""
    for output in cell.get("outputs", []):
        if output["output_type"] == "error":
            return f"raised {output['ename']}: {output['evalue']}"
        if output.get("name") == "stderr":
            return f"wrote on stderr: {output['text'].strip()[:300]}"
    text = json.dumps(cell.get("outputs", []), ensure_ascii=False)
    found = next((path for path in local_paths() if path in text), None)
    return f"shows a path of this machine ({found})" if found else None


def check(notebook: dict[str, Any], name: str) -> None:
    """Raise `Debris` for the first output that must not be committed."""
    for number, cell in enumerate(notebook["cells"]):
        if wrong := complaint(cell):
            raise Debris(f"{name}, cell {number} {wrong}\n\n{cell['source'].strip()}")


# ------------------------------------------------------------------------------------------------ running


def quieten() -> None:
    """What a kernel of ours is to find: one thread, no hub, and no other scale than the committed one."""
    os.environ.update(QUIET)
    for name in ("COURSE_SCALE", "COURSE_CPU"):
        os.environ.pop(name, None)


def execute(source: Path) -> tuple[dict[str, Any], float]:
    """The notebook of a percent-format source, executed in its folder, and the seconds that took."""
    import jupytext
    from nbclient import NotebookClient

    quieten()
    notebook = jupytext.read(source)
    start = time.monotonic()
    NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        allow_errors=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(source.parent)}},
    ).execute()
    return json.loads(json.dumps(notebook)), time.monotonic() - start


def made(source: Path) -> tuple[str, float, int]:
    """The executed notebook of a source as text, the seconds that took, and how many cells of code it has."""
    notebook, seconds = execute(source)
    notebook = regular(notebook)
    check(notebook, source.name)
    return lined(notebook), seconds, sum(cell["cell_type"] == "code" for cell in notebook["cells"])


def run(sources: list[Path], jobs: int = 1) -> list[Debris]:
    """Execute and write them, so many at a time, those that took longest first; what of each must not be committed."""
    before = read_status(sources[0].parent)["notebooks"]
    longest = sorted(sources, key=lambda source: -before.get(source.stem, {}).get("seconds", TIMEOUT))
    found = []
    with ProcessPoolExecutor(jobs) as pool:
        running = {pool.submit(made, source): source for source in longest}
        for done in as_completed(running):
            try:
                written(running[done], *done.result(), jobs)
            except Debris as debris:
                found.append(debris)
            except Exception as error:  # a cell that took too long, a kernel that died: the others are written
                found.append(Debris(f"{running[done].name}: {type(error).__name__}: {error}"))
    return found


def replace(target: Path, text: str) -> None:
    """Write a file whole or not at all: killed half way, the same command goes on."""
    part = target.with_name(f".{target.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(target)


def written(source: Path, text: str, seconds: float, cells: int, jobs: int) -> None:
    """Write a notebook, if it changed, and tell."""
    target = source.with_suffix(".ipynb")
    changed = not target.exists() or target.read_text(encoding="utf-8") != text
    if changed:
        replace(target, text)
    note(source, seconds, cells, changed, jobs)
    print(f"{source.name}: {seconds:.0f} s, {'changed' if changed else 'as before'}", flush=True)


def installed(package: str) -> str | None:
    """A package's version without its local part, or None."""
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return None


def read_status(folder: Path) -> dict[str, Any]:
    """What stands in the status file, of notebooks that there are; nothing where it cannot be read."""
    try:
        status = dict(json.loads((folder / STATUS).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {"notebooks": {}}
    there = {name: facts for name, facts in status["notebooks"].items() if (folder / f"{name}.py").exists()}
    return {**status, "notebooks": there}


def note(source: Path, seconds: float, cells: int, changed: bool, jobs: int = 1) -> None:
    """Keep date and run time in the status file; a run that changed nothing keeps what stands there."""
    status = read_status(source.parent)
    versions = {"python": platform.python_version(), **{name: v for name in PACKAGES if (v := installed(name))}}
    if changed or source.stem not in status["notebooks"]:
        status["notebooks"][source.stem] = {"seconds": round(seconds), "cells": cells, "executed": str(date.today())}
        together = f", {jobs} notebooks at a time" if jobs > 1 else ""
        machine = f"{os.cpu_count()} cores ({platform.machine()}), one thread{together}"
        status |= {"machine": machine, "versions": versions}
    replace(source.parent / STATUS, json.dumps(status, indent=1, sort_keys=True) + "\n")


def main() -> int:
    """Execute the named sources, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--jobs", type=int, default=2, help="notebooks at a time; each takes up to 2 GB")
    arguments = parser.parse_args()
    sources = arguments.sources or sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
    ours = [source.resolve().with_suffix(".py") for source in sources]
    if lessons := [str(source) for source in ours if source.parent == ROOT / "notebooks"]:
        first_cell.main(lessons)
    found = run(ours, arguments.jobs)
    for debris in found:
        print(debris, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
