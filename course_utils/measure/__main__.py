"""The embedded models measured again, and the measurements that notebooks only plot.

    python -m course_utils.measure report       # see course_utils.measure.table
    python -m course_utils.measure sweeps       # see course_utils.measure.sweeps
    python -m course_utils.measure budget       # see course_utils.measure.budget
"""
import sys
from collections.abc import Callable

from course_utils.measure import budget, sweeps, table

COMMANDS: dict[str, Callable[[list[str]], None]] = {"report": table.main, "sweeps": sweeps.main, "budget": budget.main}


def main(argv: list[str]) -> None:
    """Hand over to the command that is named first."""
    if not argv or argv[0] not in COMMANDS:
        sys.exit(f"{__doc__}\nsay one of: {', '.join(COMMANDS)}")
    COMMANDS[argv[0]](argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
