"""The page's modules agree with the package: their own tests under node, and the facts that both have written down."""

import importlib.util
import json
import re
import shutil
import subprocess

import pytest

from course_utils.critters import scene as world
from course_utils.measure.critic import ATTRIBUTES


@pytest.fixture(scope="module")
def maker(repository):
    spec = importlib.util.spec_from_file_location("make_expected", repository / "tests/demos/page/make_expected.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def close(found, wanted):
    """The same structure; numbers within rounding."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key in wanted:
            close(found[key], wanted[key])
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            close(one, other)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, abs=1e-4)
    else:
        assert found == wanted


def test_what_the_modules_are_tested_against_is_what_the_package_says(maker):
    close(json.loads(maker.FILE.read_text()), json.loads(json.dumps(maker.expected())))


def test_the_modules_pass_their_own_tests(repository):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here: the page's modules are tested in the browser alone")
    tests = sorted(str(path) for path in (repository / "tests/demos/page").glob("*.test.mjs"))
    result = subprocess.run([node, "--test", *tests], capture_output=True, text=True, cwd=repository)
    assert result.returncode == 0, result.stdout[-4000:]


def words(source, name):
    """A list of words in a module."""
    return tuple(json.loads(re.search(rf"\b{name}\b\s*[:=]\s*(\[[^\]]+\])", source)[1]))


def test_words_and_bounds_are_the_worlds(repository):
    live = repository / "book/web/live"
    captions, critic = (live / "words.js").read_text(), (live / "reading.js").read_text()
    for name, plural in (("species", "SPECIES"), ("texture", "TEXTURES"), ("coat", "COATS"),
                         ("background", "BACKGROUNDS"), ("stance", "STANCES"), ("facing", "FACINGS")):  # fmt: skip
        assert words(captions, plural) == tuple(world.CHOICES[name])
        assert words(critic, name) == ATTRIBUTES[name]
    assert f"SMALL_BELOW = {world.SMALL_BELOW};" in critic
    assert f"LARGE_ABOVE = {world.LARGE_ABOVE};" in critic


def test_modules_are_short_and_ask_no_other_host(repository):
    for path in sorted((repository / "book/web/live").rglob("*.js")):
        source = path.read_text()
        assert len(source.splitlines()) < 250, path.name
        assert max(map(len, source.splitlines())) <= 130, path.name
        assert re.findall(r"https?://", source) == [], path.name
