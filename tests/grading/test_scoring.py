"""A class is scored: what was handed in, in any order, with any number of jobs, interrupted, and without isolation."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from course_utils.grading import __main__ as command
from course_utils.grading.notebook import MIME, Exercise
from course_utils.grading.question import Verdict
from course_utils.grading.questions import questions
from course_utils.grading.scoring import isolation, judges, report, score, table
from course_utils.grading.scoring.submission import files, read
from course_utils.grading.values import Raised, pack, unpack, writable

NAME = "01_vae_compression"
START = f"from course_utils.grading import exercise\ncheck = exercise('{NAME}')"
RIGHT = """
def compression_ratio(config, height, width):
    factor = 4 ** (len(config["block_out_channels"]) - 1)
    return config["in_channels"] * factor / config["latent_channels"]
"""
HALF = RIGHT.replace(" - 1)", ")")  # one halving too many: one point of two


def notebook(*cells, shown=None):
    """A notebook as text; `shown` is the outcome of a check that stands in it."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (START, *cells)])
    if shown:
        made.cells.append(nbformat.v4.new_code_cell("check('q1')"))
        made.cells[-1].outputs.append(nbformat.v4.new_output("execute_result", data=shown._repr_mimebundle_()))
    return nbformat.writes(made)


@pytest.fixture
def submissions(tmp_path):
    """A class of nine."""
    folder = tmp_path / "in"
    folder.mkdir()
    honest = Exercise(NAME, {"compression_ratio": eval("lambda config, height, width: 48")})("q1")
    boast = json.loads(json.dumps(honest._repr_mimebundle_()))
    boast["text/plain"] = "✔ q1: 2 of 2 points. Right. So far 2 of 2 points."
    del boast["application/vnd.course.check+json"]  # as a front end that keeps only what it knows
    lines = {
        "Ada (1).ipynb": notebook("%pip install torch", "!ls", "%%time\n1 + 1", RIGHT, "display(check('q1'))", "1/0"),
        "=cmd|calc.ipynb": notebook(HALF, shown=honest),
        "forever.ipynb": notebook(RIGHT, "while True: pass"),
        "gone.ipynb": notebook(RIGHT, "import os; os._exit(3)"),
        "liar.ipynb": notebook("compression_ratio = lambda config, height, width: 48").replace("zzz", ""),
        "empty.ipynb": "",
        "letter.pdf": "%PDF-1.4",
        "other.ipynb": nbformat.writes(nbformat.v4.new_notebook()),
    }
    for name, text in lines.items():
        (folder / name).write_text(text)
    liar = nbformat.from_dict(json.loads(lines["liar.ipynb"]))
    liar.cells.append(nbformat.v4.new_code_cell("check('q1')"))
    liar.cells[-1].outputs.append(nbformat.v4.new_output("execute_result", data=boast))
    (folder / "liar.ipynb").write_text(nbformat.writes(liar))
    (folder / "Grace").mkdir()
    (folder / "Grace" / "draft.ipynb").write_text(notebook(HALF))
    (folder / "Grace" / "final.ipynb").write_text(notebook(RIGHT))
    return folder


def scored(folder, out, *more):
    assert command.main(["score", str(folder), "--out", str(out), "--seconds", "3", *more]) == 0
    with out.open(encoding="utf-8-sig") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.mark.usefixtures("isolation")
def test_a_class_gets_what_each_deserves(submissions, tmp_path, monkeypatch):
    out = tmp_path / "out" / "scores.csv"
    out.parent.mkdir()
    rows = scored(submissions, out, "--seed", "5", "--canvas", str(tmp_path / "canvas.csv"))
    total = sum(question.points for question in questions(NAME).values())
    got = {student: row[f"{NAME} q1"] for student, row in rows.items()}
    assert got == {
        "'=cmd|calc": "1", "Ada (1)": "2", "Grace": "2", "empty": "0", "forever": "2", "gone": "0", "letter": "0",
        "liar": "0", "other": "0",
    }  # fmt: skip
    assert {row["out of"] for row in rows.values()} == {str(total)}
    assert {row["isolated"] for row in rows.values()} == {"yes"}
    assert "cell 7 raised ZeroDivisionError" in rows["Ada (1)"]["reasons"]
    assert "draft.ipynb, with 1 points" in rows["Grace"]["reasons"]
    assert "longer than 3 seconds" in rows["forever"]["reasons"]
    assert "no notebook" in rows["letter"]["reasons"]
    assert "does not say which exercise" in rows["other"]["reasons"]
    assert "shows other points" in rows["liar"]["flags"]
    assert "any configuration" in rows["liar"]["reasons"]
    assert "shows other points" in rows["'=cmd|calc"]["flags"]
    assert rows["Grace"]["flags"] == ""
    page = (out.parent / "scores_reports" / "liar.html").read_text()
    assert "Your notebook shows 2." in page
    assert f"<strong>0 of {total} points.</strong>" in page
    assert len((tmp_path / "canvas.csv").read_text().splitlines()) == 10

    first = out.read_bytes()
    again = tmp_path / "again" / "scores.csv"
    again.parent.mkdir()
    listed = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: sorted(listed(self, pattern), reverse=True))
    scored(submissions, again, "--seed", "5", "--jobs", "3")
    assert again.read_bytes() == first


def test_an_interrupted_class_goes_on_with_its_own_seed(submissions, tmp_path, monkeypatch, capsys):
    for path in submissions.iterdir():
        if path.name not in ("letter.pdf", "Ada (1).ipynb", "other.ipynb"):
            path.unlink() if path.is_file() else [*map(lambda each: each.unlink(), path.iterdir())]
    out, ran = tmp_path / "scores.csv", []
    real = score.run
    monkeypatch.setattr(score, "run", lambda *given: ran.append(given[2]) or real(*given))
    monkeypatch.setattr(isolation, "require", lambda: None)
    first = scored(submissions, out, "--unsafe")
    assert first["Ada (1)"]["isolated"] == table.UNSAFE
    assert "can be forged" in capsys.readouterr().out
    assert scored(submissions, out, "--unsafe") == first
    assert len(ran) == 1
    assert int((tmp_path / "scores_state" / "seed.txt").read_text()) == ran[0] > 2**20
    (submissions / "Ada (1).ipynb").write_text(notebook(HALF))
    assert scored(submissions, out, "--unsafe")["Ada (1)"]["points"] == "1"
    assert len(ran) == 2
    assert ran[0] == ran[1]


def test_without_isolation_nothing_is_scored(submissions, tmp_path, monkeypatch, capsys):
    def fail():
        raise isolation.NoIsolation("bubblewrap is missing")

    monkeypatch.setattr(isolation, "require", fail)
    assert command.main(["score", str(submissions), "--out", str(tmp_path / "x.csv")]) == 2
    assert "Nothing was scored: bubblewrap is missing" in capsys.readouterr().err
    assert not (tmp_path / "x.csv").exists()
    assert command.main(["score", str(tmp_path / "nowhere")]) == 2


def test_where_bubblewrap_is_missing_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(isolation.shutil, "which", lambda name: None)
    isolation.require.cache_clear()
    with pytest.raises(isolation.NoIsolation, match="apt install bubblewrap"):
        isolation.require()
    isolation.require.cache_clear()


def test_what_names_and_messages_hold_stays_text(tmp_path):
    student = '<img src=x onerror="alert(1)">/..'
    done = score.Score(student, "<b>.ipynb", NAME, troubles=["<script>alert(1)</script>"])
    (path,) = report.write([done], tmp_path)
    assert path.parent == tmp_path
    text = path.read_text()
    assert "<img" not in text
    assert "<script>" not in text


def test_odd_notebooks_are_read_without_harm(tmp_path):
    for number, text in enumerate(('{"cells": 3}', "[]", '{"cells": [{"cell_type": "code"}]}', "\x00\xff", "{" * 5000)):
        (tmp_path / f"{number}.ipynb").write_text(text, encoding="latin-1")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "hidden.ipynb").write_text("{}")
    (tmp_path / "link.ipynb").symlink_to("/etc/passwd")
    found = [read(student, path) for student, path in files(tmp_path)]
    assert len(found) == 6
    assert all(each.trouble for each in found)


KEPT = {"exercise": NAME, "question": "q1", "points": 1}
MARKS = {
    "no data": None,
    "a list": [],
    "a number": {"text/plain": 5},
    "points that are none": {"text/plain": "✔ q1: . of 3 points"},
    "a dot too many": {"text/plain": "✔ q1: 1.2.3 of 3 points"},
    "huge points": {MIME: KEPT | {"points": 10**400}},
    "endless points": {MIME: KEPT | {"points": float("inf")}},
    "no question": {MIME: KEPT | {"question": ["q1"]}},
    "half a letter": {MIME: KEPT | {"question": "\ud800"}},
}


@pytest.mark.parametrize("name", MARKS)
def test_marks_that_cannot_be_read_are_not_shown(tmp_path, name):
    cells = [{"cell_type": "code", "source": START}]
    cells[0]["outputs"] = [{"output_type": "execute_result", "data": MARKS[name]}]
    (tmp_path / "ada.ipynb").write_text(json.dumps({"cells": cells}))
    handed_in = read("ada", tmp_path / "ada.ipynb")
    assert (handed_in.exercise, handed_in.trouble, handed_in.shown) == (NAME, "", {})


def test_names_and_answers_that_no_file_can_hold_do_not_end_a_class(tmp_path):
    """A name in another encoding, and half a letter in what a student's code raised."""
    folder = tmp_path / "handed_in"
    folder.mkdir()
    (folder / os.fsdecode(b"zo\xeb.ipynb")).write_text("{}")
    ((student, path),) = files(folder)
    raised = unpack(pack(Raised("Error", "\ud800")))
    scores = [score.Score(student, writable(path.name), NAME, {"q1": Verdict(0, f"It raised {raised.message}.")})]
    table.write(scores, tmp_path / "scores.csv")
    (page,) = report.write(scores, tmp_path)
    assert "zo?" in page.read_text()


def test_a_file_that_cannot_be_read_is_told_so(tmp_path, monkeypatch):
    (tmp_path / "ada.ipynb").write_text("{}")
    monkeypatch.setattr(Path, "read_bytes", lambda _: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    assert read("ada", tmp_path / "ada.ipynb").trouble == "not read: Permission denied"


def test_of_several_files_the_note_is_made_once(tmp_path):
    verdicts = {"q1": Verdict(1, "Half.")}
    scores = [score.Score("Grace", "draft.ipynb", NAME), score.Score("Grace", "final.ipynb", NAME, verdicts)]
    table.write(scores, tmp_path / "scores.csv")
    (path,) = report.write(scores, tmp_path)
    assert path.read_text().count("there is also draft.ipynb") == 1
    assert table.best(scores)["Grace"][0].troubles == ["there is also draft.ipynb, with 0 points"]
    assert scores[1].troubles == []


@pytest.mark.usefixtures("isolation")
def test_what_could_not_be_judged_is_flagged_and_judged_again(tmp_path, monkeypatch):
    folder, out = tmp_path / "in", tmp_path / "scores.csv"
    folder.mkdir()
    (folder / "ada.ipynb").write_text(notebook(RIGHT))
    with monkeypatch.context() as patch:
        patch.setattr(judges, "PATIENCE", 0)
        first = scored(folder, out, "--seed", "5")["ada"]
    assert first["points"] == "0"
    assert first["flags"] == f"{NAME}: not judged"
    assert "the same command tries again" in first["reasons"]
    second = scored(folder, out, "--seed", "5")["ada"]
    assert (second[f"{NAME} q1"], second["flags"]) == ("2", "")


SCORER = """
from course_utils.grading.scoring.judges import Judge

def main():
    judge = Judge()
    judge("01_vae_compression", 5, {})
    print(*judge._pool._processes, flush=True)
    input()

if __name__ == "__main__":
    main()
"""


def test_a_scorer_that_is_killed_leaves_no_judge_behind(tmp_path):
    (tmp_path / "scorer.py").write_text(SCORER)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, str(tmp_path / "scorer.py")], **pipes) as process:
        assert int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        assert process.communicate(timeout=60)[0] == ""  # the pipe ends when the last who holds it has ended


def test_a_file_of_no_exercise_beside_a_good_one_is_told():
    good = score.Score("ada", "01.ipynb", NAME, {"q1": Verdict(2, "Right.")})
    bad = score.Score("ada", "02.ipynb", "", troubles=["not a notebook: cut off"])
    for scores in ([good, bad], [bad, good]):
        (kept,) = table.best(scores)["ada"]
        assert (kept.points, kept.troubles) == (2, ["02.ipynb: not a notebook: cut off"])
    assert good.troubles == []


def test_canvas_gets_one_row_for_each_number_and_no_zero_for_what_was_not_judged(tmp_path):
    scores = [
        score.Score("lopez_12345_678_01", "lopez_12345_678_01.ipynb", NAME, {"q1": Verdict(2, "Right.")}),
        score.Score("lopez_12345_679_notes", "lopez_12345_679_notes.png", "", troubles=["no notebook"]),
        score.Score("wu_77_1_01", "wu_77_1_01.ipynb", NAME, {"q1": Verdict(0, "?")}, judged=False),
    ]
    table.canvas(scores, tmp_path / "canvas.csv", "Exercise 1")
    rows = [row[1::4] for row in csv.reader((tmp_path / "canvas.csv").open(encoding="utf-8"))]
    assert rows == [["ID", "Exercise 1"], ["12345", "2"], ["77", ""]]


def test_page_and_table_agree_on_what_was_to_be_had(tmp_path):
    scores = [score.Score("ada", "01.ipynb", NAME), score.Score("bea", "02.ipynb", "02_latent_vs_clip")]
    table.write(scores, tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(encoding="utf-8-sig") as file:
        out_of = {row["student"]: row["out of"] for row in csv.DictReader(file)}
    page = next(path for path in report.write(scores, tmp_path) if path.stem == "ada").read_text()
    assert f"0 of {out_of['ada']} points" in page
    assert "<h2>02_latent_vs_clip</h2><p>Not handed in.</p>" in page


def test_excel_is_told_the_encoding(tmp_path):
    table.write([score.Score("Jürgen", "a.ipynb", NAME)], tmp_path / "scores.csv")
    assert (tmp_path / "scores.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_interrupted_by_hand_what_waits_is_left_to_the_next_run(tmp_path, monkeypatch):
    for k in range(20):
        (tmp_path / f"{k}.ipynb").write_text("{}")
    begun = []
    done = score.Score("a", "a", "")
    monkeypatch.setattr(score, "_kept", lambda *given: begun.append(given) or time.sleep(0.02) or done)

    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score.score_all(tmp_path, tmp_path / "state", score.Settings(seed=1), 2, stop)
    assert len(begun) < 8


def test_scores_by_other_weights_or_other_code_are_not_taken_for_these(tmp_path, monkeypatch):
    before = score.code_version()
    monkeypatch.setattr(score, "FOLDER", tmp_path)
    (tmp_path / score.SUMS).write_text("others")
    assert score.code_version() != before
