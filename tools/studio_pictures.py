"""The pictures of docs/studio.md, from the demo: python tools/studio_pictures.py (chromium)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from psdl.workflows.demo import PARTS

OUT = Path(__file__).parents[1] / "docs/images"
PATIENCE = 300_000  # milliseconds


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
            take(page, Path(folder))
        finally:
            server.terminate()
            server.wait(30)


def take(page: Page, folder: Path) -> None:
    """Goes from the demo's button to a defect, and takes the pictures on the way."""
    page.get_by_role("button", name="Try the demo").click()
    page.get_by_role("button", name="Learn", exact=True).click()
    page.get_by_role("button", name=re.compile("Next: see")).click()
    page.locator(".badge").nth(21).wait_for()
    for _ in range(3):  # one job may follow another
        page.locator(".strip").wait_for(state="detached")
        page.wait_for_timeout(1500)
    page.screenshot(path=OUT / "studio-check.png")
    page.locator(".limit summary").click()
    page.wait_for_timeout(500)
    page.locator(".limit").screenshot(path=OUT / "studio-limit.png")
    page.locator(".limit summary").click()
    page.locator(".cell").first.click()
    page.locator(".spot").first.wait_for()
    page.wait_for_timeout(2000)
    page.locator("dialog").screenshot(path=OUT / "studio-part.png")
    page.keyboard.press("m")
    page.get_by_role("button", name="Take what was found").click()
    page.wait_for_timeout(500)
    page.locator("dialog").screenshot(path=OUT / "studio-mark.png")
    page.get_by_role("button", name="Cancel").click()
    page.locator(".verdict").wait_for()
    page.get_by_role("button", name="close").click()
    watch(page, folder)


def watch(page: Page, folder: Path) -> None:
    """Lets the studio watch a folder into which some of the demo's pictures come."""
    camera = folder / "camera"
    camera.mkdir()
    found = sorted((folder / "plates/images/demo" / next(iter(PARTS)) / "test").glob("*.png"))
    for n, file in enumerate(found):
        shutil.copy(file, camera / f"{7 * n % len(found):03}.png")
    page.get_by_role("button", name="Line").click()
    page.get_by_role("button", name="Choose the folder…").click()
    page.get_by_label("Folder", exact=True).fill(str(camera))
    page.get_by_role("button", name="Go").click()
    page.get_by_role("button", name="Watch this folder").click()
    page.locator(".cell").nth(len(found) - 1).wait_for()
    page.wait_for_timeout(3000)
    page.screenshot(path=OUT / "studio-line.png")


if __name__ == "__main__":
    main()
