"""Control maps agree with the picture they belong to."""

import numpy as np
import pytest

from course_utils.critters import (
    BONES,
    KEYPOINTS,
    Scene,
    depth_map,
    draw_pose,
    edge_map,
    keypoints,
    mask,
    pose_map,
    render,
    sample,
)
from course_utils.critters.palette import BACKGROUND_COLOURS

MAPS = {"pose": pose_map, "depth": depth_map, "edges": edge_map, "mask": mask}


@pytest.mark.parametrize("name", sorted(MAPS))
@pytest.mark.parametrize("size", [32, 128])
def test_shapes(name, size):
    drawn = MAPS[name](Scene(), size)
    assert drawn.shape == ((size, size, 3) if name == "pose" else (size, size))
    assert drawn.dtype == np.uint8
    assert drawn.max() > 150


def test_every_keypoint_lies_on_the_animal():
    for scene in sample(200, 2):
        animal = mask(scene) > 0
        for name, (x, y) in keypoints(scene).items():
            near = animal[max(0, int(y) - 1) : int(y) + 2, max(0, int(x) - 1) : int(x) + 2]
            assert near.any(), (name, scene)


def test_keypoints_scale_with_the_picture():
    scene = Scene(stance="walking", stride=0.8)
    small, large = keypoints(scene, 64), keypoints(scene, 128)
    assert list(small) == list(KEYPOINTS)
    for name in KEYPOINTS:
        assert np.allclose(np.multiply(small[name], 2), large[name])


def test_keypoints_follow_the_fields():
    scene = Scene(stance="standing")
    tilted = keypoints(scene.but(head_tilt=20.0))
    assert tilted["nose"] != keypoints(scene)["nose"]
    assert tilted["head"] == keypoints(scene)["head"]
    left, right = keypoints(scene.but(facing="left")), keypoints(scene.but(facing="right"))
    assert left["nose"][0] < left["hip"][0]
    assert right["nose"][0] > right["hip"][0]


def test_the_skeleton_does_not_tell_the_species_by_its_head_and_legs():
    """Tails differ in length, as they do in nature; ears are left out."""
    without_tail = [
        {k: v for k, v in keypoints(Scene(species=s)).items() if not k.startswith("tail")}
        for s in ("dog", "fox", "cat")
    ]
    assert without_tail[0] == without_tail[1] == without_tail[2]
    assert not any(name.startswith("ear") for name in KEYPOINTS)


def test_mask_separates_the_animal_from_the_background():
    for scene in sample(40, 3):
        picture, animal = render(scene), mask(scene)
        floor_or_wall = np.array(BACKGROUND_COLOURS[scene.background])
        upper_left = picture[:20, :20][animal[:20, :20] == 0]
        assert (upper_left == floor_or_wall).all(axis=1).mean() > 0.9
        inside = picture[animal == 255].astype(int)
        assert (np.abs(inside - floor_or_wall).sum(axis=1) > 20).mean() > 0.97


def test_edges_lie_along_the_mask_border_and_not_on_the_wall():
    scene = Scene(stance="standing")
    edges, animal = edge_map(scene) > 127, mask(scene)
    border = (animal > 0) & (animal < 255)
    reached = np.zeros_like(edges)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            reached |= np.roll(edges, (dy, dx), axis=(0, 1))
    assert reached[border].mean() > 0.95
    assert not edges[:8].any()


def test_edges_do_not_show_texture_or_colours():
    scene = Scene(texture="scaly", stance="standing")
    assert (edge_map(scene) == edge_map(scene.but(coat="blue", background="pink"))).all()
    assert (edge_map(scene) > 127).mean() < 0.12


def test_depth_orders_head_body_tail_and_wall():
    scene = Scene(species="cat", texture="scaly", stance="standing", facing="right")
    depth, at = depth_map(scene).astype(int), keypoints(scene)
    value = {name: depth[int(at[name][1]), int(at[name][0])] for name in ("head", "shoulder", "tail_mid")}
    assert value["head"] > value["shoulder"] > value["tail_mid"] > depth[2, 2]
    assert depth[127, 2] > depth[64, 2], "the floor comes nearer"


def test_pose_paints_every_bone():
    drawn = pose_map(Scene(stance="walking", stride=1.0), 256)
    for _, _, colour in BONES:
        assert (np.abs(drawn.astype(int) - colour).sum(axis=-1) < 30).any(), colour


def test_a_skeleton_moved_by_hand_is_drawn():
    moved = keypoints(Scene()) | {"tail_tip": (5.0, 5.0)}
    assert draw_pose(moved)[5, 5].any()
    assert not pose_map(Scene())[5, 5].any()


def test_broken_skeletons_are_refused():
    good = keypoints(Scene())
    with pytest.raises(ValueError, match=r"missing: \['nose'\]"):
        draw_pose({k: v for k, v in good.items() if k != "nose"})
    with pytest.raises(ValueError, match=r"unknown: \['ear'\]"):
        draw_pose(good | {"ear": (1.0, 1.0)})
    with pytest.raises(ValueError, match="finite pair"):
        draw_pose(good | {"nose": (float("nan"), 1.0)})
