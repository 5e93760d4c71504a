"""The linear rivals of an autoencoder: principal components of pictures and of blocks, and plain thumbnails.

Principal components are the best linear code there is: no linear encoder and decoder with as many numbers has
a smaller mean squared error on the pictures it was fitted to (Eckart and Young 1936, doi:10.1007/BF02288367).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float, Float32, UInt8
from PIL import Image
from scipy.linalg import eigh, solve_triangular
from scipy.linalg.blas import ssyrk

from course_utils.measure.pictures import batch, psnr

Pictures = UInt8[np.ndarray, "n h w 3"]
FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_ROWS = 8  # of all pictures at a time, so that only a slice is ever held as floats


@dataclass(frozen=True)
class PictureBasis:
    """Principal components of whole pictures of one shape."""

    mean: Float32[np.ndarray, " d"]
    basis: Float32[np.ndarray, "numbers d"]
    shape: tuple[int, ...]

    @classmethod
    def fit(cls, pictures: Pictures, numbers: int = 1024, mirrored: bool = False) -> PictureBasis:
        r"""The `numbers` directions in which `pictures` vary most, 1,024 being a 16x16x4 latent's count.

        With centred pictures as rows of \(X\), the eigenvectors \(u_k\) of the small Gram matrix \(X X^\top\) give
        the components \(v_k = X^\top u_k / \sqrt{\lambda_k}\) (Sirovich 1987, the method of snapshots).

        With `mirrored` every picture counts together with its mirror image, which makes a stronger code where the
        world has no preferred side. That costs no more: the components are then even or odd under mirroring, and
        are found among the even and the odd halves of the pictures.

        `pictures` may be memory-mapped. Raises `ValueError` where there are not more pictures than `numbers`, where
        they do not vary in so many directions, and for `mirrored` pictures of odd width.
        """
        x, signs = batch(pictures), (1, -1) if mirrored else (0,)
        if not 0 < numbers < len(x) * len(signs):
            raise ValueError(f"{numbers} components need more than {numbers} pictures to be fitted to, got {len(x)}")
        if mirrored and x.shape[2] % 2:
            raise ValueError(f"mirrored pictures need an even width, got {x.shape[2]}")
        spectra = [_top_eigenpairs(_gram(x, sign), min(numbers, len(x))) for sign in signs]
        every = np.sort(np.concatenate([values for values, _ in spectra]))
        if not every[-numbers] > 1e-6 * max(every[-1], 1):
            raise ValueError(f"these pictures do not vary in {numbers} directions: ask for fewer, or give others")
        chosen = zip(signs, spectra, strict=True)
        kept = [(sign, vectors[:, values >= every[-numbers]]) for sign, (values, vectors) in chosen]
        parts = [_components(x, sign, vectors) for sign, vectors in kept if vectors.shape[1]]
        mean = x.mean(0, dtype=np.float64)
        mean = (mean + mean[:, ::-1]) / 2 if mirrored else mean
        return cls(mean.ravel().astype(np.float32), np.concatenate(parts), x.shape[1:])

    def encode(self, pictures: Pictures) -> Float32[np.ndarray, "n numbers"]:
        """Coordinates of the pictures in the basis."""
        x = batch(pictures)
        if x.shape[1:] != self.shape:
            raise ValueError(f"this basis was fitted to pictures {list(self.shape)}, got {list(x.shape[1:])}")
        return (x.reshape(len(x), -1) - self.mean) @ self.basis.T

    def decode(self, codes: Float32[np.ndarray, "n numbers"]) -> Pictures:
        """Pictures from coordinates, rounded and clipped."""
        return _as_bytes(codes @ self.basis + self.mean).reshape(-1, *self.shape)

    def reconstruct(self, pictures: Pictures) -> Pictures:
        """The nearest pictures that the basis can express."""
        return self.decode(self.encode(pictures))


@dataclass(frozen=True)
class BlockBasis:
    """Principal components of square blocks: a linear code for pictures of any size (JPEG's idea, fitted)."""

    mean: Float[np.ndarray, " d"]
    basis: Float[np.ndarray, "coefficients d"]
    block: int

    @classmethod
    def fit(cls, pictures: Iterable[np.ndarray], block: int = 8, coefficients: int = 4) -> BlockBasis:
        """Fit to all blocks of `pictures`, which may differ in size; 4 of 8x8x3 are Stable Diffusion's 48x.

        Raises `ValueError` for no pictures or more coefficients than a block has numbers.
        """
        size = block * block * 3
        if not 0 < coefficients <= size:
            raise ValueError(f"a block of {block}x{block}x3 has 1 to {size} coefficients, not {coefficients}")
        rows = [_blocks(_padded(x, block), block) for picture in pictures for x in batch(np.asarray(picture))]
        if not rows:
            raise ValueError("a basis needs at least one picture to be fitted to")
        x = np.concatenate(rows)
        mean = x.mean(0)
        covariance = (x - mean).T @ (x - mean)
        return cls(mean, _top_eigenpairs(covariance, coefficients)[1].T, block)

    def reconstruct(self, pictures: Pictures) -> Pictures:
        """Each block replaced by the nearest that the basis can express; borders are padded and cut again."""
        return np.stack([self._reconstruct(picture) for picture in batch(pictures)])

    def _reconstruct(self, picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        h, w, _ = picture.shape
        padded = _padded(picture, self.block)
        x = _blocks(padded, self.block) - self.mean
        near = _as_bytes(x @ self.basis.T @ self.basis + self.mean)
        return _unblocks(near, padded.shape, self.block)[:h, :w]


def down_up(pictures: Pictures, factor: float = 8, down: str = "box", up: str = "lanczos") -> Pictures:
    """Thumbnails `factor` times smaller a side, enlarged again; the thumbnail keeps floats, nothing is rounded.

    `down` and `up` are filters: box (area average), bilinear, bicubic, lanczos. A thumbnail at 8 has 64x
    fewer numbers; `factor=48**0.5` has 48x fewer, as many as a latent.
    """
    return np.stack([_down_up(picture, factor, down, up) for picture in batch(pictures)])


def best_down_up(pictures: Pictures, factor: float = 8) -> tuple[str, Pictures]:
    """The pair of filters with the highest mean PSNR on these very pictures, and what it gives: a strong rival.

    The name reads "box, then lanczos".
    """
    tried = {f"{d}, then {u}": down_up(pictures, factor, d, u) for d, u in product(FILTERS, FILTERS)}
    best = max(tried, key=lambda name: float(psnr(batch(pictures), tried[name]).mean()))
    return best, tried[best]


def _slices(x: Pictures, sign: int) -> Iterator[Float32[np.ndarray, "n part"]]:
    """The pictures a few rows at a time, centred; `sign` 1 or -1 takes what is even or odd under mirroring."""
    for start in range(0, x.shape[1], _ROWS):
        part = x[:, start : start + _ROWS].astype(np.float32)
        if sign:
            half = x.shape[2] // 2
            part = (part[:, :, :half] + sign * part[:, :, : half - 1 : -1]) / np.float32(2**0.5)
        flat = part.reshape(len(x), -1)
        yield flat - flat.mean(0) if sign >= 0 else flat  # odd parts come with either sign: their mean is zero


def _gram(x: Pictures, sign: int) -> Float32[np.ndarray, "n n"]:
    total = np.zeros((len(x), len(x)), np.float32, order="F")
    for part in _slices(x, sign):
        total = ssyrk(1.0, part.T, beta=1.0, c=total, trans=1, lower=1, overwrite_c=1)
    return total


def _components(x: Pictures, sign: int, weights: Float32[np.ndarray, "n k"]) -> Float32[np.ndarray, "k d"]:
    """Sums of pictures, orthonormal, and whole again where they were folded for their symmetry.

    Even and odd ones are orthogonal to each other as they are.
    """
    count, width = weights.shape[1], x.shape[2] // (2 if sign else 1)
    rows = [(weights.T @ part).reshape(count, -1, width, 3) for part in _slices(x, sign)]
    halves = _orthonormal(np.concatenate(rows, axis=1).reshape(count, -1)).reshape(count, -1, width, 3)
    if sign:
        halves = np.concatenate([halves, sign * halves[:, :, ::-1]], axis=2) / np.float32(2**0.5)
    return halves.reshape(count, -1)


def _top_eigenpairs(symmetric: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues, largest first, and their vectors as columns, the largest entry of each positive."""
    n = len(symmetric)
    values, vectors = eigh(symmetric, lower=True, subset_by_index=(n - count, n - 1))
    vectors = vectors[:, ::-1]
    return values[::-1], vectors * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(count)])


def _orthonormal(basis: Float32[np.ndarray, "k d"]) -> Float32[np.ndarray, "k d"]:
    """Rows made orthonormal (by Cholesky of their products), also where float32 left the small components askew."""
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    triangle = np.linalg.cholesky(basis @ basis.T)
    return np.ascontiguousarray(solve_triangular(triangle, basis, lower=True, overwrite_b=True))


def _padded(picture: UInt8[np.ndarray, "h w 3"], block: int) -> UInt8[np.ndarray, "H W 3"]:
    h, w, _ = picture.shape
    return np.pad(picture, ((0, -h % block), (0, -w % block), (0, 0)), mode="edge")


def _blocks(picture: UInt8[np.ndarray, "h w 3"], block: int) -> Float[np.ndarray, "blocks d"]:
    h, w, _ = picture.shape
    x = picture.reshape(h // block, block, w // block, block, 3).transpose(0, 2, 1, 3, 4)
    return x.reshape(-1, block * block * 3).astype(np.float64)


def _unblocks(rows: np.ndarray, shape: tuple[int, ...], block: int) -> np.ndarray:
    h, w, _ = shape
    x = rows.reshape(h // block, w // block, block, block, 3).transpose(0, 2, 1, 3, 4)
    return x.reshape(h, w, 3)


def _as_bytes(x: np.ndarray) -> np.ndarray:
    return x.round().clip(0, 255).astype(np.uint8)


def _down_up(picture: UInt8[np.ndarray, "h w 3"], factor: float, down: str, up: str) -> UInt8[np.ndarray, "h w 3"]:
    h, w, _ = picture.shape
    small = (max(1, round(w / factor)), max(1, round(h / factor)))
    for name in (down, up):
        if name not in FILTERS:
            raise ValueError(f"unknown filter {name!r}; there are {', '.join(FILTERS)}")
    channels = [Image.fromarray(picture[..., c].astype(np.float32)) for c in range(3)]
    return _as_bytes(np.stack([np.asarray(c.resize(small, FILTERS[down]).resize((w, h), FILTERS[up]))
                               for c in channels], axis=-1))
