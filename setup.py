"""What pyproject.toml cannot say: a wheel takes what the live demos compute with out of the book's folder."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "book" / "web"
PARTS = ("live", "ort", "models")


class WithDemos(build_py):
    """Copies them into the package, as `course_utils/demos/web`: a notebook on Colab has no book beside it."""

    def run(self) -> None:
        """Build anew, then copy; an editable package finds them where they are."""
        if not self.editable_mode:  # modules deleted since an earlier build would come along
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if self.editable_mode:
            return
        web = Path(self.build_lib) / "course_utils" / "demos" / "web"
        for part in PARTS:
            shutil.copytree(WEB / part, web / part, dirs_exist_ok=True)


setup(cmdclass={"build_py": WithDemos})
