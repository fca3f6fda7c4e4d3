"""The documents say what the program does: help pages are current, examples run, links lead somewhere."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import parts

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def test_the_command_line_page_is_current():
    page = runpy.run_path(str(ROOT / "tools/cli_docs.py"))["text"]()
    assert page == (ROOT / "docs/cli.md").read_text(), "run: python tools/cli_docs.py"


@pytest.mark.parametrize("page", ["README.md", "docs/sparse.md", "docs/tutorial.md"])
def test_python_examples_run(page, tmp_path):
    rng = np.random.default_rng(0)
    for n in range(8):
        parts.save(parts.good(rng), tmp_path / f"good_parts/{n}.png")
    parts.save(parts.defective(rng)[0], tmp_path / "new/017.png")
    found = blocks(page)
    assert found
    follow = page in ("docs/sparse.md", "docs/tutorial.md")  # their blocks follow on each other
    programs = ["\n".join(found)] if follow else found
    for program in programs:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    if page == "docs/sparse.md":
        assert done.stdout.splitlines()[0] == re.search(r"print\(.*?#\s(.*)", found[0]).group(1)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_named_files_of_the_architecture_exist():
    tree = re.search(r"```\n(file or array.*?)```", (ROOT / "ARCHITECTURE.md").read_text(), re.DOTALL).group(1)
    names = re.findall(r"^ {2}(\S+?\.py|\S+?/)\s", tree, re.MULTILINE)
    assert len(names) > 15
    for name in names:
        assert (ROOT / "src/psdl" / name).exists(), name


def test_every_stage_stands_in_the_architecture():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in (ROOT / "src/psdl").iterdir():
        if path.name not in ("__init__.py", "__pycache__"):
            assert (path.name + "/" if path.is_dir() else path.name) in text, path.name


def test_the_papers_settings_are_mapped():
    text = (ROOT / "docs/recipes.md").read_text()
    paths = ["DATA_PATH", "SAVE_PATH", "ARCH", "TYPE", "LAYER", "ONLY_TRAINING"]
    for name in [*paths, "IMGS_NUMBER", "SPARSE", "K_SVD_ITERATIONS", "SEED"]:
        assert f"`{name}`" in text
