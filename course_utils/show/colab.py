"""Whether this is Google Colab, where HTML lives in a frame of its own and widgets have a manager of their own."""

from course_utils.start import on_colab

__all__ = ["on_colab"]
