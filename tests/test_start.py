"""What the first cell does on Colab, with Colab itself played by a few stand-ins."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_utils import start
from course_utils.start import StartError, kept, needed, numbers, parts


def test_outside_of_colab_nothing_happens(monkeypatch):
    monkeypatch.setattr(start, "install", lambda _: pytest.fail("installed something"))
    monkeypatch.setenv("COURSE_SCALE", "critters")
    start.start("sd15")
    assert os.environ["COURSE_SCALE"] == "critters"


def test_it_runs_before_anything_is_installed():
    code = ("import sys; import course_utils.start;"
            "print(sorted({m.split('.')[0] for m in sys.modules} & {'numpy', 'torch', 'packaging', 'diffusers'}))")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.fixture
def colab(monkeypatch):
    """A runtime with Colab's versions of August 2026, and a list of what pip was asked for."""
    have = {"torch": "2.11.0+cu128", "diffusers": "0.39.0", "numpy": "2.1.3", "ipywidgets": "7.7.1", "tqdm": "4.67.1"}
    asked = []

    def found(name):
        if name not in have:
            raise start.PackageNotFoundError(name)
        return have[name]

    def run(command, **_):
        pins = command[command.index("--constraint") + 1]
        asked.append((command[command.index("--constraint") + 2 :], Path(pins).read_text().split()))
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(start, "on_colab", lambda: True)
    monkeypatch.setattr(start, "version", found)
    monkeypatch.setattr(start, "distributions", lambda: [
        SimpleNamespace(metadata={"Name": name}, version=number) for name, number in have.items()])
    monkeypatch.setattr(start, "requires", lambda _: [
        "torch>=2.6", "numpy>=2.0", "ipywidgets>=7.7", "diffusers>=0.39", "jaxtyping>=0.2.36", "tqdm>=4.66",
        "pytest>=8; extra == 'test'"])
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    return SimpleNamespace(have=have, asked=asked)


def test_only_what_is_missing_is_installed_and_all_else_is_held(colab):
    start.start("sd15")
    ((names, pins),) = colab.asked
    assert names == ["jaxtyping>=0.2.36"]
    assert set(pins) == {"torch==2.11.0+cu128", "diffusers==0.39.0", "numpy==2.1.3", "ipywidgets==7.7.1",
                         "tqdm==4.67.1"}  # fmt: skip
    assert os.environ["COURSE_SCALE"] == "sd15"


def test_a_runtime_that_has_all_is_left_alone(colab):
    colab.have["jaxtyping"] = "0.3.0"
    start.start()
    assert colab.asked == []


def test_a_package_that_is_too_old_is_renewed_and_not_held(colab):
    colab.have |= {"diffusers": "0.35.2", "jaxtyping": "0.3"}
    start.start()
    ((names, pins),) = colab.asked
    assert names == ["diffusers>=0.39"]
    assert not [pin for pin in pins if pin.startswith("diffusers")]


@pytest.mark.parametrize(("name", "old"), [("torch", "2.5.1"), ("numpy", "1.26.4"), ("ipywidgets", "7.6.0")])
def test_what_is_never_touched_is_not_touched_when_too_old(colab, name, old):
    colab.have[name] = old
    with pytest.raises(StartError, match=f"needs {name}>=.*newest runtime version"):
        start.start()
    assert colab.asked == []


def test_a_failed_installation_says_what_to_do(colab, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1, stderr="a\nERROR: no match"))
    with pytest.raises(StartError, match=r"jaxtyping>=0.2.36 cannot be installed.*ERROR: no match.*delete runtime"):
        start.start()


def test_versions_and_requirements_are_read():
    assert numbers("2.11.0+cu128") == (2, 11, 0)
    assert numbers("1.0.dev0") == (1, 0)
    assert parts("jaxtyping>=0.2.36") == ("jaxtyping", (0, 2, 36))
    assert parts("tqdm") == ("tqdm", ())


def test_this_environment_needs_nothing():
    assert needed(start.requires("course_utils") or []) == []


def test_pins_are_exact():
    pins = kept(["torch"])
    assert all("==" in pin for pin in pins)
    assert not [pin for pin in pins if pin.startswith("torch==")]
    assert [pin for pin in pins if pin.startswith("numpy==")]
