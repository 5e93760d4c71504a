"""The page's demos in a notebook: an anywidget that runs the same front-end module, its state mirrored into traits.

At the scale `critters` the page computes, as it does in the book, with models that the kernel hands it; at a larger
one, where a page could not, the kernel answers in the worker's place (`kernel.py`). What one moves is a trait here,
what one sets here moves the control there:

    >>> plane = Plane(draw, {"a fox": Scene()})                                            # doctest: +SKIP
    >>> plane.observe(lambda change: print(change["new"]), "scaly")                        # doctest: +SKIP
    >>> plane.large = 0.2                                                                  # doctest: +SKIP
"""
from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import numpy as np
import traitlets

from course_utils.demos import kernel, web
from course_utils.demos.base import Demo
from course_utils.measure.lesson import own
from course_utils.show.colab import on_colab

LOADER = Path(__file__).with_name("widget.js")
INVITATION = {"page": "The models come from the kernel, once; then this page computes by itself.",
              "kernel": "The kernel computes."}  # fmt: skip
KINDS = {"Float32Array": np.float32, "Uint8ClampedArray": np.uint8}


def mirrored(kind: type[traitlets.TraitType], default: Any = None, **options: Any) -> Any:
    """A trait that the front end has too; `None` until it is set here or there: the page's own first state."""
    return kind(default, allow_none=True, **options).tag(sync=True)


def student_or_teacher(draw: Any) -> str:
    """The page's name for what draws: it asks a student for few evaluations, and guides a teacher."""
    return "lcm" if getattr(draw, "sampler", "") == "lcm" else "text_to_image"


def packed(value: Any, buffers: list[bytes]) -> Any:
    """A message without its arrays, which go beside it as buffers."""
    if isinstance(value, np.ndarray):
        kind = "Uint8ClampedArray" if value.dtype == np.uint8 else "Float32Array"
        buffers.append(np.ascontiguousarray(value, KINDS[kind]).tobytes())
        return {"array": len(buffers) - 1, "kind": kind}
    if isinstance(value, Mapping):
        return {key: packed(item, buffers) for key, item in value.items()}
    return [packed(item, buffers) for item in value] if isinstance(value, list | tuple) else value


def unpacked(value: Any, buffers: list[Any]) -> Any:
    """A message with its arrays again."""
    if isinstance(value, list):
        return [unpacked(item, buffers) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("kind") in KINDS:
        return np.frombuffer(bytes(buffers[value["array"]]), KINDS[value["kind"]])
    return {key: unpacked(item, buffers) for key, item in value.items()}


class Live(Demo, anywidget.AnyWidget):
    """A demo whose view is the page's. Subclasses name it, declare its state as traits and answer `draws`.

    Attributes:
        demo: the page's name for it.
        computes: "page", or "kernel", where a scale or a model is asked for that the page does not have.
        pictures: names of pictures that the notebook gave.
    """

    _esm = LOADER.read_text(encoding="utf-8")
    demo = traitlets.Unicode().tag(sync=True)
    book = traitlets.Unicode().tag(sync=True)
    words = traitlets.Unicode("").tag(sync=True)
    computes = traitlets.Enum(["page", "kernel"], "page").tag(sync=True)
    pictures = traitlets.List(traitlets.Unicode()).tag(sync=True)
    page: ClassVar[str] = ""

    def __init__(self, **state: Any) -> None:
        computes = state.pop("computes", "page" if own() else "kernel")
        words = INVITATION[computes]
        super().__init__(demo=self.page or self.name, book=web.version(), computes=computes, words=words, **state)
        self.widget = self
        self.on_msg(self._hear)

    def draws(self) -> Mapping[str, Any]:
        """What draws, by the page's name for the model: for the kernel."""
        raise NotImplementedError

    def shown(self, name: str) -> bytes:
        """A picture that the notebook gave, as PNG."""
        raise FileNotFoundError(f"no picture called {name}")

    @cached_property
    def _kernel(self) -> kernel.Kernel:
        return kernel.Kernel(self.draws())

    def _hear(self, _widget: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        """A front end asks: for a file, or for something to be computed."""
        if "file" in content:
            self._hand(content["file"])
        elif "job" in content:
            self._answer(**unpacked(content, buffers))

    def _hand(self, path: str) -> None:
        folder, _, name = path.partition("/")
        try:
            found = self.shown(name) if folder == "pictures" else web.content(path)
        except FileNotFoundError as error:
            self.send({"file": path, "error": str(error)})
        else:
            self.send({"file": path}, [found])

    def _answer(self, to: str, id: int, job: str, options: dict[str, Any]) -> None:
        def tell(**message: Any) -> None:
            buffers: list[bytes] = []
            self.send(packed({"to": to, "id": id, **message}, buffers), buffers)

        try:
            tell(result=self._kernel.answer(job, options, lambda partial: tell(partial=partial)))
        except Exception as error:  # whatever it is, the reader of the demo is told
            tell(error=str(error) or type(error).__name__)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **more: Any) -> Any:
        """Widget and poster; on Colab the widget alone, with the widget manager that anywidget turns on there."""
        if on_colab():
            return anywidget.AnyWidget._repr_mimebundle_(self)
        return Demo._repr_mimebundle_(self, include, exclude)
