"""A scene: everything there is to know about one picture of the critters' world.

Whatever the course measures about pictures rests on this: the truth behind each picture is a handful of named
fields. Two scenes differ in exactly what their fields say.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields, replace

SPECIES = ("dog", "fox", "cat")
TEXTURES = ("fluffy", "scaly")
COATS = ("orange", "brown", "gray", "white", "blue")
BACKGROUNDS = ("green", "pink", "yellow", "purple")
STANCES = ("sitting", "standing", "walking")
FACINGS = ("left", "right")

SIZE_RANGE = (0.52, 0.78)
SMALL_BELOW, LARGE_ABOVE = 0.61, 0.69
"""Captions say *small* below the first and *large* above the second; between them they stay silent."""

CHOICES: dict[str, tuple[str, ...]] = {
    "species": SPECIES, "texture": TEXTURES, "coat": COATS,
    "background": BACKGROUNDS, "stance": STANCES, "facing": FACINGS,
}  # fmt: skip
RANGES: dict[str, tuple[float, float]] = {
    "size": SIZE_RANGE, "head_tilt": (-20.0, 20.0), "tail": (-25.0, 25.0), "stride": (-1.0, 1.0),
    "x": (0.0, 1.0), "y": (0.0, 1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """One animal on one background.

    Attributes:
        species: ``dog``, ``fox`` or ``cat``; it sets ears, muzzle and tail.
        texture: ``fluffy`` or ``scaly``.
        coat: ``orange``, ``brown``, ``gray``, ``white`` or ``blue``.
        background: ``green``, ``pink``, ``yellow`` or ``purple``.
        stance: ``sitting``, ``standing`` or ``walking``.
        facing: ``left`` or ``right``.
        size: height of the animal as a fraction of the picture, 0.52 to 0.78.
        head_tilt: degrees, -20 to 20; positive lowers the nose.
        tail: degrees, -25 to 25, by which the tail is swung from rest.
        stride: -1 to 1, the swing of the legs; a walking animal passes through all of it.
        x, y: position, 0 to 1, within the room that the size leaves: (0, 0) is far left and far back.

    Raises:
        ValueError: for a value outside these, with the allowed ones listed.
    """

    species: str = "fox"
    texture: str = "fluffy"
    coat: str = "orange"
    background: str = "green"
    stance: str = "sitting"
    facing: str = "right"
    size: float = 0.74
    head_tilt: float = 0.0
    tail: float = 0.0
    stride: float = 0.0
    x: float = 0.5
    y: float = 0.5

    def __post_init__(self) -> None:
        """Refuse values that no scene can have."""
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}={getattr(self, name)!r}: choose one of {', '.join(allowed)}")
        for name, (low, high) in RANGES.items():
            _check_number(name, getattr(self, name), low, high)

    @property
    def size_word(self) -> str | None:
        """``small``, ``large``, or ``None`` in the middle band, where a caption does not mention size."""
        return "small" if self.size < SMALL_BELOW else "large" if self.size > LARGE_ABOVE else None

    def but(self, **changes: object) -> Scene:
        """The same scene with some fields changed, e.g. ``scene.but(texture="scaly")``."""
        unknown = sorted(set(changes) - {f.name for f in fields(self)})
        if unknown:
            raise ValueError(f"no field {', '.join(unknown)}: choose from {', '.join(f.name for f in fields(self))}")
        return replace(self, **changes)  # type: ignore[arg-type]


def _check_number(name: str, value: object, low: float, high: float) -> None:
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not numeric or not low <= value <= high:  # type: ignore[operator]  # NaN fails the comparison too
        raise ValueError(f"{name}={value!r}: choose a number from {low:g} to {high:g}")


def sample(n: int, seed: int) -> list[Scene]:
    """Draw ``n`` scenes, every field independent and uniform; the same for the same seed.

    The first ``m`` of ``sample(n, seed)`` are ``sample(m, seed)``. A walking animal's stride is drawn away from
    zero, where walking would be hard to tell from standing.
    """
    if n < 0:
        raise ValueError(f"n={n}: choose 0 or more")
    rng = random.Random(f"critters {seed}")
    return [_draw(rng) for _ in range(n)]


def _draw(rng: random.Random) -> Scene:
    words = {name: rng.choice(allowed) for name, allowed in CHOICES.items()}
    numbers = {name: rng.uniform(low, high) for name, (low, high) in RANGES.items()}
    if words["stance"] == "walking":
        numbers["stride"] = (0.5 + abs(numbers["stride"]) / 2) * (1 if numbers["stride"] >= 0 else -1)
    return Scene(**words, **numbers)  # type: ignore[arg-type]
