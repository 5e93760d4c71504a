"""Graded questions are about the small models on the CPU, whatever a machine or its environment would choose."""

import pytest
import torch

from course_utils.grading.givens import _loaded, arguments
from course_utils.grading.judging import cases_of
from course_utils.grading.questions import questions
from course_utils.grading.values import Given
from course_utils.models import loading

SEED = 77  # of no other test: what was drawn before is remembered


@pytest.fixture
def elsewhere(monkeypatch):
    """A machine that is set up for large models, and where the default device is out of reach."""

    def pick(device=None):
        assert device == "cpu", "the device is left to the machine"
        return torch.device(device)

    monkeypatch.setenv("COURSE_SCALE", "sd15")
    monkeypatch.setattr(loading, "pick_device", pick)
    _loaded.cache_clear()
    yield
    _loaded.cache_clear()


@pytest.mark.parametrize(
    ("exercise", "id"), [("01_vae_compression", "q5"), ("03_cfg_vectors", "q4"), ("03_cfg_vectors", "q5")]
)
def test_cases_are_drawn_with_the_small_models_on_the_cpu(elsewhere, exercise, id):
    question = questions(exercise)[id]
    given = arguments(cases_of(question, SEED)[0], question.framework)
    for model in given.values():
        assert getattr(model, "course_scale", "critters") == "critters"


def test_an_answer_that_changes_its_model_does_not_change_the_next_ones():
    (first,) = arguments({"model": Given("model", {"role": "vae"})}).values()
    first.half()
    (second,) = arguments({"model": Given("model", {"role": "vae"})}).values()
    assert {p.dtype for p in second.parameters()} == {torch.float32}
