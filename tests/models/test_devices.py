"""Where a model runs; what it costs there is asked in `test_load.py`."""

import os
import subprocess
import sys

import pytest

from course_utils.models import devices

FAULTS = """
import resource, torch
from course_utils.models.devices import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        torch.ones(10_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults(), keep_memory(), faults())
"""


def run():
    known = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    said = subprocess.run([sys.executable, "-c", FAULTS], env=known, capture_output=True, text=True)
    before, kept, after = said.stdout.split()
    return int(before), kept == "True", int(after)


@pytest.mark.skipif(devices.platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_blocks_of_memory_are_kept_for_the_next_tensor():
    """Fifty tensors of 40 MB: let go and asked for again each touches its pages anew, kept they do so once."""
    before, kept, after = run()
    assert kept
    assert after < 0.2 * before


def test_whoever_set_the_allocator_keeps_the_say(monkeypatch):
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "1000000")
    assert not devices.keep_memory()


def test_without_glibc_nothing_is_done(monkeypatch):
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    monkeypatch.setattr(devices.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: pytest.fail("nothing to ask"))
    assert not devices.keep_memory()
