"""Numbers in prose: a cell displays its sentence, so that no number in the book was ever typed."""

import math
from collections.abc import Iterable, Sequence

from IPython.display import Markdown

from course_utils.models.registry import scale_or_default


def digits(value: float, significant: int = 3) -> str:
    """`value` with three significant digits and thin groups: 27.5, 0.0312, 786,432 (whole numbers stay whole).

    >>> digits(27.4961), digits(0.031249), digits(786432), digits(16384.7)
    ('27.5', '0.0312', '786,432', '16,400')
    """
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        raise ValueError(f"{value} is no measurement: look for a division by zero or an empty selection")
    if value == 0:
        return "0"
    rounded = float(f"{value:.{significant - 1}e}")
    places = significant - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(places, 0)}f}"


def size(n_bytes: float) -> str:
    """A number of bytes as people say it, powers of ten: 512 bytes, 2.05 KB, 1.1 TB."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if n_bytes >= 0.9995 * scale:  # which three digits round to one
            return f"{digits(n_bytes / scale)} {unit}"
    return f"{digits(round(n_bytes))} byte{'s' * (round(n_bytes) != 1)}"


def gap(decibels: float) -> str:
    """A difference in PSNR as one says it: `'5.87 dB above'`, `'0.156 dB below'`."""
    return f"{digits(abs(float(decibels)))} dB {'above' if decibels >= 0 else 'below'}"


def above(value: float, bound: float) -> str:
    """`'more than <bound>'`, having checked it: for what a notebook trains itself, where digits differ by machine.

    The bound is one of the course's own models; at another scale the number is told as it is. So is it by `below`.
    """
    if scale_or_default(None) != "critters":
        return digits(float(value))
    if not value > bound:
        raise AssertionError(f"expected more than {bound}, measured {value}")
    return f"more than {bound:g}"


def below(value: float, bound: float) -> str:
    """`'less than <bound>'`, having checked it."""
    if scale_or_default(None) != "critters":
        return digits(float(value))
    if not value < bound:
        raise AssertionError(f"expected less than {bound}, measured {value}")
    return f"less than {bound:g}"


def say(markdown: str) -> Markdown:
    """A sentence with measured numbers in it, shown as prose."""
    return Markdown(markdown)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Markdown:
    """A Markdown table; floats to three significant digits, columns of numbers to the right, of words to the left."""
    body = [[_cell(value) for value in row] for row in rows]
    if any(len(row) != len(columns) for row in body):
        raise ValueError(f"every row needs {len(columns)} cells, one for each of {list(columns)}")
    numeric = [all(cell[:1] in "–-±0123456789" for cell in column) for column in zip(*body, strict=True)]
    rule = ["---:" if right else ":---" for right in numeric]
    return Markdown("\n".join("| " + " | ".join(line) + " |" for line in [list(columns), rule, *body]))


def _cell(value: object) -> str:
    return digits(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
