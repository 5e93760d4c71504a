"""What the Makefile calls: making the environment, building, serving, fetching, executing notebooks."""

import gzip
import hashlib
import json
import socket
import subprocess
import sys
import tarfile
import threading
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


def test_the_stamp_follows_the_pins(tmp_path, monkeypatch):
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
    venv = tmp_path / ".venv"
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
    write(packages / "half-1.0.dist-info/METADATA", "x")
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
    source = tmp_path / "01_first.py"
    notebooks.note(source, 12.3, 4, changed=True)
    before = (tmp_path / notebooks.STATUS).read_text()
    notebooks.note(source, 99.0, 4, changed=False)
    assert (tmp_path / notebooks.STATUS).read_text() == before
    assert json.loads(before)["notebooks"]["01_first"]["seconds"] == 12
    notebooks.note(source, 99.0, 4, changed=True)
    assert json.loads((tmp_path / notebooks.STATUS).read_text())["notebooks"]["01_first"]["seconds"] == 99


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
