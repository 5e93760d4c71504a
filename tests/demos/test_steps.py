"""Every model from the same noise: how evaluations become steps, and how far a path is from straight."""

import numpy as np
import pytest
import torch

from course_utils.demos import base, steps


class Walker:
    """Takes each step straight, or round two sides of a square."""

    def __init__(self, guidance, corner):
        self.guidance, self.corner, self.asked = guidance, corner, []

    def latents(self, prompts, seeds, steps, guidance_scale, watch):
        self.asked.append((steps, guidance_scale))
        points = [torch.zeros(1, 4, 16, 16) for _ in range(3)]
        points[1][0, 0, 0, 0 if self.corner else 1] = 1 if self.corner else 0.5
        points[2][0, 0, 0, :2] = torch.tensor([1.0, 1.0] if self.corner else [0.0, 1.0])
        for z in points:
            watch(z, 0.0)
        return points[-1]

    def decode(self, z):
        return np.full((1, 128, 128, 3), 100 + 50 * self.corner, np.uint8)


@pytest.mark.parametrize(("guidance", "evaluations", "plan"), [
    (3.0, 1, (1, 1.0)), (3.0, 2, (1, 3.0)), (3.0, 25, (12, 3.0)), (1.0, 4, (4, 1.0)), (1.0, 50, (50, 1.0)),
])  # fmt: skip
def test_a_guided_step_costs_two_evaluations_and_one_cannot_be_guided(guidance, evaluations, plan):
    assert steps.plan(guidance, evaluations) == plan


@pytest.mark.parametrize("evaluations", [0, 51])
def test_evaluations_that_no_sampler_takes_are_refused(evaluations):
    with pytest.raises(ValueError, match="1 to 50 evaluations"):
        steps.plan(1.0, evaluations)


def test_a_detour_is_the_way_over_the_straight_line():
    assert steps.run(Walker(1.0, corner=False), "a fox", 0, 4).detour == pytest.approx(1)
    assert steps.run(Walker(1.0, corner=True), "a fox", 0, 4).detour == pytest.approx(2 / 2**0.5)


def test_what_is_shipped_is_in_the_list_and_nothing_that_needs_more_than_a_prompt():
    found = steps.shipped()
    assert {"text_to_image", "lcm"} <= set(found)
    assert not {"vae", "clip", "controlnet", "pixel_text_to_image", "preview"} & set(found)


def test_the_demo_asks_every_model_for_the_same_number():
    draws = {"teacher": Walker(3.0, corner=True), "student": Walker(1.0, corner=False)}
    demo = steps.Steps(draws)
    demo.evaluations = 8
    assert "teacher: 4 steps, path 1.41 times" in demo.sentence()
    assert [draw.asked[-1] for draw in draws.values()] == [(4, 3.0), (8, 1.0)]
    bundle = demo._repr_mimebundle_()
    assert 'data-demo="steps"' in bundle["text/html"]
    assert bundle[base.WIDGET]["model_id"] == demo.widget.model_id


def test_models_that_the_page_does_not_hold_are_the_kernels():
    teacher, other = Walker(3.0, corner=True), Walker(1.0, corner=False)
    teacher.role, other.role = "text_to_image", "text_to_image_nodropout"
    assert {"text_to_image", "lcm"} <= steps.on_page()
    assert steps.Steps({"teacher": teacher}).computes == "page"
    both = steps.Steps({"teacher": teacher, "the twin": other})
    assert both.computes == "kernel"
    assert list(both.draws()) == ["text_to_image", "text_to_image_nodropout"]
