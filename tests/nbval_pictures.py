"""A plugin for nbval, which compares texts only: pictures must agree too, within what another processor may change."""

import base64
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

INSIDE = re.compile(r"data:image/(?:png|jpeg|webp);base64,([A-Za-z0-9+/=]+)")
MEAN = 1.0  # grey levels of 255, over the whole picture
LIGHT = 2.5  # the same where the committed picture was given a palette or made a JPEG (scripts/notebooks.py, `lighter`)
WORST = 0.02  # share of the values that may differ by more than 32 grey levels


def encoded(outputs: list[dict[str, Any]]) -> Iterator[str]:
    """Every picture of a cell: its PNG and JPEG outputs and those inside HTML, in order."""
    for output in outputs:
        data = output.get("data", {})
        for kind in data.keys() & {"image/png", "image/jpeg"}:
            yield "".join(data[kind]).replace("\n", "")
        yield from INSIDE.findall("".join(data.get("text/html", "")))


def opened(picture: str) -> Image.Image:
    """A base64 PNG, JPEG or WebP."""
    return Image.open(io.BytesIO(base64.b64decode(picture)))


def pixels(picture: str) -> np.ndarray:
    """A base64 PNG, JPEG or WebP as RGBA values."""
    return np.asarray(opened(picture).convert("RGBA"), dtype=float)


def lightened(picture: str) -> bool:
    """Whether a base64 picture has a palette, or is a JPEG."""
    image = opened(picture)
    return image.mode == "P" or image.format == "JPEG"


def difference(found: str, kept: str) -> str | None:
    """What is wrong with a picture, if anything."""
    if found == kept:
        return None
    one, two = pixels(found), pixels(kept)
    if one.shape != two.shape:
        return f"a picture is {one.shape[1]}x{one.shape[0]}, committed is {two.shape[1]}x{two.shape[0]}"
    apart = np.abs(one - two)
    most = LIGHT if lightened(kept) and not lightened(found) else MEAN
    if apart.mean() > most or (apart > 32).mean() > WORST:
        far = 100 * (apart > 32).mean()
        return f"a picture differs: {apart.mean():.2f} grey levels on average, {far:.1f} % by more than 32"
    return None


def disagreement(found: list[dict[str, Any]], kept: list[dict[str, Any]]) -> str | None:
    """What is wrong with the pictures of a cell, if anything."""
    new, old = list(encoded(found)), list(encoded(kept))
    if len(new) != len(old):
        return f"{len(new)} pictures, committed are {len(old)}"
    return next((wrong for pair in zip(new, old, strict=True) if (wrong := difference(*pair))), None)


def pytest_configure(config: Any) -> None:
    """Let nbval's comparison look at the pictures as well."""
    from nbval.plugin import IPyNbCell

    compare_texts = IPyNbCell.compare_outputs

    def compare_outputs(cell: Any, test: Any, ref: Any, skip_compare: Any = None) -> bool:
        if not compare_texts(cell, test, ref, skip_compare):
            return False
        wrong = disagreement(test, ref)
        if wrong:
            cell.comparison_traceback.append(wrong)
        return wrong is None

    IPyNbCell.compare_outputs = compare_outputs
