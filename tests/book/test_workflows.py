"""The scheduled and the usual jobs: pinned, with no more rights than they need, and calling what exists."""

import re

import pytest
import yaml


@pytest.fixture(scope="module")
def workflows(repository):
    return {path.name: path.read_text() for path in sorted((repository / ".github/workflows").glob("*.yml"))}


def test_there_are_those_that_the_course_needs(workflows):
    assert set(workflows) == {"book.yml", "colab.yml", "links.yml", "models.yml", "tests.yml"}


def test_every_action_is_pinned_by_its_full_commit_and_says_its_version(workflows):
    used = [line for text in workflows.values() for line in text.splitlines() if "uses:" in line]
    assert used
    for line in used:
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line), line


def test_rights_are_the_least(workflows):
    for name, text in workflows.items():
        described = yaml.safe_load(text)
        assert described["permissions"] == {"contents": "read"}, name
        more = {job: each["permissions"] for job, each in described["jobs"].items() if "permissions" in each}
        assert more == ({"publish": {"pages": "write", "id-token": "write"}} if name == "book.yml" else {})
        assert all("timeout-minutes" in settings for settings in described["jobs"].values()), name
        assert text.count("actions/checkout@") == text.count("persist-credentials: false"), name


def test_what_they_call_exists(workflows, repository):
    makefile = (repository / "Makefile").read_text()
    for text in workflows.values():
        for target in re.findall(r"run: make ([a-z-]+)", text):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        for script in re.findall(r"(scripts/\w+\.py)", text):
            assert (repository / script).exists(), script
