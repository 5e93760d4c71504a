"""What runs inside the sandbox: the cells of a notebook, then each answer on the inputs that came from outside.

Reads one packed request from standard input and writes frames to standard output: a line of JSON with a name and a
length, then so many bytes. A question's id names its packed answers, "" what went wrong in the cells and "computed" the
seconds, both as JSON: the scorer reads those two itself. What a submission prints goes nowhere. Nothing written here is
believed: whoever tampers with this process changes their own outputs, and what is right is known only elsewhere.
"""

from __future__ import annotations

import json
import linecache
import os
import resource
import sys
import time
import types
from typing import Any


class Shell:
    """Stands in for IPython: magics and shell commands do nothing, those that only measure run their cell."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.user_ns = namespace

    def run_line_magic(self, name: str, line: str, **_: Any) -> None:
        """`%pip install ...` and the like: nothing; `%time x = f()` runs its line."""
        if name == "time":
            exec(compile(line, "<time>", "exec", dont_inherit=True), self.user_ns)

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """`%%time` and `%%capture` run what they hold."""
        if name in ("time", "timeit", "capture"):
            exec(compile(cell, f"<{name}>", "exec", dont_inherit=True), self.user_ns)

    def system(self, command: str) -> None:
        """`!command`: nothing."""

    def getoutput(self, command: str, **_: Any) -> list[str]:
        """`x = !command`: no lines."""
        return []

    def __getattr__(self, name: str) -> Any:
        """Everything else of a shell: a function that does nothing."""
        return lambda *_, **__: None


def limit(request: dict[str, Any]) -> None:
    """Hard limits on this process, which it cannot raise again."""
    megabyte = 2**20
    for kind, value in (
        (resource.RLIMIT_AS, request["memory"] * megabyte),
        (resource.RLIMIT_FSIZE, request["file"] * megabyte),
        (resource.RLIMIT_CPU, int(request["cpu"]) + 1),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def run_cells(cells: list[str], seconds: float, namespace: dict[str, Any]) -> list[str]:
    """Run the cells in order; what went wrong, a short line for each cell that failed. The others still count."""
    from IPython.core.inputtransformer2 import TransformerManager

    from course_utils.grading.running import Late, seed_everything, time_limit

    seed_everything(0)
    troubles: list[str] = []
    try:
        with time_limit(seconds):
            for number, cell in enumerate(cells, 1):
                if trouble := _cell(cell, f"<cell {number}>", namespace, TransformerManager()):
                    troubles.append(f"cell {number} raised {trouble}")
    except Late:
        troubles.append(f"its cells took longer than {seconds:g} seconds and were stopped")
    return [trouble[:300] for trouble in troubles[:20]]


def _cell(cell: str, name: str, namespace: dict[str, Any], transformer: Any) -> str | None:
    try:
        source = transformer.transform_cell(cell)
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        exec(compile(source, name, "exec", dont_inherit=True), namespace)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    except (SystemExit, KeyboardInterrupt) as error:
        return type(error).__name__
    return None


def main() -> None:
    """Serve the one request."""
    from course_utils.grading.running import answers
    from course_utils.grading.values import pack, unpack

    request = unpack(sys.stdin.buffer.read())
    out = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    limit(request)

    def send(name: str, content: bytes) -> None:
        out.write(json.dumps([name, len(content)]).encode() + b"\n" + content)
        out.flush()

    notebook = types.ModuleType("__main__")
    namespace = notebook.__dict__
    shell = Shell(namespace)
    namespace |= {"get_ipython": lambda: shell, "display": lambda *_, **__: None}
    sys.modules["__main__"] = notebook
    cells = [cell.decode() for cell in request["cells"]]
    send("", json.dumps(run_cells(cells, request["seconds"], namespace)).encode())
    for question in request["questions"]:
        given = (question["answer"], question["cases"], namespace, question["seed"], question["framework"])
        send(question["id"], pack(answers(*given, question["seconds"])))
    send("computed", json.dumps(time.process_time()).encode())
    os._exit(0)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    main()
