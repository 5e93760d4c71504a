"""Launch buttons: shown where the book knows the address of its repository, hidden where it does not."""

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from .common import logger

ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")


def settle(app: Sphinx, config: Config) -> None:
    """Without an address no buttons; with one that Colab cannot open, a warning and no buttons.

    Jupyter Book has put the address (`repository: url` of `_config.yml`) among the theme's options by now.
    """
    options: dict[str, Any] = config.html_theme_options
    address = str(options.get("repository_url") or "").rstrip("/").removesuffix(".git")
    if address and not ADDRESS.fullmatch(address):
        logger.warning("repository: url is %r; Colab opens https://github.com/NAME/REPOSITORY alone", address,
                       type="course_book")  # fmt: skip
        address = ""
    if "repository_url" in options:  # a theme without this option would complain
        options["repository_url"] = address
    if not address:
        options.pop("launch_buttons", None)


def setup(app: Sphinx) -> None:
    """Register."""
    app.connect("config-inited", settle)
