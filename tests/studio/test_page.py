"""The page's files: its library is the pinned one, nothing is loaded from elsewhere, every module is there."""

from __future__ import annotations

import hashlib
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from tests import parts
from tests.browser import watched

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "src/psdl/studio/page"
NAMESPACE = "http://www.w3.org/2000/svg"


def test_the_library_is_the_pinned_one():
    pinned = runpy.run_path(str(ROOT / "tools/studio_assets.py"))
    assert hashlib.sha256(pinned["TARGET"].read_bytes()).hexdigest() == pinned["SHA256"]


@pytest.mark.parametrize("file", sorted(PAGE.glob("*.*")), ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(file):
    text = file.read_text().replace(NAMESPACE, "").replace("http://127.0.0.1", "")
    assert not re.search(r"https?://|@import|//cdn", text)
    for name in re.findall(r'(?:from|import\()\s*"(\./[^"]+)"', text):
        assert (PAGE / name).is_file(), name
    assert "innerHTML" not in text  # names of files never become markup
    assert "eval(" not in text


@pytest.fixture
def served(model_file, tmp_path):
    """The address of a running `psdl serve`."""
    command = [sys.executable, "-m", "psdl.cli.main", "serve", str(model_file), "--port", "0"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=dict(os.environ))
    said = next(line for line in process.stdout if "listening" in line)
    yield re.findall(r"http://[\w.:]+:\d+/", said)[0]
    process.terminate()
    process.wait(30)
    process.stdout.close()


def test_a_server_shows_the_verdict_of_a_dropped_image(browser, served, tmp_path):
    """`psdl serve` at /: an image gets verdict, heat and places; its documentation needs no network."""
    page, problems = browser.new_page(viewport={"width": 390, "height": 844}), []
    watched(page, lambda url: url.startswith((served, "blob:", "data:")), problems)
    page.goto(served)
    expect(page.locator(".big-drop")).to_contain_text("bolt")
    rng = np.random.default_rng(4)
    page.locator("input[type=file]").set_input_files(parts.save(parts.defective(rng)[0], tmp_path / "new.png"))
    expect(page.locator(".verdict .badge")).to_have_text("NG")
    expect(page.locator(".layers rect").first).to_be_attached()
    expect(page.locator(".layers img")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name="What can be asked").click()
    expect(page.locator("article h2").first).to_contain_text("POST /v1/score")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert problems == []
    page.close()
