"""Pages as pictures, to look at: python tools/screenshots.py demo/report.html OUT_FOLDER (needs chromium)."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def main() -> None:
    page_file, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        for name, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                page.goto(page_file.as_uri())
                page.screenshot(path=out / f"{name}-{scheme}.png", full_page=True)
                page.locator("#gallery button").first.click()
                page.screenshot(path=out / f"{name}-{scheme}-open.png")
                page.close()
        page = browser.new_page()
        page.goto(page_file.as_uri())
        page.pdf(path=out / "print.pdf", format="A4", print_background=True)
        browser.close()


if __name__ == "__main__":
    main()
