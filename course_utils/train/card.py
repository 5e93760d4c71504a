"""The card of a shipped model, measured anew from the weights in the package: card.json, card.md and two pictures.

    python -m course_utils.train.card vae
    python -m course_utils.train.card critic --n 4000
    python -m course_utils.train.card text_to_image --sweep 250        # and the table over guidance scales
    python -m course_utils.train.card vae --text                       # only the words, after an edit of notes.md

Nothing in a card is typed: text that is written by hand (`notes.md` beside the weights: what was tried, what falls
short) holds no numbers that could be measured.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from PIL import Image

from course_utils.critters import SIZE_RANGE, sample, sheet
from course_utils.critters.dataset import pictures
from course_utils.measure import autoencoder, critic, report
from course_utils.measure.dense import load_dense
from course_utils.models import load, to_array, to_tensor
from course_utils.models.registry import weights_name
from course_utils.models.weights import FOLDER, sha256
from course_utils.show.style import COLOURS, canvas
from course_utils.train import card_sheets
from course_utils.train.card_models import TITLES, writer
from course_utils.train.card_text import TEXTS
from course_utils.train.common import read_log
from course_utils.train.critic import blurred, resampled
from course_utils.train.data import HELD_OUT_SEED, SHARES, TRAINING_SEED

Facts = dict[str, Any]
LICENCE = "MIT (code and weights), CC BY 4.0 (this card)"


def weights_file(name: str) -> str:
    """The file that holds the weights of the model called `name`."""
    return "model.safetensors" if name in report.READERS else weights_name(report.entry_of(name))


def provenance(role: str, folder: Path) -> Facts:
    """What is known without measuring: file, hash, recipe, versions."""
    weights = folder / weights_file(role)
    recipe = json.loads((folder / "recipe.json").read_text())
    return {"role": role, "scale": "critters", "licence": LICENCE,
            "file": weights.name, "bytes": weights.stat().st_size, "sha256": sha256(weights), "trained": recipe,
            "measured_with": {"torch": torch.__version__, "diffusers": diffusers.__version__, "numpy": np.__version__,
                              "python": platform.python_version(), "machine": platform.machine()}}


def vae_facts(folder: Path, n: int, pca: int, cache: Path) -> Facts:
    """Everything measured of the autoencoder on n held-out scenes; the linear rival is fitted on `pca` others."""
    vae, scenes = load("vae", "critters", "cpu"), sample(n, HELD_OUT_SEED)
    held_out = pictures(n, HELD_OUT_SEED, cache=cache)
    training = pictures(pca, TRAINING_SEED, cache=cache) if pca else None
    measured = dict(autoencoder.report(vae, np.asarray(held_out), scenes, training))
    save_sheet(vae, np.asarray(held_out[:12]), folder / "reconstructions.jpg")
    return {**provenance("vae", folder), "parameters": autoencoder.parameters(vae),
            "scaling_factor": vae.config.scaling_factor,
            "scaling_factor_is": "1 / standard deviation of sampled latents of 1,024 training scenes, channels pooled",
            "training_photographs": sorted(SHARES), "held_out_photographs": ["china", "flower"],
            "scenes": {"training_seed": TRAINING_SEED, "held_out_seed": HELD_OUT_SEED, "pca_fitted_on": pca},
            "measured": measured}


def critic_facts(folder: Path, n: int, cache: Path) -> Facts:
    """The critic's floor on n fresh renders, and on the same worn by blur, noise and resampling."""
    scenes, fresh = sample(n, HELD_OUT_SEED), np.asarray(pictures(n, HELD_OUT_SEED, cache=cache))
    x = to_tensor(fresh)
    noise = 0.08 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    worn = {"blurred_by_0.8_pixels": to_array(blurred(x, 0.8)),
            "noise_of_10_levels": to_array((x + noise).clamp(-1, 1)),
            "through_64_pixels": to_array(resampled(x, 64))}
    reading = critic.read(fresh)
    errors = critic.keypoint_errors(reading, scenes)
    median = {name: float(np.median(errors[:, k])) for k, name in enumerate(critic.KEYPOINTS)}
    size_error = float(np.abs(reading.size - np.array([scene.size for scene in scenes])).mean())
    return {**provenance("critic", folder), "parameters": autoencoder.parameters(critic.load_critic()),
            "scenes": {"training_seed": TRAINING_SEED, "held_out_seed": HELD_OUT_SEED, "size_range": list(SIZE_RANGE)},
            "measured": {"n": n, "on_renders": autoencoder.attributes(fresh, scenes),
                         "size_error": size_error, "keypoint_error_by_name": median,
                         "reader_on_renders": autoencoder.by_colour(fresh, scenes),
                         **{name: autoencoder.attributes(p, scenes) for name, p in worn.items()}}}


def other_facts(name: str, folder: Path, n: int, cache: Path, swept: int) -> Facts:
    """Everything about one of the other models; the table over guidance scales is kept unless it is asked for anew."""
    network = load_dense() if name == "dense" else load_of(name)
    before = json.loads((folder / "card.json").read_text()) if (folder / "card.json").exists() else {}
    kept = {key: before[key] for key in ("sweep", "best_guidance") if key in before and not swept}
    card_sheets.save(name, folder)
    return {**provenance(name, folder), "class": type(network).__name__, "parameters": autoencoder.parameters(network),
            **kept, **(card_sheets.swept(name, swept, cache) if swept else {}),
            **({"example": card_sheets.example(name)} if name in TITLES else {}),
            **({"milliseconds": card_sheets.milliseconds()} if name == "preview" else {}),
            "measured": report.measured(name, n, cache)}


def load_of(name: str) -> Any:
    """The network whose weights lie in the folder `name`."""
    entry = report.entry_of(name)
    return load(entry.role, "critters", "cpu", entry.condition or None)


CURVES = {"psnr": "PSNR of validation, dB", "edge_f1": "edge F1", "retrieval": "retrieval, top 1",
          "keypoint": "keypoint error", "accuracy": "attributes read right"}
"""Columns of a training curve that a card may show, the first that there is."""


def curve_column(folder: Path) -> str:
    """What the training curve in `folder` is drawn of."""
    columns = read_log(folder / "curve.csv")[-1]
    return next(name for name in (*CURVES, *columns) if name in columns and name not in ("step", "seconds"))


def save_sheet(vae: Any, scenes: np.ndarray, path: Path) -> None:
    """Scenes and, under each row of six, their reconstructions; compressed so little that losses are the network's."""
    ours = autoencoder.reconstruct(vae, scenes)
    rows = [picture for k in range(0, len(scenes), 6) for block in (scenes, ours) for picture in block[k : k + 6]]
    Image.fromarray(sheet(rows, columns=6)).save(path, quality=90, subsampling=0, optimize=True)


def save_curve(folder: Path, column: str, label: str) -> None:
    """The training curve as a picture; one line needs few colours, and a third of the bytes."""
    rows = read_log(folder / "curve.csv")
    with canvas(2.6) as figure:
        axes = figure.subplots()
        axes.plot([row["step"] for row in rows], [row[column] for row in rows], color=COLOURS["blue"])
        axes.set(xlabel="step", ylabel=label)
        drawing = io.BytesIO()
        figure.savefig(drawing, dpi=110)
    Image.open(drawing).convert("RGB").quantize(32).save(folder / "curve.png", optimize=True)


def write(role: str, facts: Facts, folder: Path) -> None:
    """Write card.json and card.md, with the notes of `notes.md` if there are any."""
    notes = (folder / "notes.md").read_text() if (folder / "notes.md").exists() else ""
    facts = rounded(facts)
    text = TEXTS[role](facts, notes) if role in TEXTS else writer(role)(role, facts, notes)
    (folder / "card.json").write_text(json.dumps(facts, indent=1) + "\n")
    (folder / "card.md").write_text(text)


def rounded(value: Any) -> Any:
    """Floats to four significant digits: more would change with the machine."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def facts_of(options: argparse.Namespace, target: Path) -> Facts:
    """Measure the model that the options name."""
    if options.role == "vae":
        return vae_facts(target, options.n, options.pca, options.cache)
    if options.role == "critic":
        return critic_facts(target, options.n, options.cache)
    return other_facts(options.role, target, options.n, options.cache, options.sweep)


def main(argv: list[str] | None = None, folder: Path = FOLDER) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=report.shipped(), metavar="MODEL", help=f"{', '.join(report.shipped())}")
    parser.add_argument("--n", type=int, default=2_000, help="held-out scenes (default %(default)s)")
    parser.add_argument("--pca", type=int, default=8_000, help="scenes to fit the linear rival on, 0: none")
    parser.add_argument("--sweep", type=int, default=0, metavar="N", help="judge guidance scales on N captions each")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="where rendered scenes are kept")
    parser.add_argument("--text", action="store_true", help="only write card.md anew, from card.json and notes.md")
    options = parser.parse_args(argv)
    target = folder / options.role
    if options.text:
        facts = json.loads((target / "card.json").read_text())
    else:
        save_curve(target, curve_column(target), CURVES.get(curve_column(target), curve_column(target)))
        facts = facts_of(options, target)
    write(options.role, facts, target)
    print((target / "card.md").read_text())


if __name__ == "__main__":
    main()
