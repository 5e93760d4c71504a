"""The skeleton as a demo: joints that move, a stand-in that paints the map it was shown, widget and poster."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from course_utils.critters import KEYPOINTS, Scene, caption, keypoints, pose_map
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

    demo.moves = "nose=20,0"
    found = read(demo.present().picture[None]).keypoints[0]
    wanted = np.array(list(demo.joints().values())) / 128
    assert demo.present().errors == pytest.approx(np.linalg.norm(found - wanted, axis=1), abs=1e-5)


def test_moves_of_several_joints_add_up(demo):
    before = demo.joints()
    demo.moves = "nose=10,0;tail_tip=0,-20.5"
    after = demo.joints()
    assert after["nose"][0] - before["nose"][0] == pytest.approx(10)
    assert after["tail_tip"][1] - before["tail_tip"][1] == pytest.approx(-20.5)
    assert {name for name in before if after[name] != before[name]} == {"nose", "tail_tip"}


def test_it_begins_with_the_first_scene():
    demo = skeleton.Skeleton(Painter(), {"a cat": Scene("cat", stance="walking", texture="scaly"), "a fox": Scene()})
    assert (demo.species, demo.figure, demo.stance, demo.texture) == ("cat", "walking", "walking", "scaly")
    assert (demo.present().skeleton == pose_map(Scene("cat", stance="walking", texture="scaly"))).all()


def test_one_prompt_may_serve_all_skeletons():
    demo = skeleton.Skeleton(Painter(), {"a fox": Scene()}, prompt="a fox")
    demo.present()
    assert demo.draw.asked[-1][0] == ["a fox"]


def test_the_conditioning_scale_is_passed_on_and_told(demo):
    demo.conditioning = 0.3
    assert "conditioning scale 0.3" in demo.sentence()
    assert demo.draw.asked[-1][2] == pytest.approx(0.3)


def test_without_scenes_it_is_refused():
    with pytest.raises(ValueError, match="at least one scene"):
        skeleton.Skeleton(Painter(), {})


def test_kernel_and_static_page_each_get_what_they_can_show(demo):
    bundle = demo._repr_mimebundle_()
    assert bundle[base.WIDGET]["model_id"] == demo.widget.model_id
    source = re.search(r'src="data:image/webp;base64,([^"]+)"', bundle["text/html"])[1]
    assert Image.open(io.BytesIO(base64.b64decode(source))).size == (512, 256)
    assert 'alt="Demo. Left: a skeleton' in bundle["text/html"]
    assert "the joints are yours" in bundle["text/html"]
    assert "http" not in bundle["text/html"]


def test_other_words_make_another_prompt_and_another_figure_another_skeleton(demo):
    demo.present()
    demo.species, demo.coat = "cat", "blue"
    demo.present()
    assert demo.draw.asked[-1][0] == [caption(Scene("cat", coat="blue"))]
    standing = demo.joints()
    demo.figure = "walking"
    assert demo.joints() == keypoints(Scene("cat", coat="blue", stance="walking")) != standing
    demo.present()
    assert len(demo.draw.asked) == 3
