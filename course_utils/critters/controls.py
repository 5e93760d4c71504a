"""Control maps: what a ControlNet is shown instead of, or beside, a prompt. All come from the scene itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .anatomy import joints
from .parts import Part
from .placement import horizon, place
from .render import SUPERSAMPLING, check_size, compose, outline_reach, part_changes
from .scene import Scene
from .shapes import points

KEYPOINTS = ("nose", "head", "neck", "shoulder", "hip", "front_paw_near", "front_paw_far", "rear_paw_near",
             "rear_paw_far", "tail_base", "tail_mid", "tail_tip")  # fmt: skip

BONES = (
    ("nose", "head", (255, 0, 85)), ("head", "neck", (255, 85, 0)), ("neck", "shoulder", (255, 170, 0)),
    ("shoulder", "hip", (255, 255, 0)), ("shoulder", "front_paw_near", (85, 255, 0)),
    ("shoulder", "front_paw_far", (0, 255, 85)), ("hip", "rear_paw_near", (0, 255, 255)),
    ("hip", "rear_paw_far", (0, 170, 255)), ("hip", "tail_base", (0, 85, 255)),
    ("tail_base", "tail_mid", (0, 0, 255)), ("tail_mid", "tail_tip", (85, 0, 255)),
)  # fmt: skip
"""The skeleton's bones with the colours they are drawn in, after OpenPose's habit of one hue a bone."""

_NEARNESS = {
    Part.TAIL: 100, Part.FRONT_FAR: 85, Part.REAR_FAR: 85, Part.SPIKES: 125, Part.BODY: 135, Part.FRONT_NEAR: 165,
    Part.REAR_NEAR: 165, Part.EARS: 190, Part.HEAD: 210, Part.EAR_LEFT: 225, Part.EAR_RIGHT: 225,
}  # fmt: skip


def keypoints(scene: Scene, size: int = 128) -> dict[str, tuple[float, float]]:
    """Where each joint is: name to (x, y) in pixels of a picture of ``size`` pixels, in the order of ``KEYPOINTS``.

    The ears are not among them: they would give the species away.
    """
    check_size(size)
    placement, named = place(scene, size), joints(scene)
    placed = placement(points(*(named[name] for name in KEYPOINTS)))
    return {name: (float(x), float(y)) for name, (x, y) in zip(KEYPOINTS, placed, strict=True)}


def pose_map(scene: Scene, size: int = 128) -> np.ndarray:
    """The skeleton in colours on black: ``[size, size, 3]`` uint8."""
    return draw_pose(keypoints(scene, size), size)


def draw_pose(joint_positions: Mapping[str, tuple[float, float]], size: int = 128) -> np.ndarray:
    """Draw a skeleton from keypoints in pixels, from a scene or moved by hand: ``[size, size, 3]`` uint8.

    Raises:
        ValueError: if a keypoint is missing, unknown, or not a finite pair of numbers.
    """
    check_size(size)
    _check_joints(joint_positions)
    k = SUPERSAMPLING
    image = Image.new("RGB", (size * k, size * k))
    draw = ImageDraw.Draw(image)
    at = {name: (x * k, y * k) for name, (x, y) in joint_positions.items()}
    thick, dot = 0.026 * size * k, 0.019 * size * k
    for start, end, colour in BONES:
        draw.line([at[start], at[end]], fill=colour, width=round(thick))
    for _, end, colour in BONES:
        (x, y) = at[end]
        draw.ellipse([x - dot, y - dot, x + dot, y + dot], fill=colour)
    return np.asarray(image.reduce(k))


def _check_joints(joint_positions: Mapping[str, tuple[float, float]]) -> None:
    missing, unknown = set(KEYPOINTS) - set(joint_positions), set(joint_positions) - set(KEYPOINTS)
    if missing or unknown:
        raise ValueError(
            f"keypoints missing: {sorted(missing)}, unknown: {sorted(unknown)}; needed are {', '.join(KEYPOINTS)}"
        )
    broken = [name for name, p in joint_positions.items() if np.shape(p) != (2,) or not np.isfinite(p).all()]
    if broken:
        raise ValueError(f"keypoints {broken}: give each as a finite pair (x, y) in pixels")


def mask(scene: Scene, size: int = 128) -> np.ndarray:
    """The animal, outline included, white on black with smooth borders: ``[size, size]`` uint8.

    Whiskers do not count.
    """
    canvas = compose(scene, size)
    part = np.asarray(canvas.image) >> 4
    animal = (part > Part.BACKDROP) | part_changes(part, outline_reach(canvas.placement))
    return _reduced(Image.fromarray(animal.astype(np.uint8) * 255))


def depth_map(scene: Scene, size: int = 128) -> np.ndarray:
    """Nearness, white near and black far, slightly soft as depth estimators are: ``[size, size]`` uint8.

    The wall is far, the floor comes nearer towards the viewer, the animal's parts stand before one another.
    """
    part = _parts(scene, size)
    side = len(part)
    edge = horizon(place(scene, side), side)
    floor = 20 + np.clip((np.arange(side) - edge) / side, 0, 1) * 260
    nearness = np.broadcast_to(floor[:, None], part.shape).copy()
    for number, value in _NEARNESS.items():
        nearness[part == number] = value
    image = Image.fromarray(nearness.clip(0, 255).astype(np.uint8))
    return _reduced(image.filter(ImageFilter.BoxBlur(size * SUPERSAMPLING * 0.006)))


def edge_map(scene: Scene, size: int = 128) -> np.ndarray:
    """The animal's contours and the borders of its markings, white on black: ``[size, size]`` uint8.

    Texture and background have no edges here, so the map tells neither species' fur nor the ground.
    """
    canvas = compose(scene, size)
    draw = ImageDraw.Draw(canvas.image)
    for mark in canvas.marks:
        if not mark.thin:
            draw.polygon(canvas.placement(mark.outline).ravel().tolist(), fill=int(16 * Part.HEAD + mark.material))
    code = np.array(canvas.image)
    code[code < 16] = 0
    lines = part_changes(code, max(1, size // 64)).astype(np.uint8) * 255
    return _reduced(Image.fromarray(lines))


def _parts(scene: Scene, size: int) -> np.ndarray:
    return np.asarray(compose(scene, size).image) >> 4


CONDITIONS: dict[str, Callable[..., np.ndarray]] = {"pose": pose_map, "edge": edge_map, "depth": depth_map}
"""What a ControlNet can be shown: a skeleton in colours, or a map in grey."""


def _reduced(image: Image.Image) -> np.ndarray:
    return np.asarray(image.reduce(SUPERSAMPLING))
