"""The graded questions, found by themselves: one package an exercise, one module a question.

An exercise's package has a constant `EXERCISE`, the name of its notebook ("01_vae_compression"); a question's module is
called `q<number>_<words>.py` and has a constant `QUESTION`. How a question is written: `course_utils.grading.question`.
"""

from __future__ import annotations

import pkgutil
import re
from functools import cache, lru_cache
from importlib import import_module

from course_utils.grading.question import Question

_QUESTION = re.compile(r"q\d+_\w+")


@lru_cache(maxsize=1)
def exercises() -> dict[str, str]:
    """Name of each exercise with its package, sorted: {"01_vae_compression": "vae_compression", ...}."""
    packages = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return dict(sorted((import_module(f"{__name__}.{name}").EXERCISE, name) for name in packages))


@cache
def questions(exercise: str) -> dict[str, Question]:
    """The questions of an exercise by id, in order. Raises `KeyError` that names the exercises there are."""
    if exercise not in exercises():
        raise KeyError(f"no exercise called {exercise!r}; there are {', '.join(exercises())}")
    package = import_module(f"{__name__}.{exercises()[exercise]}")
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if _QUESTION.fullmatch(module.name)]
    found = [import_module(f"{package.__name__}.{name}").QUESTION for name in names]
    return {question.id: question for question in sorted(found, key=lambda question: int(question.id[1:]))}
