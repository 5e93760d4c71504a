"""The models of the page from the command line.

python -m course_utils.demos export            # write what is missing or out of step with the weights
python -m course_utils.demos export --again    # write everything
python -m course_utils.demos export --tight    # and search minutes for fewer bytes: before a commit
"""

import argparse
from pathlib import Path

from course_utils.demos.export import FOLDER, export, index, tighten


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    ask = commands.add_parser("export", help="write the ONNX graphs and weights that the page computes with")
    ask.add_argument("--folder", type=Path, default=FOLDER)
    ask.add_argument("--again", action="store_true", help="also what is in step already")
    ask.add_argument("--tight", action="store_true", help="search for fewer bytes of the same content: minutes")
    options = parser.parse_args(argv)
    written = list(export(options.folder, options.again))
    if options.tight:
        tighten(options.folder)
    for name, facts in index(options.folder).items():
        size = sum(facts["bytes"].values()) / 1e6
        print(f"{name:<16} {size:6.2f} MB {'written' if name in written else 'in step'}")


if __name__ == "__main__":
    main()
