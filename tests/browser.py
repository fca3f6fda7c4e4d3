"""A real browser for tests of pages: headless Chromium, and what goes wrong in its pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

FOUND = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window. The test skips where there is none, and fails if one was asked for."""
    if FOUND is None:
        if os.environ.get("PSDL_TEST_BROWSER"):
            pytest.fail("PSDL_TEST_BROWSER is set, but no chromium is installed: make browser")
        pytest.skip("no chromium: make browser")
    with sync_playwright() as play, play.chromium.launch(executable_path=FOUND, args=ARGUMENTS) as begun:
        yield begun


def watched(page: Page, own: Callable[[str], bool], problems: list[str]) -> Page:
    """The page, whose console errors, uncaught errors and requests to elsewhere are added to the problems."""
    page.on("console", lambda said: said.type in ("error", "warning") and problems.append(said.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda asked: own(asked.url) or problems.append(asked.url))
    return page
