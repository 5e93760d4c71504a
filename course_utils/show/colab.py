"""Whether this is Google Colab, where HTML lives in a frame of its own and widgets have a manager of their own."""

import importlib.util


def on_colab() -> bool:
    """Whether this process is a Colab kernel."""
    return importlib.util.find_spec("google") is not None and importlib.util.find_spec("google.colab") is not None
