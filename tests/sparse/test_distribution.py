"""psdl-sparse, the distribution of the library alone: what it says of itself, and that the folder stands alone."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "src/psdl/sparse"
OPTIONAL = {
    "estimators.py": {"sklearn"},
    "codes.py": {"scipy"},
    "statistics.py": {"matplotlib"},
    "torch.py": {"torch"},
    "torch_kernels.py": {"torch"},
    "torch_triton.py": {"triton"},
}
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the library is tested as it is installed")


def imported(path: Path) -> set[str]:
    """The packages that a file imports, relative imports left out."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda p: p.stem)
def test_every_import_is_relative_or_numpy_or_numba(path):
    import sys

    allowed = {"numpy", "numba", "llvmlite", *sys.stdlib_module_names, *OPTIONAL.get(path.name, set())}
    assert imported(path) <= allowed


def test_both_distributions_say_the_same():
    whole, alone = (
        tomllib.loads((ROOT / path / "pyproject.toml").read_text())["project"]
        for path in ("", "packages/psdl-sparse")
    )
    assert alone["version"] == whole["version"]
    assert set(alone["dependencies"]) == {d for d in whole["dependencies"] if d.startswith(("numpy", "numba"))}
    assert alone["license"] == whole["license"]
    assert alone["requires-python"] == whole["requires-python"]
