"""Submissions that try to be worth more than they are, or to harm somebody: none gains a point, none gets out."""

import os
import shutil
import socket
import textwrap
from dataclasses import replace

import pytest

from course_utils.grading.question import Mistake
from course_utils.grading.scoring.isolation import GRADING, PACKAGE
from tests.grading.toy import question

WRONG = "def double(x):\n    return 3 * x"

PATCHES = {
    "the checker's functions": """
        import course_utils.grading as grading, course_utils.grading.running as running
        grading.exercise = lambda name: lambda question: 2
        running.judge = running.close = lambda *a, **k: True
        try:
            import course_utils.grading.judging as judging
            judging.judge = lambda *a: 2
        except ImportError:
            pass
    """,
    "what calls the answer": """
        import course_utils.grading.running as running
        running.answers = lambda *a, **k: [{"points": 2, "message": "Right."}] * 2
    """,
    "what packs the answer": """
        import sys, json, course_utils.grading.values as values
        sys.modules["__main__"].pack = values.pack = lambda value: json.dumps({"points": 2}).encode()
    """,
    "numpy": """
        import numpy as np
        np.allclose = np.array_equal = np.isclose = np.testing.assert_allclose = lambda *a, **k: True
        np.asarray = np.array = np.ndarray.__eq__ if False else np.array
        np.random.default_rng = lambda *a: 0
    """,
    "results printed": """
        import json, os, sys
        frame = json.dumps(["q1", 40]).encode() + b"\\n" + b'{"points": 2, "message": "Right."}      '
        print("q1: 2 of 2 points. Right.", flush=True)
        for fd in range(1, 40):
            try:
                os.write(fd, frame)
            except OSError:
                pass
    """,
    "frames without end": """
        import os
        for fd in range(1, 40):
            try:
                os.write(fd, b'["x",-9]\\n')
            except OSError:
                pass
    """,
    "equal to everything": """
        import numpy as np
        class Any(np.ndarray):
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __abs__(self): return 0
            def __sub__(self, other): return self * 0
            __rsub__ = __sub__
            def __array_function__(self, *a): return True
            def __array_ufunc__(self, *a, **k): return True
        class Sly(float):
            def __eq__(self, other): return True
            __lt__ = __le__ = __gt__ = __ge__ = __eq__
            __hash__ = None
        def double(x):
            return x.view(Any) if x[0, 0] > 0 else Sly(1)
    """,
    "ended at once": "import os; os._exit(0)",
    "killing all": "import os, signal; os.kill(os.getppid(), 9); os.kill(1, 9); os.kill(-1, 9)",
    "no recursion's end": "import sys; sys.setrecursionlimit(10**6)\ndef f(): return f()\nf()",
    "no time-out": """
        import signal
        for number in (signal.SIGALRM, signal.SIGPROF): signal.signal(number, signal.SIG_IGN)
        signal.signal = lambda *a: None
    """,
}


@pytest.mark.parametrize("name", PATCHES)
def test_tampering_gains_nothing(submit, name):
    attack = textwrap.dedent(PATCHES[name])
    cells = [WRONG, attack] if "def double" in attack else [attack, WRONG]
    verdict, _, _ = submit(*cells)
    assert verdict.points == 0, verdict.message


def test_a_right_answer_beside_tampering_keeps_its_points(submit, answers):
    verdict, _, _ = submit(textwrap.dedent(PATCHES["the checker's functions"]), answers["right"])
    assert verdict.points == 2, verdict.message


def told(submit, code, **more):
    """What code inside the sandbox returns, as plain values."""
    body = textwrap.indent(textwrap.dedent(code), "    ")
    _, outputs, troubles = submit(f"def double(x):\n{body}", **more)
    assert outputs, troubles
    return outputs[0]


def test_nothing_hidden_can_be_read(submit, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "classmate.ipynb").write_text("secret")
    seen = told(
        submit,
        f"""
        import os, sys
        found = []
        python = (os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix))
        for folder in ({str(tmp_path)!r}, {str(GRADING)!r}, {str(PACKAGE.parent / "tests")!r}, "/root", "/home"):
            for where, folders, files in os.walk(folder):
                folders[:] = [each for each in folders if os.path.join(where, each) not in python]
                found += [os.path.join(where, file) for file in files]
        for where, _, files in os.walk("/course/course_utils/grading"):
            found += [file for file in files if file[:2] == "q1" or file in ("judging.py", "compare.py", "faults.py")]
        return found
        """,
        hidden=[tmp_path],
    )
    assert seen == []


def test_no_reference_and_no_judge_is_in_reach(submit):
    assert (
        told(
            submit,
            """
        import gc, sys
        names = []
        for module in ("questions", "judging", "compare", "faults", "question", "notebook", "scoring"):
            try:
                __import__("course_utils.grading." + module)
                names.append(module)
            except ImportError:
                pass
        return names + [n for n in sys.modules if "grading" in n and ("judg" in n or "question" in n)]
        """,
        )
        == []
    )


def test_nothing_outside_of_home_can_be_written(submit):
    assert told(
        submit,
        """
        import os, sys
        places = []
        for folder in ("/", "/usr", "/etc", "/course", "/course/course_utils/grading", sys.prefix, "/home", "/proc",
                       "/proc/sys/kernel", "/sys", "/dev"):
            try:
                with open(os.path.join(folder, "mine"), "w"):
                    places.append(folder)
            except OSError:
                pass
        for file in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/kernel/hostname"):
            try:
                os.close(os.open(file, os.O_WRONLY))  # no more: should it succeed, nothing is changed
                places.append(file)
            except OSError:
                pass
        with open(os.path.expanduser("~/allowed"), "w") as file:
            file.write("this works")
        return places
        """,
    ) == []  # not in /dev either, which is memory without a limit; its null and shm still work, other tests say


def test_no_process_can_be_started_but_threads_can(submit):
    assert told(
        submit,
        """
        import os, subprocess, threading
        started = []
        spawn = lambda: os.posix_spawn("/bin/true", ["true"], {})
        for start in (os.fork, os.forkpty, lambda: subprocess.run(["/bin/true"]), spawn):
            try:
                start()
                started.append("process")
            except OSError:
                pass
        thread = threading.Thread(target=lambda: started.append("thread"))
        thread.start()
        thread.join()
        return started
        """,
    ) == ["thread"]


def test_there_is_no_network(submit):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reached = told(
            submit,
            f"""
            import socket
            reached = []
            for address in (("127.0.0.1", {port}), ("1.1.1.1", 53), ("10.0.0.1", 80)):
                try:
                    socket.create_connection(address, timeout=1)
                    reached.append(address)
                except OSError:
                    pass
            return reached
            """,
        )
    assert reached == []


def test_disk_and_memory_end_where_they_should(submit):
    before = shutil.disk_usage("/tmp").free
    written, files, hidden_memory = told(
        submit,
        """
        import ctypes, os
        written = files = 0
        for folder in (os.path.expanduser("~"), "/tmp", "/dev/shm"):
            for number in range(40):
                try:
                    with open(f"{folder}/{number}", "wb") as file:
                        for _ in range(100):
                            written += file.write(bytes(2**20))
                except OSError:
                    files += 1
        try:
            os.memfd_create("x")
            hidden_memory = True
        except OSError:
            hidden_memory = False
        return written, files, hidden_memory
        """,
    )
    assert written <= 3 * 16 * 2**20
    assert files
    assert not hidden_memory
    assert shutil.disk_usage("/tmp").free > before - 200 * 2**20


def test_eating_memory_or_time_costs_only_the_points(submit, small, answers):
    greedy = "block = []\nwhile True:\n    block.append(bytearray(2**26))"
    verdict, _, troubles = submit(answers["right"], greedy, limits=replace(small, seconds=30))  # memory ends first
    assert verdict.points == 2, "the cell failed with a MemoryError, the answer stands"
    assert any("MemoryError" in trouble for trouble in troubles)
    verdict, _, troubles = submit(answers["right"], "while True:\n    pass")
    assert verdict.points == 2
    assert any("longer than 2 seconds" in trouble for trouble in troubles)
    verdict, _, _ = submit("def double(x):\n    while True:\n        pass")
    assert "took longer than 1 seconds" in verdict.message


def test_nothing_that_is_returned_runs_at_the_judges(submit, tmp_path):
    mark = tmp_path / "ran"
    code = f"""
    import os
    class Bomb:
        def __reduce__(self):
            return os.system, ("touch {mark}",)
        def __eq__(self, other):
            open({str(mark)!r}, "w")
            return True
        __array__ = __float__ = __repr__ = __eq__
    def double(x):
        return Bomb()
    """
    for isolated in (True, False):
        verdict, outputs, _ = submit(textwrap.dedent(code), isolated=isolated)
        assert verdict.points == 0
        assert type(outputs[0]).__name__ == "Other"
        assert not os.path.exists(mark)


def test_torch_patched_gains_nothing(submit, small, double):
    patch = "import torch\ntorch.allclose = torch.equal = lambda *a, **k: True\ntorch.Tensor.__eq__ = lambda *a: True"
    roomy = replace(small, seconds=30, memory=6000, start=30)
    verdict, outputs, _ = submit(patch, WRONG, question=replace(double, framework="torch"), limits=roomy)
    assert outputs[0].kind == "tensor"
    assert verdict.points == 0
    assert "Proportional" in verdict.message


def test_magics_that_measure_run_their_line_and_long_cells_are_whole(submit):
    long = "data = '" + 120_000 * "x" + "'"
    _, outputs, troubles = submit(long, "%time kept = len(data)", "def double(x):\n    return kept")
    assert (outputs[0], troubles) == (120_000, [])


def test_sets_of_words_come_in_the_same_order_each_time(submit):
    listing = "return list({'fox', 'cat', 'dog', 'pig', 'cow', 'owl'})"
    assert told(submit, listing) == told(submit, listing)


def test_sixteen_bits_do_not_hide_a_common_mistake(submit):
    def double(x):
        return 2 * x

    near = question(
        double, lambda rng: [{"x": 1 + rng.random((3, 2))}], framework="torch", seconds=5,
        mistakes=(Mistake("a little too much", lambda x: 2.02 * x, "A hundredth too much."),),
    )  # fmt: skip
    verdict, *_ = submit("def double(x):\n    return (2.02 * x).bfloat16()", question=near)
    assert verdict.points == 0
    assert "answer in float32" in verdict.message
