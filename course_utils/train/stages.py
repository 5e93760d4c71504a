"""All trainings in their order, as data: what `make train` runs, and with which options."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stage:
    """One training.

    Attributes:
        name: its folder, in `runs` and in the package's weights.
        recipe: the module of `course_utils.train`.
        options: on two CPU cores, where they differ from the recipe's own.
        inputs: options that name what another stage made: `{"--clip": "clip/model"}`.
        smoke: further options of a smoke run.
    """

    name: str
    recipe: str
    options: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    smoke: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Stages that come first."""
        return tuple(dict.fromkeys(path.split("/")[0] for path in self.inputs.values()))


FEW = "--judged 4"
CODED = {"--clip": "clip/model", "--vae": "vae/model"}
OF_TEXT, OF_FLOW = {**CODED, "--teacher": "text_to_image/model"}, {**CODED, "--teacher": "flow/model"}
FROM_LCM = {**OF_TEXT, "--start": "lcm/snapshots/002000"}
"""One that is good at four evaluations already: these objectives mend pictures sooner than they make them.

It goes on by itself for as much compute as each of the two has from there: so all three have had the same, and the
students of the flow as much (`course_utils.train.compute.passes`).
"""

CONTROL = "--rank 16 --batch 16 --rate 2e-3"


def _controlnet(condition: str, length: str) -> Stage:
    return Stage(f"controlnet_{condition}", "controlnet", f"--condition {condition} {CONTROL} {length}",
                 {**CODED, "--base": "text_to_image/model"}, smoke=FEW)


STAGES = (
    Stage("critic", "critic"),
    Stage("dense", "dense"),
    Stage("vae", "vae", "--steps 17500 --photographic 0.6 --squared 20", smoke="--leaves 8"),
    Stage("clip", "clip"),
    Stage("text_to_image", "text_to_image", "--steps 15000 --every 1500 --dropout-from 6000", CODED,
          smoke=f"{FEW} --dropout-from 4"),
    Stage("text_to_image_nodropout", "text_to_image", "--dropout 0 --scale 1 --relearn attn2 --steps 1000 --every 250",
          {**CODED, "--start": "text_to_image/model"}, smoke=FEW),
    Stage("pixel_text_to_image", "pixel_text_to_image", "--every 500",
          {"--clip": "clip/model", "--equal": "text_to_image"}, smoke=FEW),
    Stage("flow", "text_to_image", "--objective flow --steps 1750 --every 250",
          {**CODED, "--start": "text_to_image/model"}, smoke=FEW),
    Stage("reflow", "reflow", "--rank 16 --pairs 2048 --steps 1933 --every 500 --rate 1e-3", OF_FLOW,
          smoke=f"{FEW} --pairs 8 --teacher-steps 2"),
    _controlnet("pose", "--steps 1200 --every 150"),
    _controlnet("edge", "--steps 800 --every 100"),
    _controlnet("depth", "--steps 800 --every 100"),
    Stage("lcm", "lcm", "--rank 16 --steps 3000 --every 250 --snapshots 2000", OF_TEXT, smoke=FEW),
    Stage("dmd", "dmd", "--rank 16 --steps 500 --every 100", FROM_LCM, smoke=FEW),
    Stage("adversarial", "adversarial", "--rank 16 --steps 845 --every 169", FROM_LCM, smoke=FEW),
    Stage("flow_consistency", "lcm", "--objective flow --rank 16 --steps 3000 --every 250", OF_FLOW, smoke=FEW),
    Stage("preview", "preview", "--taught 4000 --steps 9000 --every 1500", {"--vae": "vae/model"}),
)
"""In an order in which every stage comes after those it needs.

Some shipped weights came to these options step by step, or went on with a longer schedule: their cards tell the story.
"""


def stage(name: str) -> Stage:
    """The stage called `name`. Raises `ValueError` that lists what there is."""
    for each in STAGES:
        if each.name == name:
            return each
    raise ValueError(f"no training called {name!r}; there are {', '.join(each.name for each in STAGES)}")
