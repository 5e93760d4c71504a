"""Make the course's virtual environment: `python3 scripts/bootstrap.py book` for readers, `all` for everything.

Runs on the system's Python with nothing but the standard library. What it has finished is written into a stamp inside
the environment, so a second call returns at once; after an interruption, the same call goes on where it stopped.
TORCH_INDEX, if set, is the package index that torch alone comes from (PyTorch's CPU builds have their own).
"""

from __future__ import annotations  # so that a Python too old for the course can still read this, and say so

import argparse
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)
PINS = ROOT / "constraints.txt"
TORCH_FROM = ".torch-from"
PARTS = {
    "book": ["requirements-book.txt"],
    "all": ["requirements.txt", "requirements-book.txt", "requirements-test.txt"],
}


class Problem(Exception):
    """Something the reader can put right; the message says how."""


def suitable(version: tuple[int, int]) -> bool:
    """Whether the course runs on this Python."""
    return OLDEST <= version <= NEWEST


def another_python() -> str | None:
    """The newest suitable interpreter on the path under its full name, if there is one."""
    names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    return next((name for name in names if shutil.which(name) and answers(name, "-c", "")), None)


def answers(*command: str | Path) -> bool:
    """Whether a command runs at all: a version manager's stand-in, or half an environment, may not."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def check_python(version: tuple[int, int], other: str | None) -> None:
    """Refuse a Python that is too old or too new, and name the way out."""
    if suitable(version):
        return
    found = f"This is Python {version[0]}.{version[1]}; the course needs 3.{OLDEST[1]} to 3.{NEWEST[1]}."
    if other:
        raise Problem(f"{found} There is one on this machine:  make read PYTHON={other}")
    raise Problem(
        f"{found} On Debian or Ubuntu:  sudo apt install python3.12 python3.12-venv  then  make read PYTHON=python3.12"
    )


def check_venv(version: tuple[int, int], has=importlib.util.find_spec) -> None:
    """Debian ships `venv` and `ensurepip` in a package of their own: say which."""
    missing = [name for name in ("venv", "ensurepip") if has(name) is None]
    if missing:
        raise Problem(
            f"Python's {' and '.join(missing)} is missing. On Debian or Ubuntu:  "
            f"sudo apt install python{version[0]}.{version[1]}-venv  and run the same command again."
        )


def python_of(venv: Path) -> Path:
    """The environment's interpreter."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def usable(venv: Path) -> bool:
    """Whether the environment's interpreter starts and has pip; after an interrupted creation it does not."""
    return answers(python_of(venv), "-m", "pip", "--version")


def moved(venv: Path) -> bool:
    """Whether the environment was made at another place: its programs would begin with a path that is gone."""
    config = venv / "pyvenv.cfg"
    made = re.search(r"^command = .* -m venv (?:--\S+ )*(.+)$", config.read_text(), re.M) if config.exists() else None
    return made is not None and Path(made[1]).resolve() != venv


def create(venv: Path) -> None:
    """Create the environment, complete one whose creation was interrupted, or replace one that was moved here."""
    print(f"Creating {venv.name} with {sys.executable}", flush=True)
    result = subprocess.run([sys.executable, "-m", "venv", *["--clear"] * moved(venv), str(venv)])
    if result.returncode:
        raise Problem(f"Could not create {venv}. Remove that folder and run the same command again.")


def fingerprint(part: str, venv: Path) -> str:
    """What the installed state depends on: the pins, the place of the environment and its Python."""
    files = [*(ROOT / name for name in PARTS[part]), PINS]
    texts = [file.read_text() for file in files]
    if part == "all":
        texts.append((ROOT / "pyproject.toml").read_text())
    config = venv / "pyvenv.cfg"
    texts += [str(venv), config.read_text() if config.exists() else ""]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def stamp(part: str, venv: Path) -> Path:
    """The file that says that a part is installed."""
    return venv / f".installed-{part}"


def installed(part: str, venv: Path) -> bool:
    """Whether a part is installed as the pins say now; everything includes the book."""
    parts = ["book", "all"] if part == "book" else ["all"]
    return any(stamp(p, venv).exists() and stamp(p, venv).read_text() == fingerprint(p, venv) for p in parts)


def clear_half_installed(venv: Path) -> None:
    """Forget packages whose installation was cut off: pip would take them for complete.

    It writes INSTALLER after programs and compiled files, and RECORD, first copied early, once more behind that.
    """
    for info in venv.glob("lib*/python*/site-packages/*.dist-info"):
        if not all((info / name).exists() for name in ("INSTALLER", "RECORD")):
            shutil.rmtree(info, ignore_errors=True)


def other_torch(venv: Path) -> str | None:
    """The index that torch is wanted from, if that is not where it came from."""
    wanted, source = os.environ.get("TORCH_INDEX"), venv / TORCH_FROM
    return None if not wanted or (source.exists() and source.read_text() == wanted) else wanted


def pip(venv: Path, *arguments: str) -> None:
    """Run the environment's pip, quietly, with the pins."""
    command = [
        str(python_of(venv)),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-warn-script-location",
        "-c",
        str(PINS),
        *arguments,
    ]
    if subprocess.run(command, cwd=ROOT).returncode:
        raise Problem("Installing stopped (see above). Check the network and run the same command again: it goes on.")


def install(part: str, venv: Path) -> None:
    """Install one part and leave its stamp."""
    print(
        {
            "book": "Installing what the book needs (about a minute, once)",
            "all": "Installing the whole course, torch included (a few minutes, once)",
        }[part],
        flush=True,
    )
    clear_half_installed(venv)
    for name in PARTS:  # what is installed now may be older or newer than another part's stamp says
        stamp(name, venv).unlink(missing_ok=True)
    if part == "all" and (index := other_torch(venv)):  # what torch needs comes from where everything comes from
        pip(venv, "--no-deps", "--force-reinstall", "torch", "--index-url", index)
        (venv / TORCH_FROM).write_text(index)
    pip(venv, *(word for name in PARTS[part] for word in ("-r", name)))
    if part == "all":
        pip(venv, "--no-deps", "--no-build-isolation", "--editable", ".")
    stamp(part, venv).write_text(fingerprint(part, venv))


@contextmanager
def alone(venv: Path):
    """Wait until no other call works on the environment: two would spoil each other's."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(venv.with_name(f"{venv.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def bootstrap(part: str, venv: Path) -> None:
    """Bring the environment to the state that `part` needs."""
    ready = usable(venv) and not moved(venv)
    if ready and installed(part, venv) and not (part == "all" and other_torch(venv)):
        return
    version = (sys.version_info.major, sys.version_info.minor)
    if not ready:
        check_python(version, another_python())
        check_venv(version)
        create(venv)
    install(part, venv)


def main() -> int:
    """Read the command line; a problem is one readable line and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    arguments = parser.parse_args()
    try:
        with alone(arguments.venv.resolve()):
            bootstrap(arguments.part, arguments.venv.resolve())
    except Problem as problem:
        print(f"\n{problem}\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
