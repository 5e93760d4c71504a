"""Where in frequency a picture has its power, and where a reconstruction loses it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float, Real
from numpy.fft import fft2, fftfreq

Window = Literal["hann", "none"]
Curve = tuple[Float[np.ndarray, " rings"], Float[np.ndarray, " rings"]]


def radial_power_spectrum(
    pictures: Real[np.ndarray, "*n h w channels"], window: Window = "hann", rings: int | None = None
) -> Curve:
    r"""Power in rings of equal spatial frequency: (middle of the ring in cycles per pixel, power).

    With \(\hat{x} = \mathrm{FFT}(w\,(x - \bar{x}))\) the power of a ring is \(\sum_{f \in \text{ring}}
    |\hat{x}_f|^2 / (hw \sum w^2)\), averaged over pictures and channels. By Parseval's theorem the rings add
    up to the variance (weighted by \(w^2\) under a window). The rings reach into the corners of the square of
    frequencies, up to 0.71; a row of pixels ends at 0.5.

    Args:
        pictures: one picture `[h, w, channels]` or a batch, or residuals; any real numbers.
        window: "hann" keeps a picture's border, where it does not continue, from posing as high frequencies.
        rings: how many; by default as many as keep each as wide as one step of the shorter side's
        frequencies.

    Raises:
        ValueError: for what are no pictures, or so small that there is no ring.
    """
    x = _batch(pictures)
    ring, middles = _rings(x.shape[1], x.shape[2], rings)
    total = np.zeros(len(middles))
    for picture in x:
        total += np.bincount(ring.ravel(), _power(picture, window).ravel(), minlength=len(middles))
    return middles, total / len(x)


def error_by_frequency(
    original: Real[np.ndarray, "*n h w channels"],
    reconstruction: Real[np.ndarray, "*n h w channels"],
    window: Window = "hann",
    rings: int | None = 24,
) -> Curve:
    """Power of the residual as a share of the original's power, for each ring of `radial_power_spectrum`.

    0: kept exactly; 1: the error is as large as the signal, which is what leaving the ring empty gives. Rings
    in which the original has no power are NaN.
    """
    a, b = _batch(original), _batch(reconstruction)
    if a.shape != b.shape:
        raise ValueError(f"cannot compare pictures of shapes {list(a.shape)} and {list(b.shape)}")
    frequency, signal = radial_power_spectrum(a, window, rings)
    _, error = radial_power_spectrum(a - b, window, rings)
    empty = signal <= 1e-12 * signal.sum()
    return frequency, np.where(empty, np.nan, error / np.where(empty, 1, signal))


def _batch(pictures: np.ndarray) -> Float[np.ndarray, "n h w channels"]:
    x = np.asarray(pictures, dtype=np.float64)
    x = x[None] if x.ndim == 3 else x
    if x.ndim != 4:
        raise ValueError(f"expected pictures [n, h, w, channels] or [h, w, channels], got {list(np.shape(pictures))}")
    return x


def _rings(h: int, w: int, rings: int | None) -> tuple[np.ndarray, Float[np.ndarray, " rings"]]:
    """The ring of each frequency, and the rings' middles in cycles per pixel.

    Rings begin at the lowest frequency there is; the constant, which has no power once the mean is gone, falls into
    the first.
    """
    radius = np.hypot(fftfreq(h)[:, None], fftfreq(w)[None, :])
    lowest, highest = 1 / max(h, w), radius.max()
    count = rings or round((highest - lowest) * min(h, w))
    if count < 1 or highest <= lowest:
        raise ValueError(f"a picture of {h} x {w} pixels has no frequencies to tell apart: take one of 4 x 4 or more")
    width = (highest - lowest) / count
    ring = ((radius - lowest) / width).astype(int).clip(0, count - 1)
    return ring, lowest + (np.arange(count) + 0.5) * width


def _power(picture: Float[np.ndarray, "h w channels"], window: Window) -> Float[np.ndarray, "h w"]:
    h, w, _ = picture.shape
    weight = (_window(h, window)[:, None] * _window(w, window)[None, :])[..., None]
    mean = (picture * weight).sum((0, 1)) / weight.sum()
    transformed = fft2((picture - mean) * weight, axes=(0, 1))
    return (np.abs(transformed) ** 2).mean(-1) / (h * w * np.sum(weight**2))


def _window(n: int, window: Window) -> Float[np.ndarray, " n"]:
    if window not in ("hann", "none"):
        raise ValueError(f"unknown window {window!r}; there are 'hann' and 'none'")
    return np.hanning(n + 2)[1:-1] if window == "hann" else np.ones(n)
