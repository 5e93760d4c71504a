"""The first cell of every notebook, which makes it run on Colab: written from one template and one address.

`python scripts/first_cell.py` puts it into every `notebooks/*.py` (or those named), as the first code cell, with the
address that stands in `_config.yml` under `repository: url`. What lies around it stays as it is. Then `make notebooks`.
`python scripts/first_cell.py --check` changes nothing and fails if a notebook's cell is not the template's.
"""

import argparse
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
MARK = '# %% tags=["setup", "remove-cell"]'
SCALES = ("critters", "sd15", "sdxl", "sana", "z-image")
TEMPLATE = '''\
#@title Set-up {display-mode: "form"}
#@markdown On Colab, run this first: it installs the course. `critters` runs anywhere,
#@markdown the other scales are Stable Diffusion and its relatives and want a GPU.
scale = "critters"  #@param [SCALES]
address = "ADDRESS"
import sys

if "google.colab" in sys.modules:
    import importlib.util
    import subprocess
    from pathlib import Path

    if importlib.util.find_spec("course_utils") is None:
        wheels = sorted(map(str, Path().glob("course_utils-*.whl")))
        if not (wheels or address):
            sys.exit("Upload course_utils-….whl (folder icon on the left), then run this cell again.")
        source = wheels[-1] if wheels else f"{address}/archive/HEAD.zip"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", source]
        subprocess.run(pip, check=True)
    from course_utils.start import start

    start(scale)
'''
CELL = re.compile(r"(?ms)^" + re.escape(MARK) + r"\n.*?\n\n(?=^# %%)")
FIRST_CODE = re.compile(r"(?m)^# %%(?! \[markdown\]).*$")


def address(root: Path = ROOT) -> str:
    """The repository's address, the only place where it stands; empty while it is not set."""
    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return str((settings.get("repository") or {}).get("url") or "").rstrip("/").removesuffix(".git")


def cell(where: str) -> str:
    """The cell's source."""
    scales = ", ".join(f'"{scale}"' for scale in SCALES)
    return TEMPLATE.replace("SCALES", scales).replace("ADDRESS", where)


def with_cell(source: str, where: str) -> str:
    """A notebook's percent source with the cell: renewed, or put before the first code cell."""
    block = f"{MARK}\n{cell(where)}\n"
    if CELL.search(source):
        return CELL.sub(lambda _: block, source, count=1)
    found = FIRST_CODE.search(source)
    if not found:
        raise ValueError("no code cell: there is nothing to set up")
    return source[: found.start()] + block + source[found.start() :]


def main(argv: list[str] | None = None) -> int:
    """Write the cell into the notebooks, or look whether it is right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(argv)
    paths = options.notebooks or sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
    wrong = []
    for path in paths:
        before = path.read_text(encoding="utf-8")
        after = with_cell(before, address())
        if after != before:
            wrong.append(path.name)
            if not options.check:
                path.write_text(after, encoding="utf-8")
    said = "lack the set-up cell, or have another" if options.check else "written"
    print(f"{', '.join(wrong)}: {said}" if wrong else "every notebook has the set-up cell")
    return 1 if wrong and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
