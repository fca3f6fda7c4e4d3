"""The page's files: its library is the pinned one, nothing is loaded from elsewhere, every module is there."""

from __future__ import annotations

import hashlib
import re
import runpy
from pathlib import Path

import pytest

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
