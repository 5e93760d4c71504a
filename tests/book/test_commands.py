"""What the Makefile calls: making the environment, building, serving, fetching, executing notebooks."""

import ast
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request

import bootstrap
import build
import pytest
import serve
import vendor

import notebooks
from tests.book.toy import code, notebook, prose, write

# ------------------------------------------------------------------------------------------------ bootstrap


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_suitable_pythons_pass(version):
    bootstrap.check_python(version, None)


def test_an_unsuitable_python_is_told_what_to_do():
    with pytest.raises(bootstrap.Problem, match=r"Python 3\.10.*sudo apt install python3\.12 python3\.12-venv"):
        bootstrap.check_python((3, 10), None)
    with pytest.raises(bootstrap.Problem, match=r"make read PYTHON=python3\.13"):
        bootstrap.check_python((3, 14), "python3.13")


def test_a_missing_venv_names_the_package():
    with pytest.raises(bootstrap.Problem, match=r"ensurepip is missing.*sudo apt install python3\.11-venv"):
        bootstrap.check_venv((3, 11), has=lambda name: None if name == "ensurepip" else object())


@pytest.mark.parametrize("name", ["bootstrap", "vendor"])
def test_a_python_that_is_too_old_can_read_what_tells_it_so(repository, name):
    text = (repository / f"scripts/{name}.py").read_text()
    tree = ast.parse(text, feature_version=(3, 8))
    assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)


@pytest.fixture
def pinned(tmp_path, monkeypatch):
    """An environment of a course whose pins are all one word."""
    for name in (
        "requirements.txt",
        "requirements-book.txt",
        "requirements-test.txt",
        "constraints.txt",
        "pyproject.toml",
    ):
        write(tmp_path / name, name)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "PINS", tmp_path / "constraints.txt")
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    return tmp_path / ".venv"


@pytest.fixture
def asked(monkeypatch):
    """What pip is asked for; nothing is installed."""
    found = []
    monkeypatch.setattr(bootstrap, "pip", lambda venv, *arguments: found.append(arguments))
    return found


def test_going_back_to_older_pins_installs_them_again(pinned, asked, tmp_path):
    pinned.mkdir()
    bootstrap.install("all", pinned)
    write(tmp_path / "constraints.txt", "newer")
    bootstrap.install("book", pinned)
    write(tmp_path / "constraints.txt", "constraints.txt")
    assert not bootstrap.installed("all", pinned)  # the book's packages are the newer ones


def test_torch_alone_comes_from_another_index_and_comes_anew_when_that_changes(pinned, asked, monkeypatch):
    pinned.mkdir()
    bootstrap.install("all", pinned)
    assert bootstrap.other_torch(pinned) is None
    assert not any("torch" in arguments for arguments in asked)
    monkeypatch.setenv("TORCH_INDEX", "https://example.org/cpu")
    assert bootstrap.other_torch(pinned) == "https://example.org/cpu"
    bootstrap.install("all", pinned)
    (special,) = [arguments for arguments in asked if "torch" in arguments]
    assert {"--no-deps", "--force-reinstall", "https://example.org/cpu"} <= {*special}
    assert bootstrap.other_torch(pinned) is None


def test_an_environment_that_was_moved_is_made_anew(tmp_path):
    here = tmp_path / "a clone" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", here], check=True)
    assert not bootstrap.moved(here)
    there = tmp_path / "moved" / ".venv"
    shutil.copytree(here, there, symlinks=True)
    assert bootstrap.moved(there)
    write(there / "left", "")
    bootstrap.create(there)
    assert not bootstrap.moved(there)
    assert not (there / "left").exists()


def test_two_calls_do_not_work_on_one_environment(tmp_path):
    venv = tmp_path / ".venv"
    with bootstrap.alone(venv), open(tmp_path / ".venv.lock", "w") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open(tmp_path / ".venv.lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_stamp_follows_the_pins(pinned, tmp_path):
    venv = pinned
    write(bootstrap.stamp("book", venv), bootstrap.fingerprint("book", venv))
    assert bootstrap.installed("book", venv)
    assert not bootstrap.installed("all", venv)
    write(tmp_path / "constraints.txt", "newer")
    assert not bootstrap.installed("book", venv)
    write(bootstrap.stamp("all", venv), bootstrap.fingerprint("all", venv))
    assert bootstrap.installed("book", venv)  # everything includes the book


def test_half_installed_packages_are_forgotten(tmp_path):
    packages = tmp_path / "lib/python3.11/site-packages"
    write(packages / "whole-1.0.dist-info/RECORD", "x")
    write(packages / "whole-1.0.dist-info/INSTALLER", "pip")
    write(packages / "half-1.0.dist-info/METADATA", "x")
    write(packages / "nearly-1.0.dist-info/RECORD", "copied with the files; programs come behind them")
    bootstrap.clear_half_installed(tmp_path)
    assert [path.name for path in packages.iterdir()] == ["whole-1.0.dist-info"]


def test_an_interrupted_environment_is_not_usable(tmp_path):
    assert not bootstrap.usable(tmp_path)
    write(bootstrap.python_of(tmp_path), "")
    bootstrap.python_of(tmp_path).chmod(0o755)
    assert not bootstrap.usable(tmp_path)


# ------------------------------------------------------------------------------------------------ build and serve


def test_pages_of_the_contents_must_exist(tmp_path):
    second = {"file": "notebooks/01", "sections": [{"file": "notebooks/01_solution"}]}
    toc = {"root": "book/index", "parts": [{"chapters": [{"file": "book/a"}, second]}]}
    write(tmp_path / "book/index.html", "")
    write(tmp_path / "book/a.html", "")
    assert build.missing(tmp_path, build.pages(toc)) == ["notebooks/01", "notebooks/01_solution"]


def planned(repository, tmp_path):
    """What `make book` would do in a small copy of the repository."""
    if not (tmp_path / "Makefile").exists():
        shutil.copy(repository / "Makefile", tmp_path)
        for name in ("_config.yml", "_toc.yml", "CHANGELOG.md", "constraints.txt", "scripts/build.py", "book/a.md",
                     "book/b.md", "notebooks/01_a.ipynb", "course_utils/models/weights/w",
                     "course_utils/measure/budgets.json"):
            write(tmp_path / name, "")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", "-n", "book"], cwd=tmp_path, env=clean, capture_output=True, text=True, check=True)
    return done.stdout


def stand(tmp_path, planned):
    """As a finished build leaves it."""
    told = next(line for line in planned.splitlines() if line.startswith("echo "))
    write(tmp_path / "_build/html/.complete", told.split(" > ")[0].removeprefix("echo ") + "\n")


def test_the_book_is_built_again_when_a_source_changes_or_goes(repository, tmp_path):
    first = planned(repository, tmp_path)
    assert "scripts/build.py" in first
    stand(tmp_path, first)
    assert "scripts/build.py" not in planned(repository, tmp_path)
    later = time.time() + 5
    os.utime(tmp_path / "book/a.md", (later, later))
    assert "scripts/build.py" in planned(repository, tmp_path)
    stand(tmp_path, first)
    os.utime(tmp_path / "_build/html/.complete", (later + 5, later + 5))
    assert "scripts/build.py" not in planned(repository, tmp_path)
    (tmp_path / "book/b.md").unlink()
    assert "scripts/build.py" in planned(repository, tmp_path)


def test_what_file_managers_leave_does_not_stop_make(repository, tmp_path):
    stand(tmp_path, planned(repository, tmp_path))
    for name in ("notebooks/01_a copy.ipynb", "notebooks/.ipynb_checkpoints/01_a-checkpoint.ipynb", "book/.DS_Store",
                 "notebooks/Untitled Folder/x.ipynb"):
        write(tmp_path / name, "")
    assert "scripts/build.py" not in planned(repository, tmp_path)


def test_pages_of_an_earlier_build_do_not_pass_for_this_ones(tmp_path, monkeypatch, capsys):
    write(tmp_path / "_toc.yml", "root: book/index\n")
    write(tmp_path / "_build/html/book/index.html", "")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "HTML", tmp_path / "_build/html")
    monkeypatch.setattr(build, "build", lambda root: 0)
    assert build.main() == 1
    assert "no page for book/index" in capsys.readouterr().err


@pytest.fixture
def served(tmp_path):
    write(tmp_path / "index.html", "hello")
    write(tmp_path / "module.mjs", "export {}")
    http = serve.server(tmp_path, 8760)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://localhost:{http.server_address[1]}"
    http.shutdown()
    http.server_close()


def test_serving(served, capfd):
    with urllib.request.urlopen(f"{served}/") as page:
        assert page.read() == b"hello"
    with urllib.request.urlopen(f"{served}/module.mjs") as script:
        assert script.headers["Content-Type"] == "text/javascript"
    assert capfd.readouterr().err == ""


def test_a_file_does_not_wait_for_its_headers_to_be_acknowledged(served, monkeypatch):
    found, answer = [], serve.Pages.do_GET

    def seen(handler):
        found.append(handler.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        answer(handler)

    monkeypatch.setattr(serve.Pages, "do_GET", seen)
    urllib.request.urlopen(f"{served}/").close()
    assert found == [1]


def test_a_taken_port_is_passed_over(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert serve.taken(port)
        with serve.server(tmp_path, port) as http:
            assert http.server_address[1] > port


def test_serving_without_a_book_says_so(repository, tmp_path):
    script = repository / "scripts/serve.py"
    result = subprocess.run([sys.executable, script, "--folder", tmp_path], capture_output=True, text=True)
    assert result.returncode == 1
    assert "make book" in result.stderr


# ------------------------------------------------------------------------------------------------ vendor


def archive(tmp_path, **files):
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            source = write(tmp_path / "package" / name, text)
            tar.add(source, arcname=f"package/{name}")
    return path


def test_only_wanted_files_of_the_right_archive_are_copied(tmp_path):
    path = archive(tmp_path, **{"es5/a.js": "a", "es5/fonts/f.woff": "f", "other.js": "o"})
    right = vendor.Package(
        "p", "1", hashlib.sha256(path.read_bytes()).hexdigest(), {"es5/a.js": "x", "es5/fonts/": "x/fonts"}
    )
    copied = vendor.unpack(vendor.verified(path, right), right, tmp_path / "web")
    assert sorted(file.relative_to(tmp_path / "web").as_posix() for file in copied) == ["x/a.js", "x/fonts/f.woff"]
    zipped = vendor.Package("p", "1", right.sha256, {"other.js": "x"}, zipped=".js")
    (file,) = vendor.unpack(path, zipped, tmp_path / "web")
    assert (file.name, gzip.decompress(file.read_bytes())) == ("other.js.gz", b"o")
    with pytest.raises(vendor.Mismatch, match="expected SHA-256 0000"):
        vendor.verified(path, vendor.Package("p", "1", "0000", {}))


# ------------------------------------------------------------------------------------------------ notebooks


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def executed(first, second):
    """A notebook as two runs would leave it: widget ids, addresses and chunks are chance."""
    view = {
        "output_type": "display_data",
        "metadata": {},
        "data": {
            "application/vnd.jupyter.widget-view+json": {"model_id": second},
            "text/plain": f"<object at {first}>",
        },
    }
    raw = notebook(prose("# Title"), code("x", stream("a\n"), stream("b\n"), view))
    raw["metadata"] |= {
        "widgets": {notebooks.WIDGETS: {"state": {"f" * 31 + "1": {}, second: {"child": "IPY_MODEL_" + second}}}}
    }
    raw["cells"][1]["metadata"] = {"execution": {"iopub.execute_input": first}, "tags": ["hide-input"]}
    return raw


def test_two_runs_come_out_the_same():
    one, two = (
        notebooks.lined(notebooks.regular(executed(*chance)))
        for chance in (("0x7f0123456789", "a" * 32), ("0x7fabcdefabcd", "b" * 32))
    )
    assert one == two
    assert "a\\n" in one
    assert "hide-input" in one
    assert f'"model_id": "{1:032x}"' in one


def test_cell_ids_follow_the_text():
    ids = notebooks.cell_ids([prose("a"), prose("b"), prose("a")])
    assert ids[2] == f"{ids[0]}-2"
    assert notebooks.cell_ids([prose("changed"), prose("b"), prose("a")])[1] == ids[1]


def test_pictures_are_not_masked():
    assert notebooks.masked({"image/png": "0x7f0123456789", "text/html": "0x7f0123456789"}) == {
        "image/png": "0x7f0123456789",
        "text/html": "0x…",
    }


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (stream("a warning", "stderr"), "cell 1 wrote on stderr: a warning"),
        (
            {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []},
            "cell 1 raised ValueError: no",
        ),
        (stream(f"{notebooks.ROOT}/x"), "shows a path of this machine"),
    ],
)
def test_debris_stops_the_run(output, says):
    with pytest.raises(notebooks.Debris, match=says):
        notebooks.check(notebook(prose("# T"), code("x", output)), "01.py")


def test_status_keeps_what_stands_when_nothing_changed(tmp_path):
    source = write(tmp_path / "01_first.py", "")
    notebooks.note(source, 12.3, 4, changed=True)
    before = (tmp_path / notebooks.STATUS).read_text()
    notebooks.note(source, 99.0, 4, changed=False)
    assert (tmp_path / notebooks.STATUS).read_text() == before
    assert json.loads(before)["notebooks"]["01_first"]["seconds"] == 12
    notebooks.note(source, 99.0, 4, changed=True)
    assert json.loads((tmp_path / notebooks.STATUS).read_text())["notebooks"]["01_first"]["seconds"] == 99


def test_status_forgets_notebooks_that_went_and_bears_a_broken_file(tmp_path):
    first, second = (write(tmp_path / f"0{k}_a.py", "") for k in (1, 2))
    for source in (first, second):
        notebooks.note(source, 1.0, 1, changed=True)
    first.unlink()
    assert list(notebooks.read_status(tmp_path)["notebooks"]) == ["02_a"]
    write(tmp_path / notebooks.STATUS, "{<<<<<<< HEAD")
    notebooks.note(second, 1.0, 1, changed=True)
    assert list(notebooks.read_status(tmp_path)["notebooks"]) == ["02_a"]


def test_paths_are_found_in_any_letters_and_the_root_is_no_home(monkeypatch):
    shown = notebook(prose("# T"), code("x", stream("/home/jörg/course/x.png, https://example.org")))
    monkeypatch.setenv("HOME", "/home/jörg")
    with pytest.raises(notebooks.Debris, match="shows a path of this machine"):
        notebooks.check(shown, "01.py")
    monkeypatch.setenv("HOME", "/")
    notebooks.check(shown, "01.py")


def test_a_kernel_finds_no_other_scale(monkeypatch):
    monkeypatch.setattr(os, "environ", {**os.environ, "COURSE_SCALE": "sd15", "COURSE_CPU": "1"})
    notebooks.quieten()
    assert not {"COURSE_SCALE", "COURSE_CPU"} & {*os.environ}
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_a_notebook_with_picture_and_widget_executes_to_the_same_bytes_twice(tmp_path, capfd):
    source = write(
        tmp_path / "01_first.py",
        "\n".join(
            [
                "# %% [markdown]",
                "# # First",
                "# %%",
                "import ipywidgets, matplotlib.pyplot as plt",
                "plt.figure(figsize=(2, 1)); plt.plot([1, 2]); plt.show()",
                "# %%",
                "ipywidgets.IntSlider()",
                "# %%",
                "print('one'); print(object())",
                "",
            ]
        ),
    )
    assert notebooks.run([source]) == []
    first = source.with_suffix(".ipynb").read_bytes()
    assert notebooks.run([source]) == []
    assert source.with_suffix(".ipynb").read_bytes() == first
    assert b"image/png" in first
    assert b"IntSlider" in first
    assert [line.rpartition(", ")[2] for line in capfd.readouterr().out.splitlines()] == ["changed", "as before"]


def test_a_notebook_that_fails_leaves_its_neighbour_and_what_was_there(tmp_path):
    good = write(tmp_path / "01_good.py", "# %%\nprint('fine')\n")
    bad = write(tmp_path / "02_bad.py", "# %%\nraise ValueError('no')\n")
    dead = write(tmp_path / "03_dead.py", "# %%\nimport os; os._exit(1)\n")
    write(tmp_path / "02_bad.ipynb", "as it was")
    found = sorted(map(str, notebooks.run([bad, dead, good], jobs=2)))
    assert len(found) == 2
    assert "02_bad.py, cell 0 raised ValueError: no" in found[0]
    assert found[1].startswith("03_dead.py: DeadKernelError: ")
    assert "fine" in good.with_suffix(".ipynb").read_text()
    assert bad.with_suffix(".ipynb").read_text() == "as it was"
    status = json.loads((tmp_path / notebooks.STATUS).read_text())
    assert list(status["notebooks"]) == ["01_good"]
    assert "2 notebooks at a time" in status["machine"]
