"""The pictures of docs/studio.md, from the demo: python tools/studio_pictures.py (chromium)."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

OUT = Path(__file__).parents[1] / "docs/images"
PATIENCE = 900_000  # milliseconds


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        command = [
            sys.executable,
            "-m",
            "psdl.cli.main",
            "studio",
            f"{folder}/plates",
            "--port",
            "0",
            "--no-browser",
        ]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            line = server.stdout.readline() if server.stdout else ""
            browser = play.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(PATIENCE)
            page.goto(re.findall(r"http://[\d.:]+/", line)[0])
            take(page)
        finally:
            server.terminate()
            server.wait(30)


def take(page: Page) -> None:
    """Goes from the demo's button to a defect, and takes the pictures on the way."""
    page.get_by_role("button", name="Try the demo").click()
    page.get_by_text("More settings").click()
    page.get_by_label("Method").select_option("fast")
    page.get_by_role("button", name="Learn", exact=True).click()
    page.get_by_role("button", name=re.compile("Next: see")).click()
    page.locator(".strip").wait_for(state="detached")
    page.wait_for_timeout(2000)
    page.screenshot(path=OUT / "studio-check.png")
    page.locator(".limit summary").click()
    page.wait_for_timeout(500)
    page.locator(".limit").screenshot(path=OUT / "studio-limit.png")
    page.locator(".limit summary").click()
    page.locator(".cell").first.click()
    page.locator(".spot").first.wait_for()
    page.wait_for_timeout(2000)
    page.locator("dialog").screenshot(path=OUT / "studio-part.png")


if __name__ == "__main__":
    main()
