"""Draws docs/images/report.png from the demo's report: make demo; python tools/report_picture.py (chromium)."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]


def main() -> None:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1180, "height": 760})
        page.goto((ROOT / "demo/report.html").as_uri())
        page.evaluate(
            "document.querySelectorAll('#acceptance-title, #metrics-title').forEach("
            "title => title.parentElement.remove())"
        )
        page.screenshot(
            path=ROOT / "docs/images/report.png",
            clip={"x": 0, "y": 0, "width": 1180, "height": 1500},
            full_page=True,
        )
        browser.close()


if __name__ == "__main__":
    main()
