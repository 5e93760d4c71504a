"""Take the posters of the live demos from the built book: `python scripts/posters.py` (after `make book`).

A poster is what a demo shows once it is alive, so it is taken from the page itself, in a browser, and kept small.
"""

from __future__ import annotations

import io
import shutil
import sys
import threading
from pathlib import Path

import serve
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
POSTERS = ROOT / "book" / "images" / "demos"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 120_000

PLACES = {"plane": ("book/index", ".demo-plane > :is(.demo-pad-frame, .demo-picture)")}
"""Demo to page, and the parts of it that make the poster, side by side."""


def shot(page, name: str, parts: str) -> Image.Image:
    """What a demo shows, waiting until it is complete."""
    page.wait_for_selector(f"[data-demo={name}][data-state=live]", timeout=PATIENCE)
    page.wait_for_selector(f"[data-demo={name}][data-settled]", timeout=PATIENCE)
    boxes = [part.bounding_box() for part in page.query_selector_all(parts)]
    left, top = (min(box[side] for box in boxes) for side in ("x", "y"))
    right = max(box["x"] + box["width"] for box in boxes)
    bottom = max(box["y"] + box["height"] for box in boxes)
    clip = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return Image.open(io.BytesIO(page.screenshot(clip=clip, full_page=True))).convert("RGB")


def main() -> int:
    """Take all of them."""
    from playwright.sync_api import sync_playwright

    http = serve.server(serve.HTML, 8900)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    POSTERS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, (where, parts) in PLACES.items():
            page = browser.new_page(viewport={"width": 1000, "height": 1400})
            page.goto(f"http://localhost:{http.server_address[1]}/{where}.html")
            picture = shot(page, name, parts)
            picture.save(POSTERS / f"{name}.webp", quality=82, method=6)
            print(f"{name}: {picture.width}x{picture.height}")
    http.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
