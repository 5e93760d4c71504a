"""A figure that carries its own description, so that no picture in the book is silent."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from PIL import Image

from course_utils.show.style import DPI

QUICK: dict[str, Any] = {"compress_level": 1}
"""To pack a figure tightly takes longer than to draw it, and a reader waits; `make notebooks` does it at leisure."""


@dataclass(frozen=True)
class Picture:
    """A PNG with an alternative text; a notebook shows the picture, a screen reader or a terminal the text."""

    png: bytes
    alt: str

    def __post_init__(self) -> None:
        """Refuse to be silent."""
        if len(self.alt.strip()) < 20:
            raise ValueError(f"a figure needs a description of at least 20 characters (alt=...), not {self.alt!r}")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        """The picture as `image/png` whose metadata hold the text (Jupyter's and MyST-NB's own place for it)."""
        data = {"image/png": base64.b64encode(self.png).decode(), "text/plain": f"Figure. {self.alt}"}
        return data, {"image/png": {"alt": self.alt}}


def figure(drawing: Figure, alt: str, few_colours: bool = False, dpi: float = DPI) -> Picture:
    """A matplotlib figure as `Picture`; `few_colours` stores a chart with a palette, in fewer bytes."""
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None}, pil_kwargs=QUICK)
    return Picture(_opaque(buffer.getvalue(), few_colours), alt)


def to_png(picture: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """The picture as PNG file, without time stamp or name of the software: the same bytes for the same pixels."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def webp_uri(png: bytes) -> str:
    """The PNG as an address that needs no file beside the page: a WebP, lighter by far and hardly to be told apart."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(buffer, format="WEBP", quality=90)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _opaque(png: bytes, few_colours: bool) -> bytes:
    """The same picture without transparency, and for charts with a palette."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    if few_colours:
        image = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", **QUICK)
    return buffer.getvalue()
