"""The sandbox of a submission: namespaces of its own for users, processes, network, mounts, and a home that vanishes.

Bubblewrap builds it. Visible are, read-only, the system's libraries, the Python environment and the course without its
questions; writable are a home and a temporary folder in memory, of limited size. There is no network and nothing of
other submissions, of scores, or of the judge.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from course_utils.grading.scoring import seccomp

PACKAGE = Path(__file__).resolve().parents[2]
GRADING = PACKAGE / "grading"
VISIBLE = ("values.py", "givens.py", "toys.py", "running.py")  # of course_utils.grading, inside
HOME = "/home/student"
COURSE = "/course"
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64")
_PROC = ("cpuinfo", "meminfo", "version", "filesystems")
_ETC = ("ld.so.cache", "localtime", "fonts", "alternatives")


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds of computing for its cells, memory in MB, disk in MB, files in MB, and
    seconds for Python and torch to start."""

    seconds: float = 60
    memory: int = 6_000
    disk: int = 256
    file: int = 128
    start: float = 30


class NoIsolation(RuntimeError):
    """This system cannot isolate submissions; the message says why and what to do."""


@lru_cache(maxsize=1)
def require() -> None:
    """Raise `NoIsolation` unless a sandbox with everything it needs can be made here; tried, not guessed."""
    if shutil.which("bwrap") is None:
        raise NoIsolation("bubblewrap is missing: `apt install bubblewrap` (Linux; elsewhere score inside a container)")
    if not seccomp.known():
        raise NoIsolation(f"no filter of system calls for this kind of machine ({os.uname().machine})")
    with seccomp_file() as refused:
        command = [*sandbox(Limits(), refused.fileno()), python(), "-I", "-S", "-c", ""]
        done = subprocess.run(command, pass_fds=[refused.fileno()], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise NoIsolation(f"bubblewrap cannot make a sandbox here: {done.stderr.strip()[-300:]}")


def seccomp_file() -> tempfile._TemporaryFileWrapper:  # type: ignore[type-arg]
    """An open file that holds the filter of system calls."""
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115
    file.write(seccomp.program())
    file.flush()
    file.seek(0)
    return file


def python() -> str:
    """The interpreter, by a path that is the same inside."""
    return os.path.join(os.path.realpath(sys.prefix), "bin", "python")


def sandbox(limits: Limits, refused: int, hidden: Sequence[Path] = ()) -> list[str]:
    """The bubblewrap command, up to the program to run. `refused` is the file descriptor of the filter; `hidden` are
    folders that stay unseen even where they lie within something visible."""
    return [
        "bwrap",
        *("--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--uid", "1000", "--gid", "1000", "--hostname", "exercise", "--clearenv"),
        *(word for name, value in environment().items() for word in ("--setenv", name, value)),
        *_memory("/tmp", limits.disk),
        *system(),
        *_facts(),
        *("--dev", "/dev"),
        *_memory("/dev/shm", limits.disk),
        *("--remount-ro", "/dev"),  # itself a folder in memory, of no limited size; /dev/shm stays writable
        *_memory(HOME, limits.disk),
        *_course(),
        *_hiding([*hidden, *_solutions()]),
        *("--remount-ro", "/", "--chdir", HOME, "--seccomp", str(refused), "--"),
    ]


def environment() -> dict[str, str]:
    """The environment inside: one thread, no hub, no screen."""
    return {
        "HOME": HOME,
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        "MPLBACKEND": "agg",
        "PYTHONHASHSEED": "0",
    }


def _memory(folder: str, megabytes: int) -> list[str]:
    """A writable folder of limited size, in memory."""
    return ["--size", str(megabytes * 2**20), "--tmpfs", folder]


def system() -> list[str]:
    """The system and the Python environment, read-only."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in _LINKS:
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    for name in _ETC:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for folder in _prefixes():
        words += ["--ro-bind", folder, folder]
    return words


def _facts() -> list[str]:
    """Of /proc only what describes the machine: a scorer that runs as root would own the kernel's settings in there."""
    return [word for name in _PROC for word in ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}")]


def _prefixes() -> list[str]:
    """Where Python lies, outside of /usr."""
    folders = {os.path.realpath(prefix) for prefix in (sys.prefix, sys.base_prefix)}
    return sorted(folder for folder in folders if not folder.startswith("/usr/") and folder != "/usr")


def _course() -> list[str]:
    """The course's package without its questions; in their place a `check` that does nothing, and the guest."""
    inside = f"{COURSE}/course_utils/grading"
    words = ["--ro-bind", str(PACKAGE), f"{COURSE}/course_utils", "--size", "1048576", "--tmpfs", inside]
    for outside, name in guest_files():
        words += ["--ro-bind", str(outside), f"{inside}/{name}"]
    return [*words, "--remount-ro", inside]


def guest_files() -> list[tuple[Path, str]]:
    """The files of `course_utils.grading` that exist inside, with their names there."""
    here = GRADING / "scoring"
    kept = [(GRADING / name, name) for name in VISIBLE]
    return [*kept, (here / "guest.py", "guest.py"), (here / "guest_package.py", "__init__.py")]


def _solutions() -> list[Path]:
    """Where questions and solutions lie: beside this package, and in a copy that was installed."""
    copies = {PACKAGE, Path(sysconfig.get_paths()["purelib"]).resolve() / "course_utils"}
    return [
        folder for copy in copies for folder in (copy / "grading", copy.parent / "notebooks", copy.parent / "tests")
    ]


def _hiding(folders: Sequence[Path]) -> list[str]:
    """Empty folders over those that something visible contains."""
    visible = ["/usr", *_prefixes()]
    seen = sorted({str(folder.resolve()) for folder in folders if folder.is_dir()})
    within = [folder for folder in seen if any(Path(folder).is_relative_to(place) for place in visible)]
    return [word for folder in within for word in ("--tmpfs", folder, "--remount-ro", folder)]
