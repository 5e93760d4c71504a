"""Four ways between two animals, side by side, at one place that a slider chooses (claims C06 to C08)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from traitlets import Float, Int, Unicode

from course_utils.critters import SPECIES, Scene
from course_utils.demos.live import Live, mirrored, student_or_teacher
from course_utils.demos.ways import WAYS, Animal, Known, on_way
from course_utils.measure.lesson import read
from course_utils.show.image import to_png

Pixels = UInt8[np.ndarray, "h w 3"]
SIDE = 192
WORDS = ("species", "texture", "coat", "background", "stance")
PROMPT = "a {texture} {coat} {species} {stance} on a {background} background, facing right"


def between(
    draw: Any, teacher: Any, prompts: Sequence[str], seeds: tuple[int, int] = (0, 1), t: float = 0.5
) -> dict[str, Pixels]:
    """The picture at time t on each of the four ways between two animals.

    Args:
        draw: a `TextToImage` that draws the two animals and the first three ways; may be a student.
        teacher: the one that inverts and comes back: a student has no path that could be walked back.
        prompts: of the two animals, of one template, so that their tokens are aligned.
        seeds: of their noises.
        t: 0 is the first, 1 the second.

    Raises `ValueError` for a time outside of [0, 1] or another number of prompts.
    """
    if len(prompts) != 2:
        raise ValueError(f"two prompts make a way, got {len(prompts)}")
    known, (first, second) = Known(), zip(prompts, seeds, strict=True)
    return {way: draw.decode(on_way(draw, teacher, way, first, second, t, known))[0] for way in WAYS}


class Spaces(Live):
    """Two animals and a place between them, on four ways at once.

    Args:
        draw: a `TextToImage`, which draws the poster, and at a larger scale than the page's everything.
        scenes: names to scenes; the first two are the animals that one begins with.
        teacher: who inverts, where `draw` is a student.
        t: the place, 0 to 1.
        seed: the noises are those of 2 seed and 2 seed + 1.

    Traits: `t`, and of each animal, `a` and `b`, what its prompt says and its noise: `a_species`, `a_texture`,
    `a_coat`, `a_background`, `a_stance`, `a_seed`.
    """

    name = "spaces"
    t, a_seed, b_seed = mirrored(Float), mirrored(Int), mirrored(Int)
    a_species, a_texture, a_coat, a_background, a_stance = (mirrored(Unicode) for _ in WORDS)
    b_species, b_texture, b_coat, b_background, b_stance = (mirrored(Unicode) for _ in WORDS)

    def __init__(
        self, draw: Any, scenes: Mapping[str, Scene], teacher: Any = None, t: float = 0.5, seed: int = 0
    ) -> None:
        if len(scenes) < 2:
            raise ValueError("give at least two scenes: Spaces(draw, {'a dog': Scene('dog'), 'a cat': Scene('cat')})")
        pair = dict(zip("ab", scenes.values(), strict=False))
        words = {f"{which}_{word}": getattr(scene, word) for which, scene in pair.items() for word in WORDS}
        super().__init__(t=t, a_seed=2 * seed, b_seed=2 * seed + 1, **words)
        self.draw, self.teacher = draw, teacher or draw
        self.seen: dict[tuple[Any, ...], dict[str, Pixels]] = {}

    def draws(self) -> Mapping[str, Any]:
        """The teacher, and the student if there is one."""
        return {"text_to_image": self.teacher, student_or_teacher(self.draw): self.draw}

    def animal(self, which: str) -> Animal:
        """Prompt and seed of one of the two, `"a"` or `"b"`, as the page writes them."""
        words = {word: getattr(self, f"{which}_{word}") for word in WORDS}
        return PROMPT.format(**words), getattr(self, f"{which}_seed")

    def present(self) -> dict[str, Pixels]:
        """The four pictures of the present state."""
        (first, one), (second, other) = self.animal("a"), self.animal("b")
        state = (first, one, second, other, self.t)
        if state not in self.seen:
            self.seen = {state: between(self.draw, self.teacher, [first, second], (one, other), self.t)}
        return self.seen[state]

    def sentence(self) -> str:
        """What the critic takes each of the four pictures for."""
        probabilities = read(np.stack(list(self.present().values()))).probabilities["species"]
        seen = (f"{label}: {SPECIES[int(p.argmax())]}" for label, p in zip(WAYS.values(), probabilities, strict=True))
        return f"At {self.t:.2f} of the way the critic sees, {'; '.join(seen)}."

    def poster_png(self) -> bytes:
        """The four pictures of the present place."""
        return to_png(np.hstack([np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
                                 for picture in self.present().values()]))  # fmt: skip

    def alt(self) -> str:
        """What they show."""
        (first, _), (second, _) = self.animal("a"), self.animal("b")
        return (f"Demo. Four pictures at {self.t:.2f} of the way from {first} to {second}, one for each way: "
                f"{', '.join(WAYS.values())}. {self.sentence()}")

    def caption(self) -> str:
        """The invitation under the poster."""
        return f"{self.sentence()} Run this notebook and the place is yours."
