"""What a notebook's first cell does on Colab: install what is missing, choose the scale. Elsewhere it does nothing.

Colab brings most of what the course needs, in versions that belong together. So only what is missing is installed, each
package that is there stays exactly as it is, and four are never touched: a new numpy, torch, ipython or ipywidgets
forces a restart or breaks Colab's own front end. Standard library alone: this runs before anything else is there.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path

NEVER = ("numpy", "torch", "ipython", "ipywidgets")
"""Packages that stay whatever happens."""


class StartError(RuntimeError):
    """The runtime cannot be made to run the course; the message says what can be done."""


def on_colab() -> bool:
    """Whether this process is a Colab kernel."""
    return importlib.util.find_spec("google") is not None and importlib.util.find_spec("google.colab") is not None


def start(scale: str = "critters") -> None:
    """Make this Colab runtime ready: packages, then the scale as `COURSE_SCALE`. Outside of Colab: nothing.

    Raises `StartError` if a package cannot be installed, or one that is never touched is too old.
    """
    if not on_colab():
        return
    install(needed(requires("course_utils") or []))
    os.environ["COURSE_SCALE"] = scale


def parts(requirement: str) -> tuple[str, tuple[int, ...]]:
    """Name and least version of a requirement: `"diffusers>=0.39"` is `("diffusers", (0, 39))`."""
    name, _, least = requirement.partition(";")[0].partition(">=")
    return name.strip(), numbers(least)


def numbers(text: str) -> tuple[int, ...]:
    """A version's leading numbers: `"2.11.0+cu128"` is `(2, 11, 0)`."""
    found = re.match(r"\s*(\d+(?:\.\d+)*)", text)
    return tuple(map(int, found[1].split("."))) if found else ()


def installed(name: str) -> tuple[int, ...]:
    """Version of a package that is here, or `()`."""
    try:
        return numbers(version(name))
    except PackageNotFoundError:
        return ()


def needed(requirements: list[str]) -> list[str]:
    """Those requirements that this runtime does not meet.

    Raises `StartError` when one of them is never touched: then the runtime is the wrong one.
    """
    unmet = [text for text in requirements if "extra ==" not in text and not met(*parts(text))]
    if fixed := [text for text in unmet if parts(text)[0] in NEVER]:
        raise StartError(f"this runtime is too old for the course, which needs {', '.join(fixed)}: choose Runtime,"
                         " Change runtime type, and the newest runtime version")
    return unmet


def met(name: str, least: tuple[int, ...]) -> bool:
    """Whether a package is here and not older than that."""
    here = installed(name)
    return bool(here) and here >= least


def kept(leaving: list[str]) -> list[str]:
    """Every package of this runtime, pinned as it is, save those that must be renewed."""
    moving = {spelled(parts(text)[0]) for text in leaving}
    here = {spelled(found.metadata["Name"] or ""): found.version for found in distributions()}
    return [f"{name}=={number}" for name, number in sorted(here.items()) if name and name not in moving]


def spelled(name: str) -> str:
    """A project's name in one spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()


def install(requirements: list[str]) -> None:
    """Install these and what they need in turn, and change nothing else. Raises `StartError` with pip's last words."""
    if not requirements:
        return
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "kept.txt"
        pins.write_text("\n".join(kept(requirements)) + "\n", encoding="utf-8")
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(pins),
                               *requirements], capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["pip said nothing"]
        raise StartError(f"{', '.join(requirements)} cannot be installed beside what Colab brings ({said[-1]}): choose"
                         " Runtime, Disconnect and delete runtime, and run this cell again")
    importlib.invalidate_caches()
