"""The models page: `{model-table}`, one row for each embedded model, with a link to its card."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from .cards import WEIGHTS
from .common import Generated, Malformed, read_json
from .status import table

REPORT = f"{WEIGHTS}/report.json"
NOTHING = "No report has been made yet: `python -m course_utils.measure report` writes what stands here."
HEAD = ("Model", "Evaluations, guidance", "Attributes as asked", "Fréchet distance, its floor", "KID",
        "Diversity (world: 1)", "n")  # fmt: skip
WORDS = {
    "on_renders.species": "species read right on {share} % of renders",
    "on_renders.texture": "texture on {share} %",
    "on_renders.stance": "stance on {share} %",
    "on_renders.keypoint_error": "joints off by {share} % of the width",
    "on_renders.edge_f1.mean": "F1 of edges on renders {value}",
    "on_reconstructions.edge_f1.mean": "on what the autoencoder gives back {value}",
    "on_renders.depth_error.mean": "depth off by {share} % of its range",
    "psnr": "PSNR {value} dB",
    "ssim": "SSIM {value}",
    "critic_on_reconstructions.texture": "texture still read right in {share} %",
    "retrieval_top_1": "right caption first for {share} % of pictures",
    "choices": "among {value}",
    "probes.species": "linear probes: species {share} %",
    "probes.stance": "stance {share} %",
    "probes.facing": "facing {share} %",
    "controlnet_pose": "keypoint error, share of the width",
    "controlnet_edge": "F1 of edges",
    "controlnet_depth": "depth error, share of its range",
    "controlled.median": "median {value} with the map",
    "base.median": "{value} without",
    "renders.median": "{value} of renders",
    "mean_accuracy": "attributes as asked {share} %",
    "psnr_of_vae": "the autoencoder's {value} dB",
    "psnr_between": "between the two {value} dB",
}
"""What stands for a fact's name; `share` is its value in hundredths."""
LONG = 16
"""Letters of a name from which it may be broken, before its last word."""


def link(name: str) -> str:
    """A model's name, linked to its card further down (whose section is generated, so MyST cannot look it up)."""
    first, _, last = name.rpartition("_")
    shown = f"{first}<wbr>_{last}" if len(name) > LONG else name
    return f'<a href="#model-{name.replace("_", "-")}"><code class="model-name">{shown}</code></a>'


def told(value: float) -> str:
    """Three significant digits, a whole number as it is."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 1 else f"{value:.3g}"


def denoiser(row: dict[str, Any]) -> tuple[str, ...]:
    """The cells of a model that makes pictures of prompts."""
    return (link(row["model"]), f"{told(row['evaluations'])}, at {told(row['guidance'])}",
            f"{row['mean_accuracy']:.3f}", f"{told(row['frechet'])}, {told(row['frechet_floor'])}",
            f"{told(row['kid'])} ±&nbsp;{row['kid_standard_error']:.2g}", told(row["diversity.of_world"]),
            told(row["n"]))  # fmt: skip


def other(row: dict[str, Any]) -> tuple[str, ...]:
    """The cells of any other model: its facts in words."""
    facts = [phrase(path, value) for path, value in row.items() if path not in ("model", "n")]
    of = f"{WORDS[row['model']]}: " if row["model"] in WORDS else ""
    return link(row["model"]), of + "; ".join(facts), told(row["n"])


def phrase(path: str, value: float) -> str:
    """A fact in words; one without words of its own by its name."""
    words = WORDS.get(path, f"{path.replace('_', ' ').replace('.', ', ')}: {{value}}")
    return words.format(value=told(value), share=told(100 * value))


def page(rows: Any) -> str:
    """Both tables as Markdown. Raises `Malformed`."""
    try:
        makers = [denoiser(row) for row in rows if "frechet" in row]
        others = [other(row) for row in rows if "frechet" not in row]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Malformed(f"{REPORT}: a row lacks {error}") from error
    parts = [table(("Model", "Measured", "n"), others)] if others else []
    return "\n\n".join([*parts, *([table(HEAD, makers)] if makers else [])])


class ModelTable(Generated):
    """`{model-table}`: what was measured of each model, at a glance."""

    def files(self) -> Iterable[Path]:
        """The report."""
        return [self.root / REPORT]

    def markdown(self) -> str:
        """The tables, or how to make them."""
        return page(read_json(self.root / REPORT)) if (self.root / REPORT).exists() else NOTHING


def setup(app: Sphinx) -> None:
    """Register."""
    app.add_directive("model-table", ModelTable)
