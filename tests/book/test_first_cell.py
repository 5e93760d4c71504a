"""The set-up cell: one template, one address, and what the cell does when it is run."""

import subprocess
import sys

import first_cell
import jupytext
import pytest

NOTEBOOK = "# %% [markdown]\n# # Title\n\n# %%\nx = 1\n\n# %%\nprint(x)\n"


def test_it_becomes_the_first_code_cell_and_the_rest_stays():
    after = first_cell.with_cell(NOTEBOOK, "")
    cells = jupytext.reads(after, fmt="py:percent").cells
    assert [cell.cell_type for cell in cells] == ["markdown", "code", "code", "code"]
    assert cells[1].source == first_cell.cell("").strip()
    assert cells[1].metadata["tags"] == ["setup", "remove-cell"]
    assert after.replace(f"{first_cell.MARK}\n{first_cell.cell('')}\n", "") == NOTEBOOK


def test_writing_it_again_changes_the_address_only():
    once = first_cell.with_cell(NOTEBOOK, "")
    assert first_cell.with_cell(once, "") == once
    moved = first_cell.with_cell(once, "https://example.org/a/b")
    assert moved == once.replace('address = ""', 'address = "https://example.org/a/b"')


def test_a_notebook_without_code_is_refused():
    with pytest.raises(ValueError, match="no code cell"):
        first_cell.with_cell("# %% [markdown]\n# # Title\n", "")


@pytest.mark.parametrize(("written", "read"), [
    ('repository:\n  url: ""\n', ""), ("title: x\n", ""), ("repository:\n  url:\n", ""),
    ("repository:\n  url: https://example.org/a/b.git\n", "https://example.org/a/b"),
    ("repository:\n  url: https://example.org/a/b/\n", "https://example.org/a/b"),
])  # fmt: skip
def test_the_address_is_read_from_the_configuration(tmp_path, written, read):
    (tmp_path / "_config.yml").write_text(written)
    assert first_cell.address(tmp_path) == read


def test_checking_changes_nothing_and_writing_does(tmp_path, capsys):
    path = tmp_path / "01_x.py"
    path.write_text(NOTEBOOK)
    assert first_cell.main(["--check", str(path)]) == 1
    assert path.read_text() == NOTEBOOK
    assert first_cell.main([str(path)]) == 0
    assert first_cell.main(["--check", str(path)]) == 0
    assert "every notebook has" in capsys.readouterr().out


def test_every_notebook_begins_with_the_cell(repository):
    expected = first_cell.cell(first_cell.address()).strip()
    for path in sorted((repository / "notebooks").glob("[0-9][0-9]_*.py")):
        first = next(cell for cell in jupytext.read(path).cells if cell.cell_type == "code")
        assert first.source == expected, f"{path.name}: python scripts/first_cell.py, then make notebooks"


def test_it_offers_every_scale_there_is():
    from course_utils.models import SCALES

    assert first_cell.SCALES == SCALES


def ran(folder, address="", colab=True, course=False):
    """The cell run in a folder, on Colab or not, with pip replaced by one that tells what it was asked for."""
    pretended = "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')\n" if colab else ""
    spied = ("import subprocess, importlib.util\nsubprocess.run = lambda command, check: print(command[1:])\n"
             f"importlib.util.find_spec = lambda name: {course or None}\n")  # fmt: skip
    made = ("import types, sys\nsys.modules['course_utils'] = types.ModuleType('course_utils')\n"
            "sys.modules['course_utils.start'] = types.SimpleNamespace(start=lambda scale: print('started', scale))\n")
    code = pretended + spied + made + first_cell.cell(address)
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)


def test_outside_of_colab_it_is_silent(tmp_path):
    done = ran(tmp_path, colab=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_on_colab_it_installs_from_the_address(tmp_path):
    done = ran(tmp_path, "https://example.org/a/b")
    assert "'--no-deps', 'https://example.org/a/b/archive/HEAD.zip'" in done.stdout
    assert done.stdout.endswith("started critters\n")


def test_an_uploaded_wheel_goes_before_the_address(tmp_path):
    (tmp_path / "course_utils-0.1.0-py3-none-any.whl").touch()
    assert "'course_utils-0.1.0-py3-none-any.whl'" in ran(tmp_path, "https://example.org/a/b").stdout


def test_a_course_that_is_here_is_not_installed_again(tmp_path):
    assert ran(tmp_path, course=True).stdout == "started critters\n"


def test_without_wheel_and_address_it_says_what_to_do(tmp_path):
    done = ran(tmp_path)
    assert done.returncode != 0
    assert "Upload course_utils-….whl" in done.stderr
