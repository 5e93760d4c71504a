"""What lies in the repository: pins, glossary, vendored files, notebooks in step with their sources."""

import gzip
import hashlib
import re
import subprocess
import tomllib

import jupytext
import nbformat
import pytest
import yaml
from build import pages

IGNORED = {".git", ".venv", "_build", "build", "dist", "runs", ".work", "__pycache__", ".mypy_cache", ".pytest_cache",
           ".ruff_cache", ".ipynb_checkpoints", ".jupyter_cache", "htmlcov", ".coverage", "course_utils.egg-info"}
FIELDS = ["Also known as", "Example", "Why it matters", "Related", "Not to be confused with"]


def lines(path):
    """The requirements in a file, without comments and references."""
    return [line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith(("#", "-r"))]


def tracked(repository):
    """The files that are or will be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):  # an archive without history: what .gitignore names goes by name
        return sorted(path for path in repository.rglob("*") if path.is_file() and not IGNORED & {*path.parts})
    return [repository / name for name in names if name and (repository / name).is_file()]


def name_of(requirement):
    """The project that a requirement names, in one spelling."""
    return re.split(r"[<>=!~;\[ ]", requirement)[0].lower().replace("_", "-").replace(".", "-")


def test_the_package_needs_what_the_requirements_say(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert sorted(project["dependencies"]) == sorted(lines(repository / "requirements.txt"))


def test_everything_required_is_pinned_exactly(repository):
    pins = lines(repository / "constraints.txt")
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
    wanted = [name_of(line) for file in repository.glob("requirements*.txt") for line in lines(file)]
    assert set(wanted) <= {name_of(pin) for pin in pins}


def test_the_book_needs_no_torch(repository):
    assert not any("torch" in line for line in lines(repository / "requirements-book.txt"))
    imports = [
        line
        for file in (repository / "book/ext").rglob("*.py")
        for line in file.read_text().splitlines()
        if re.match(r"\s*(import|from) ", line)
    ]
    assert not any("torch" in line or "course_utils" in line for line in imports)


def test_each_glossary_entry_has_all_its_fields(repository):
    text = (repository / "book/glossary.md").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.partition("{glossary}\n")[2].partition("\n````")[0])
    assert len(entries) >= 40
    for entry in entries:
        assert re.findall(r"^  :([^:]+): ?\S", entry, flags=re.MULTILINE) == FIELDS, entry
    terms = [entry.partition("\n")[0] for entry in entries]
    assert terms == sorted(terms, key=str.lower)


def test_licences_lie_beside_what_others_made(repository):
    web = repository / "book/web"
    for folder in (web / "mathjax", *(web / "fonts").iterdir()):
        if folder.is_dir():
            assert (folder / "LICENSE").exists(), folder
    assert {path.stem.split("-latin")[0] for path in (web / "fonts").glob("*.woff2")} <= {
        path.name for path in (web / "fonts").iterdir() if path.is_dir()
    }


def test_the_style_sheet_asks_no_other_host(repository):
    style = (repository / "book/web/course.css").read_text()
    for url in re.findall(r'url\("([^"]+)"\)', style):
        assert (repository / "book/web" / url).exists(), url
    assert "http" not in style


def test_the_contents_list_every_page_that_lies_there(repository):
    listed = set(pages(yaml.safe_load((repository / "_toc.yml").read_text())))
    there = {f"book/{path.stem}" for path in (repository / "book").glob("*.md")}
    there |= {f"notebooks/{path.stem}" for path in (repository / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    there |= {f"notebooks/exercises/{path.stem}" for path in (repository / "notebooks/exercises").glob("*.ipynb")}
    assert there == listed


def test_there_are_notebooks(repository):
    assert list((repository / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def test_notebooks_are_in_step_with_their_sources(repository):
    for source in sorted((repository / "notebooks").glob("[0-9][0-9]_*.py")):
        cells = [(cell.cell_type, cell.source) for cell in jupytext.read(source).cells]
        kept = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
        assert [(cell.cell_type, cell.source) for cell in kept.cells] == cells, f"{source.name}: make notebooks"


def test_notebooks_are_executed_in_order_and_lean(repository):
    for path in sorted((repository / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), path.name
        assert path.stat().st_size < 4_000_000, path.name


# In pieces, so that this file names none itself.
REGISTRIES = ["registry.np" + "mjs", "python" + "hosted", "py" + "pi.org", "deb.deb" + "ian"]


@pytest.mark.parametrize("address", REGISTRIES)
def test_no_registry_is_named(repository, address):
    named = [path.name for path in tracked(repository) if address.encode() in path.read_bytes()]
    assert named == []


def test_the_tree_stays_small(repository):
    sizes = {path: path.stat().st_size for path in tracked(repository)}
    assert sum(sizes.values()) < 70_000_000
    assert max(sizes.values()) < 15_000_000


def test_vendored_scripts_are_the_ones_that_were_looked_at(repository):
    script = repository / "book/web/mathjax/tex-chtml.js.gz"
    assert (
        hashlib.sha256(gzip.decompress(script.read_bytes())).hexdigest()
        == "0a6ded5abbce13331658dd239f34382abd06492c74b71b61e8caa8112ec55fa5"
    )


def test_the_runtime_of_the_demos_is_the_one_that_was_looked_at(repository):
    folder = repository / "book/web/ort"
    module = (folder / "ort.wasm.bundle.min.mjs").read_bytes()
    binary = gzip.decompress((folder / "ort-wasm-simd-threaded.wasm.gz").read_bytes())
    assert [hashlib.sha256(content).hexdigest() for content in (module, binary)] == [
        "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    ]
