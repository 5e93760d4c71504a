"""What every test shares: where the repository is, and a quiet machine."""

import os
from pathlib import Path

import pytest

# set before torch is imported anywhere: one thread, no hub
for name, value in {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}.items():
    os.environ.setdefault(name, value)
for name in ("COURSE_SCALE", "COURSE_CPU"):  # a shell that is set to another scale must not change what is tested
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return Path(__file__).resolve().parent.parent
