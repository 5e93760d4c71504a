"""Serve the built book on this machine alone: `python3 scripts/serve.py --port 8000`, or the next free port."""

import argparse
import functools
import socket
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HTML = Path(__file__).resolve().parent.parent / "_build" / "html"
TRIES = 100


class Pages(SimpleHTTPRequestHandler):
    """Static files, with the types that older systems do not know, and no line of log for each."""

    extensions_map = {  # noqa: RUF012
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
        ".woff": "font/woff",
        ".woff2": "font/woff2",
        ".svg": "image/svg+xml",
        ".ipynb": "application/json",
    }

    protocol_version = "HTTP/1.1"  # one connection for many files: a page with a live demo asks for thirty
    disable_nagle_algorithm = True  # else a file waits 40 ms behind its own headers, for an acknowledgement put off

    def end_headers(self) -> None:
        """Let browsers ask whether a file has changed: after an update old modules must not meet new ones."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal keeps the address in view."""


def taken(port: int) -> bool:
    """Whether something answers on `localhost` (whichever address that name means here)."""
    try:
        socket.create_connection(("localhost", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server on the first free port from `port` on. Raises `OSError` when there is none among the next hundred."""
    handler = functools.partial(Pages, directory=str(folder))
    for candidate in range(port, min(port + TRIES, 65536)):
        if taken(candidate):
            continue
        try:
            return ThreadingHTTPServer(("127.0.0.1", candidate), handler)
        except OSError:
            continue
    raise OSError(f"No free port from {port} on. Choose another:  make read PORT=9000")


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--folder", type=Path, default=HTML)
    arguments = parser.parse_args()
    if not (arguments.folder / "index.html").exists():
        print(f"There is no book in {arguments.folder}; `make book` builds it.", file=sys.stderr)
        return 1
    try:
        with server(arguments.folder, arguments.port) as http:
            port = http.server_address[1]
            note = "" if port == arguments.port else f"  (port {arguments.port} is taken)"
            print(f"\n  The book is at  http://localhost:{port}{note}\n  Ctrl-C stops it.\n", flush=True)
            http.serve_forever()
    except KeyboardInterrupt:
        print()
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
