"""Fetch pinned scripts and fonts from npm, for the book and for its tests: `python3 scripts/vendor.py`.

Readers never need this (the files are committed), nor Node. Whoever raises a version does: change it below, run the
script, and put in the hash that it names once you trust what you fetched. Needs npm, and no Python package.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = "book/web"
TESTS = "tests/book/vendor"  # what only the tests use and no reader loads


@dataclass(frozen=True)
class Package:
    """One npm package: exact version, SHA-256 of its archive, where files go (prefix in it -> folder in `below`).

    Files that end in `zipped` are kept gzipped: the page unpacks them, whatever its host does, or the build.
    """

    name: str
    version: str
    sha256: str
    files: dict[str, str]
    below: str = WEB
    zipped: str | None = None


PACKAGES = (
    Package(
        "mathjax",
        "3.2.2",
        "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09",
        {
            "es5/tex-chtml.js": "mathjax",
            "es5/output/chtml/fonts/woff-v2/": "mathjax/output/chtml/fonts/woff-v2",
            "LICENSE": "mathjax",
        },
        zipped=".js",
    ),
    Package(
        "@fontsource-variable/literata",
        "5.3.0",
        "6511fb89c1b68ad10a422204580984dd3e27a129edc4cd015ee342f06a8fe4ac",
        {
            "files/literata-latin-wght-normal.woff2": "fonts",
            "files/literata-latin-wght-italic.woff2": "fonts",
            "LICENSE": "fonts/literata",
        },
    ),
    Package(
        "@fontsource-variable/fraunces",
        "5.3.0",
        "c8bff30211fb6683f7c4c6fa0c298d1f1c7d4e811767de92d26a199c273235fb",
        {
            "files/fraunces-latin-full-normal.woff2": "fonts",
            "LICENSE": "fonts/fraunces",
        },
    ),
    Package(
        "@fontsource-variable/jetbrains-mono",
        "5.3.0",
        "996fe6368a480c9ce15d4de22a2682b7c40b403718fee2b15e7272f244fd993f",
        {
            "files/jetbrains-mono-latin-wght-normal.woff2": "fonts",
            "LICENSE": "fonts/jetbrains-mono",
        },
    ),
    Package(
        "axe-core",
        "4.14.1",
        "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
        {"axe.min.js": "axe-core", "LICENSE": "axe-core", "LICENSE-3RD-PARTY.txt": "axe-core"},
        below=TESTS,
        zipped=".js",
    ),
    Package(
        "onnxruntime-web",
        "1.30.0",
        "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
        {
            "dist/ort.wasm.bundle.min.mjs": "ort",
            "dist/ort-wasm-simd-threaded.wasm": "ort",
        },
        zipped=".wasm",
    ),
)


class Mismatch(Exception):
    """A fetched archive is not the one that was pinned."""


def fetch(package: Package, folder: Path) -> Path:
    """The package's archive, as npm delivers it."""
    command = ["npm", "pack", f"{package.name}@{package.version}", "--pack-destination", str(folder), "--silent"]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    return folder / name


def verified(archive: Path, package: Package) -> Path:
    """The same archive, or `Mismatch` with the two hashes."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        raise Mismatch(
            f"{package.name} {package.version}: expected SHA-256 {package.sha256}, found {found}. "
            "Nothing was copied; look at what was fetched before you change the pin."
        )
    return archive


def wanted(member: str, package: Package) -> str | None:
    """The folder that a member of the archive belongs in, or None."""
    inside = member.removeprefix("package/")
    return next(
        (
            folder
            for prefix, folder in package.files.items()
            if inside == prefix or (prefix.endswith("/") and inside.startswith(prefix))
        ),
        None,
    )


def zipped(content: bytes) -> bytes:
    """In gzip's format; by zopfli, where it is installed, in a twentieth less (for 14 MB it searches a minute)."""
    try:
        from zopfli.gzip import compress
    except ModuleNotFoundError:
        return gzip.compress(content, 9, mtime=0)
    return compress(content, numiterations=5)


def unpack(archive: Path, package: Package, below: Path) -> list[Path]:
    """Copy the wanted files out of the archive, by name only, whatever their paths say."""
    copied = []
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            folder = wanted(member.name, package)
            source = tar.extractfile(member) if folder and member.isfile() else None
            if folder is None or source is None:
                continue
            target, content = below / folder / Path(member.name).name, source.read()
            if package.zipped and target.name.endswith(package.zipped):
                target, content = target.with_name(f"{target.name}.gz"), zipped(content)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            copied.append(target)
    return copied


def main() -> int:
    """Fetch, verify and copy every package."""
    with tempfile.TemporaryDirectory() as folder:
        for package in PACKAGES:
            archive = verified(fetch(package, Path(folder)), package)
            print(f"{package.name} {package.version}: {len(unpack(archive, package, ROOT / package.below))} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
