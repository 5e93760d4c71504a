"""A hub on 127.0.0.1 that speaks the real one's protocol, as far as its client asks, and can misbehave on purpose."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

LARGE = 4_000
"""Bytes from which a file is kept as the real hub keeps large files: elsewhere, named by its SHA-256."""


class StandIn(ThreadingHTTPServer):
    """Serves `folder/<owner>/<name>/<files>`.

    Attributes:
        gone, gated: ids that answer 404, 401. `forgotten`: revisions that do not exist.
        cut: after how many bytes the next large download breaks off. `corrupt`: whether bytes are changed on the way.
        log: (method, path, range) of every request.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folder, self.log = folder, []
        self.reset()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def reset(self) -> None:
        self.gone, self.gated, self.forgotten = set(), set(), set()
        self.cut, self.corrupt = 0, False
        self.log.clear()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def elsewhere(self) -> str:
        """Large files come from another host, as the real ones do."""
        return f"http://localhost:{self.server_port}"

    def commit(self, repository: str) -> str:
        """The newest commit of a repository."""
        return hashlib.sha1(repository.encode()).hexdigest()

    def sent(self, ending: str) -> list[tuple[str, str, str]]:
        """Downloads (not questions) of large files, or of files whose name ends so."""
        return [entry for entry in self.log if entry[0] == "GET" and entry[1].endswith(ending)]


class Answer(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Not on the terminal."""

    def do_HEAD(self) -> None:
        self.answer(False)

    def do_GET(self) -> None:
        self.answer(True)

    def answer(self, body: bool) -> None:
        path = unquote(self.path.partition("?")[0])
        self.server.log.append((self.command, path, self.headers.get("Range", "")))
        if path.startswith("/large/"):
            return self.large(path.removeprefix("/large/"), body)
        kind, repository, revision, name = parsed(path)
        if repository in self.server.gated:
            return self.refuse(401, "GatedRepo")
        if repository in self.server.gone or not (self.server.folder / repository).is_dir():
            return self.refuse(404, "RepoNotFound")
        if revision in self.server.forgotten:
            return self.refuse(404, "RevisionNotFound")
        if kind == "api":
            return self.reply(json.dumps(self.about(repository)).encode(), {"Content-Type": "application/json"}, body)
        file = self.server.folder / repository / name
        commit = revision if len(revision) == 40 else self.server.commit(repository)
        if not file.is_file():
            return self.refuse(404, "EntryNotFound", commit)
        return self.file(repository, file, name, commit, body)

    def about(self, repository: str) -> dict:
        root = self.server.folder / repository
        files = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
        return {"id": repository, "modelId": repository, "sha": self.server.commit(repository), "private": False,
                "gated": False, "tags": [], "cardData": {"license": "mit"},
                "siblings": [{"rfilename": name} for name in files]}  # fmt: skip

    def file(self, repository: str, file: Path, name: str, commit: str, body: bool) -> None:
        data = file.read_bytes()
        if len(data) < LARGE:
            tag = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # as git names it
            return self.reply(data, {"ETag": f'"{tag}"', "X-Repo-Commit": commit}, body)
        digest = hashlib.sha256(data).hexdigest()
        self.send_response(302)
        for key, value in {"Location": f"{self.server.elsewhere}/large/{repository}/{digest}/{name}",
                           "Content-Length": "0", "X-Repo-Commit": commit, "X-Linked-ETag": f'"{digest}"',
                           "X-Linked-Size": str(len(data))}.items():  # fmt: skip
            self.send_header(key, value)
        self.end_headers()
        return None

    def large(self, path: str, body: bool) -> None:
        owner, repository, _, name = path.split("/", 3)
        data = (self.server.folder / owner / repository / name).read_bytes()
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        part = data[first:]
        if self.server.corrupt:
            part = part[:-1] + bytes([part[-1] ^ 1])
        headers = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if first else {}
        cut, self.server.cut = self.server.cut, 0 if body else self.server.cut
        self.reply(part, headers, body, 206 if first else 200, cut if body else 0)

    def reply(self, data: bytes, headers: dict, body: bool, code: int = 200, cut: int = 0) -> None:
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(data[: cut or None])
        if cut:
            self.close_connection = True

    def refuse(self, code: int, kind: str, commit: str = "") -> None:
        self.send_response(code)
        self.send_header("X-Error-Code", kind)
        self.send_header("X-Error-Message", kind)
        if commit:
            self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", "0")
        self.end_headers()


def parsed(path: str) -> tuple[str, str, str, str]:
    """What is asked for: "api" or "file", repository, revision, name."""
    parts = path.strip("/").split("/")
    if parts[:2] == ["api", "models"]:
        return "api", "/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main", ""
    owner, name, _, revision, *rest = [*parts, "", "", "", ""]
    return "file", f"{owner}/{name}", revision, "/".join(part for part in rest if part)
