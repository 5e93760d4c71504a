"""The skeleton as a demo: joints that move, a stand-in that paints the map it was shown, widget and poster."""

import base64
import io
import re

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from course_utils.critters import KEYPOINTS, Scene, keypoints, pose_map
from course_utils.demos import base, skeleton


class Painter:
    """Gives back the map times the conditioning scale, and keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, prompts, seeds, control_map, conditioning_scale):
        self.asked.append((prompts, seeds, conditioning_scale))
        return (control_map[None] * min(conditioning_scale, 1)).astype(np.uint8)


@pytest.fixture
def demo():
    return skeleton.Skeleton(Painter(), {"a fox": Scene(), "a cat": Scene("cat", stance="walking")})


def test_one_joint_moves_and_stays_inside_of_the_picture():
    joints = keypoints(Scene())
    there = skeleton.moved(joints, "nose", -5, 7)
    assert np.subtract(there["nose"], joints["nose"]) == pytest.approx((-5, 7))
    assert {name for name in joints if there[name] != joints[name]} == {"nose"}
    assert skeleton.moved(joints, "nose", 1000, -1000)["nose"] == (127, 0)
    with pytest.raises(ValueError, match="no joint called 'wing'; there are: nose"):
        skeleton.moved(joints, "wing", 0, 0)


def test_the_scene_s_own_joints_give_its_own_map():
    draw = Painter()
    state = skeleton.pose(draw, "a fox", keypoints(Scene()), 0.5, 3)
    assert (state.skeleton == pose_map(Scene())).all()
    assert (state.picture == (pose_map(Scene()) * 0.5).astype(np.uint8)).all()
    assert state.errors.shape == (len(KEYPOINTS),)
    assert draw.asked == [(["a fox"], [3], 0.5)]


def test_errors_are_measured_against_the_joints_that_were_moved(demo):
    from course_utils.measure.critic import read

    demo.controls["right"].value = 20
    found = read(demo.state.picture[None]).keypoints[0]
    wanted = np.array(list(demo.joints().values())) / 128
    assert demo.state.errors == pytest.approx(np.linalg.norm(found - wanted, axis=1), abs=1e-5)


def test_moves_of_several_joints_add_up_until_one_starts_again(demo):
    before = demo.joints()
    demo.controls["right"].value = 10
    drawn = len(demo.draw.asked)
    demo.controls["joint"].value = "tail_tip"
    assert (demo.controls["right"].value, len(demo.draw.asked)) == (0, drawn)  # choosing draws nothing
    demo.controls["down"].value = -20
    after = demo.joints()
    assert after["nose"][0] - before["nose"][0] == pytest.approx(10)
    assert after["tail_tip"][1] - before["tail_tip"][1] == pytest.approx(-20)
    demo.controls["joint"].value = "nose"
    assert demo.controls["right"].value == 10
    demo.reset.click()
    assert demo.joints() == before
    assert demo.controls["right"].value == 0


def test_another_animal_comes_with_its_own_skeleton(demo):
    demo.controls["right"].value = 10
    demo.controls["animal"].value = "a cat"
    assert (demo.state.skeleton == pose_map(Scene("cat", stance="walking"))).all()
    assert demo.draw.asked[-1][0][0].startswith("a large fluffy orange cat walking")


def test_one_prompt_may_serve_all_skeletons():
    demo = skeleton.Skeleton(Painter(), {"a fox": Scene()}, prompt="a fox")
    assert demo.draw.asked[-1][0] == ["a fox"]


def test_controls_are_native_and_labelled_and_wait_until_let_go(demo):
    sliders = [c for c in demo.controls.values() if isinstance(c, widgets.IntSlider | widgets.FloatSlider)]
    assert len(sliders) == 4
    assert all(control.description for control in demo.controls.values())
    assert not any(slider.continuous_update for slider in sliders)
    assert 'role="status" aria-live="polite"' in demo.status.value


def test_the_conditioning_scale_is_passed_on_and_told(demo):
    demo.controls["scale"].value = 0.3
    assert demo.draw.asked[-1][2] == pytest.approx(0.3)
    assert "conditioning scale 0.3" in demo.status.value


def test_without_scenes_it_is_refused():
    with pytest.raises(ValueError, match="at least one scene"):
        skeleton.Skeleton(Painter(), {})


def test_kernel_and_static_page_each_get_what_they_can_show(demo):
    bundle = demo._repr_mimebundle_()
    assert bundle[base.WIDGET]["model_id"] == demo.widget.model_id
    source = re.search(r'src="data:image/png;base64,([^"]+)"', bundle["text/html"])[1]
    assert Image.open(io.BytesIO(base64.b64decode(source))).size == (512, 256)
    assert 'alt="Demo. Left: a skeleton' in bundle["text/html"]
    assert "the joints are yours" in bundle["text/html"]
    assert "http" not in bundle["text/html"]
