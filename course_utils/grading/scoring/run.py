"""One submission through the sandbox: its code and its inputs go in, packed values come out."""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_utils.grading.judging import cases_of
from course_utils.grading.question import Question
from course_utils.grading.running import PATIENCE
from course_utils.grading.scoring.frames import frames, seconds, troubles
from course_utils.grading.scoring.isolation import (
    COURSE,
    PACKAGE,
    Limits,
    environment,
    guest_files,
    python,
    sandbox,
    seccomp_file,
)
from course_utils.grading.values import LIMIT, Unfit, pack

MOST = 3 * LIMIT  # bytes from one submission
BROKEN = "what it wrote could not be read to its end"


@dataclass
class Outcome:
    """What came out: a packed value for each question, by id; what went wrong; how long it took by the clock and, as
    the guest says, in computing."""

    answers: dict[str, bytes] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    seconds: float = 0.0
    computed: float = 0.0


def run(
    cells: Sequence[str],
    questions: Sequence[Question],
    seed: int,
    limits: Limits,
    hidden: Sequence[Path] = (),
    isolated: bool = True,
) -> Outcome:
    """Run a notebook's cells and ask it the questions; whatever it does, this returns."""
    cpu = limits.start + limits.seconds + sum(question.seconds for question in questions)
    try:
        request = pack(_request(cells, questions, seed, limits, cpu))
    except Unfit as error:
        return Outcome(troubles=[f"the notebook is {error}"])
    start = time.monotonic()
    with _process(request, limits, hidden, isolated) as process:
        data, ended = _read(process, time.monotonic() + PATIENCE * cpu)
    outcome = _outcome(data, [question.id for question in questions])
    outcome.seconds = time.monotonic() - start
    if ended or process.returncode:
        outcome.troubles.append(ended or _reason(process.returncode))
    return outcome


def _request(
    cells: Sequence[str], questions: Sequence[Question], seed: int, limits: Limits, cpu: float
) -> dict[str, Any]:
    asked = [
        {
            "id": question.id,
            "answer": question.answer,
            "cases": cases_of(question, seed),
            "seed": _noise_seed(seed),
            "framework": question.framework,
            "seconds": question.seconds,
        }
        for question in questions
    ]
    limited = {"seconds": limits.seconds, "memory": limits.memory, "file": limits.file, "cpu": cpu}
    return {"cells": [cell.encode("utf-8", "replace") for cell in cells], "questions": asked, **limited}


def _noise_seed(seed: int) -> int:
    """The seed for what an answer itself draws; the secret one does not follow from it."""
    return int.from_bytes(hashlib.sha256(f"noise {seed}".encode()).digest()[:4], "big") // 2


ALONE = ("-s", "-P", "-B")
"""Nothing of the user's and nothing beside the script; not `-I`, which would also ignore the fixed order of hashes."""


@contextlib.contextmanager
def _process(request: bytes, limits: Limits, hidden: Sequence[Path], isolated: bool) -> Iterator[subprocess.Popen]:  # type: ignore[type-arg]
    """The guest, started on the request; killed with everything in its sandbox when the block ends."""
    with contextlib.ExitStack() as stack:
        asked = stack.enter_context(tempfile.TemporaryFile())
        asked.write(request)
        asked.seek(0)
        arguments: dict[str, Any] = {"stdin": asked, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        guest = ["course_utils/grading/guest.py"]
        if isolated:
            refused = stack.enter_context(seccomp_file())
            command = [*sandbox(limits, refused.fileno(), hidden), python(), *ALONE, f"{COURSE}/{guest[0]}", COURSE]
            arguments |= {"pass_fds": [refused.fileno()]}
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            _lay_out(Path(folder))
            command = [python(), *ALONE, f"{folder}/{guest[0]}", folder]
            arguments |= {"cwd": folder, "env": {**environment(), "HOME": folder}}
        process = subprocess.Popen(command, start_new_session=True, **arguments)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()  # type: ignore[union-attr]


def _lay_out(folder: Path) -> None:
    """The course as a guest sees it, for a run without a sandbox."""
    inside = folder / "course_utils" / "grading"
    inside.mkdir(parents=True)
    for path in PACKAGE.iterdir():
        if path.name not in ("grading", "__pycache__"):
            (folder / "course_utils" / path.name).symlink_to(path)
    for outside, name in guest_files():
        shutil.copy(outside, inside / name)


def _read(process: subprocess.Popen, deadline: float) -> tuple[bytes, str]:  # type: ignore[type-arg]
    """What the process writes until it ends, up to `MOST` bytes and the deadline; and why reading stopped, if early."""
    pipe = process.stdout
    assert pipe is not None
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while size <= MOST:
            if not selector.select(max(deadline - time.monotonic(), 0)):
                return b"".join(parts), "it ran too long and was stopped"
            part = os.read(pipe.fileno(), 2**20)
            if not part:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=10)
                return b"".join(parts), ""
            parts.append(part)
            size += len(part)
    return b"".join(parts), "it answered more than fits and was stopped"


def _outcome(data: bytes, ids: Sequence[str]) -> Outcome:
    """The frames in what was written; what is broken ends the reading, and what came before it counts."""
    outcome = Outcome()
    try:
        for name, content in frames(data, ["", "computed", *ids]):
            if name == "":
                outcome.troubles = troubles(content)
            elif name == "computed":
                outcome.computed = seconds(content)
            else:
                outcome.answers[name] = content  # packed: the judge alone, in a process with limits, unpacks it
    except Unfit:
        outcome.troubles.append(BROKEN)
    return outcome


def _reason(code: int) -> str:
    """Why the guest ended early."""
    known = {
        137: "it was killed (too much memory or time)",
        152: "it computed too long",
        153: "it wrote too large a file",
    }
    return known.get(code if code > 0 else 128 - code, f"it ended early (status {code})")
