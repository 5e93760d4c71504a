"""Real photographs: those that the Python packages already ship, and the reader's own.

Nothing here downloads. scikit-learn's `china` and `flower` are held out of every training; scikit-image's may
be trained on.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage.data
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from sklearn.datasets import load_sample_image

Pixels = UInt8[np.ndarray, "h w 3"]

# In scikit-image's wheel, not fetched: colour photographs first, then grey textures and scenes.
TRAINING = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "immunohistochemistry", "retina", "rocket",
            "stereo_motorcycle", "brick", "camera", "coins", "grass", "gravel", "moon")
HELD_OUT = ("china", "flower")

MULTIPLE = 32  # sides of latents then divide by 4, as denoisers with two halvings want
SMALLEST, LARGEST = 64, 60_000_000  # pixels a side; pixels in all (a large camera's picture, 180 MB once decoded)
LARGEST_FILE = 80_000_000  # bytes


class PhotoError(ValueError):
    """A file that cannot be used as a photograph; the message says why and what would do."""


class Photo(NamedTuple):
    """A photograph, what it is called, and what the reader should be told about it (empty: nothing)."""

    pixels: Pixels
    name: str
    note: str = ""


def china() -> Pixels:
    """A Chinese temple, `[416, 640, 3]` (scikit-learn; held out of all training)."""
    return fitted(load_sample_image("china.jpg"))


def flower() -> Pixels:
    """A dahlia, `[416, 640, 3]` (scikit-learn; held out of all training)."""
    return fitted(load_sample_image("flower.jpg"))


def held_out() -> dict[str, Pixels]:
    """The test photographs by name."""
    return {"china": china(), "flower": flower()}


def training_photo(name: str) -> Pixels:
    """One of scikit-image's photographs by name (see `TRAINING`), grey ones with three equal channels, uncropped."""
    if name not in TRAINING:
        raise KeyError(f"no training photograph called {name!r}; there are {', '.join(TRAINING)}")
    picture = getattr(skimage.data, name)()
    picture = picture[0] if isinstance(picture, tuple) else picture  # the left eye of a stereo pair
    return np.stack([picture] * 3, axis=-1) if picture.ndim == 2 else np.ascontiguousarray(picture[..., :3])


def training_photos() -> dict[str, Pixels]:
    """All photographs that may be trained on, by name."""
    return {name: training_photo(name) for name in TRAINING}


def load_photo(
    source: str | Path | bytes | memoryview | None = None, longest_side: int = 640,
    fallback: Callable[[], Pixels] = china,
) -> Photo:
    """The reader's photograph, or the course's own with a note where there is none to use.

    `source` is a path or a file's bytes (what an upload gives); None asks for `fallback` straight away. Never
    raises for a bad file: the note says what was wrong. See `read_photo` for what becomes of the picture.
    """
    own = fallback.__name__
    if source is None or (isinstance(source, str) and not source.strip()):
        return Photo(fallback(), own)
    try:
        return Photo(read_photo(source, longest_side), _name(source))
    except PhotoError as problem:
        return Photo(fallback(), own, f"{problem} Showing the course's own photograph ({own}) instead.")


def read_photo(source: str | Path | bytes | memoryview, longest_side: int = 640) -> Pixels:
    """A picture file as pixels: turned upright, on white where transparent, reduced, sides a multiple of 32.

    Raises `PhotoError` for a file that is missing, no picture, damaged, too small or huge.
    """
    name = _name(source)
    try:
        with _opened(_content(source)) as image:
            _check_size(image, name)
            image.draft("RGB", (longest_side, longest_side))  # a JPEG is decoded at a smaller size already
            upright = ImageOps.exif_transpose(image)
            return fitted(np.asarray(_reduced(_on_white(upright), longest_side)))
    except UnidentifiedImageError:
        raise PhotoError(f"{name} is not a picture; PNG, JPEG and WebP files work.") from None
    except Image.DecompressionBombError:
        raise PhotoError(f"{name} is huge; up to {LARGEST // 10**6} megapixels work.") from None
    except (OSError, SyntaxError, ValueError) as problem:
        if isinstance(problem, PhotoError):
            raise
        raise PhotoError(f"{name} is damaged and cannot be read ({problem}); try to save it anew.") from None


def fitted(picture: Pixels, multiple: int = MULTIPLE) -> Pixels:
    """The middle of a picture, sides cut down to multiples of `multiple`."""
    h, w = (side // multiple * multiple for side in picture.shape[:2])
    top, left = (picture.shape[0] - h) // 2, (picture.shape[1] - w) // 2
    return np.ascontiguousarray(picture[top : top + h, left : left + w])


def _name(source: str | Path | bytes | memoryview) -> str:
    return Path(source).name if isinstance(source, str | Path) else "The uploaded file"


def _content(source: str | Path | bytes | memoryview) -> bytes:
    if not isinstance(source, str | Path):
        content = bytes(source)
    else:
        path = Path(source)
        with suppress(RuntimeError):  # "~somebody" that this machine does not know: no such file, then
            path = path.expanduser()
        if not path.is_file():
            raise PhotoError(f"There is no file {path.name}; give the path of a picture, or upload one.")
        content = path.read_bytes() if path.stat().st_size <= LARGEST_FILE else b"\0" * (LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise PhotoError(f"{_name(source)} is larger than {LARGEST_FILE // 10**6} MB; reduce it first.")
    return content


def _opened(content: bytes) -> Image.Image:
    with warnings.catch_warnings():  # Pillow warns of large pictures; `_check_size` refuses them
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(content))


def _check_size(image: Image.Image, name: str) -> None:
    """From the header alone: a small file can unpack to gigabytes."""
    w, h = image.size
    if w * h > LARGEST:
        raise PhotoError(f"{name} is huge ({w}×{h}); up to {LARGEST // 10**6} megapixels work.")
    if min(w, h) < SMALLEST:
        raise PhotoError(f"{name} is too small ({w}×{h}); {SMALLEST} pixels a side are needed.")


def _sixteen_bits(image: Image.Image) -> bool:
    """Whether grey of 32 bits or floats is 16-bit grey that was opened wide, as Pillow does with some PNG and TIFF."""
    values = np.asarray(image)
    return image.mode == "I" and 255 < int(values.max()) < 2**16 and int(values.min()) >= 0


def _on_white(image: Image.Image) -> Image.Image:
    """RGB, transparency over white, 16-bit grey brought down to 8. Raises `PhotoError` for grey in other units."""
    if image.mode in ("F", "I") and not _sixteen_bits(image):
        raise PhotoError("The picture's grey is in units of its own, as instruments write them; save it with 8 bits.")
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image, np.float64) / 257).clip(0, 255).astype(np.uint8)).convert("RGB")
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def _reduced(image: Image.Image, longest_side: int) -> Image.Image:
    """Made smaller where it is larger than asked, never so narrow that nothing is left of it."""
    scale = min(1.0, max(longest_side / max(image.size), SMALLEST / min(image.size)))
    if scale == 1.0:
        return image
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)
