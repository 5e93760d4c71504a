"""Official scores of a class.

    python -m course_utils.grading score SUBMISSIONS_DIR --out scores.csv [--seed N] [--jobs N]

Each notebook runs in a sandbox of its own and is judged in another process. Beside the CSV come a page for each student
(scores_reports/) and what is needed to go on after an interruption (scores_state/, which also keeps the seed).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_utils.grading.questions import exercises


def main(argv: list[str] | None = None) -> int:
    """Score a folder; the exit status is 2 where submissions cannot be isolated and nobody said `--unsafe`."""
    from course_utils.grading.scoring.isolation import NoIsolation, require

    options = _options(argv)
    if not options.submissions.is_dir():
        print(f"{options.submissions} is no folder", file=sys.stderr)
        return 2
    if not options.unsafe:
        try:
            require()
        except NoIsolation as why:
            print(f"Nothing was scored: {why}\nWith --unsafe submissions run unprotected.", file=sys.stderr)
            return 2
    _score(options)
    return 0


def _score(options: argparse.Namespace) -> None:
    from tqdm import tqdm

    from course_utils.grading.scoring import report, table
    from course_utils.grading.scoring.isolation import Limits
    from course_utils.grading.scoring.score import Settings, remembered_seed, score_all

    out: Path = options.out.resolve()
    store, reports = out.with_name(f"{out.stem}_state"), out.with_name(f"{out.stem}_reports")
    root = options.submissions.resolve()
    settings = Settings(
        seed=remembered_seed(store, options.seed),
        limits=Limits(options.seconds, options.memory),
        isolated=not options.unsafe,
        exercise=options.exercise,
        hidden=(root, out.parent),
    )
    with tqdm(unit="submission", disable=None) as bar:

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        scores = score_all(root, store, settings, options.jobs, tell)
    table.write(scores, out, options.exercise)
    if options.canvas:
        table.canvas(scores, options.canvas, options.exercise or "Exercises")
    report.write(scores, reports)
    spent = sum(score.seconds for score in scores) / max(len(scores), 1)
    marked = "" if settings.isolated else f" {table.UNSAFE}: these scores can be forged."
    print(f"{len(scores)} submissions, {spent:.1f} s each, seed {settings.seed}: {out.name}, {reports.name}/.{marked}")


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.grading", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    score = parser.add_subparsers(required=True).add_parser("score", help="score a folder of submissions")
    score.add_argument("submissions", type=Path, help="notebooks, or one folder a student")
    score.add_argument("--out", type=Path, default=Path("scores.csv"))
    score.add_argument(
        "--seed", type=int, help="of the inputs; without it a secret one is drawn, and kept for resuming"
    )
    score.add_argument("--jobs", type=int, default=1, help="submissions at the same time")
    score.add_argument("--seconds", type=float, default=60, help="of computing for a notebook's cells (default 60)")
    score.add_argument("--memory", type=int, default=6000, help="MB for one submission (default 6000)")
    score.add_argument("--exercise", default="", choices=["", *exercises()], help="for notebooks that do not say")
    score.add_argument("--canvas", type=Path, help="also write a CSV for Canvas's grade book")
    score.add_argument("--unsafe", action="store_true", help="without isolation; the CSV is marked")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
