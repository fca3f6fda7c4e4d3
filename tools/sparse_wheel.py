"""The sparse coding library as a wheel of its own, psdl-sparse, tested in an empty environment.

    python tools/sparse_wheel.py        (or: make wheel-sparse)

Builds build/sparse/psdl_sparse-*.whl from src/psdl/sparse, installs it with NumPy and numba alone in an
environment of its own, and runs the library's tests there under its own name.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUT = ROOT / "build/sparse"
OTHERS = ("test_estimators.py", "test_statistics.py", "test_torch.py")  # need more than NumPy and numba


def renamed(source: str) -> str:
    """A test's source, for the package psdl_sparse instead of psdl.sparse."""
    source = re.sub(
        r"^(\s*)from psdl import sparse$", r"\1import psdl_sparse as sparse", source, flags=re.MULTILINE
    )
    source = source.replace("psdl.sparse", "psdl_sparse").replace("tests.sparse.problems", "problems")
    return source


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Runs a command, or ends with its exit code."""
    print("$", *command, flush=True)
    done = subprocess.run([str(part) for part in command], cwd=cwd)
    if done.returncode:
        raise SystemExit(done.returncode)


def copy_tests(folder: Path) -> list[str]:
    """Writes the tests that NumPy and numba are enough for into a folder; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for path in sorted((ROOT / "tests/sparse").glob("*.py")):
        if path.name not in OTHERS and path.name != "__init__.py":
            (folder / path.name).write_text(renamed(path.read_text()))
            names.append(path.name)
    return [name for name in names if name.startswith("test_")]


def main() -> None:
    for old in OUT.glob("*.whl"):
        old.unlink()
    run(sys.executable, "-m", "build", "--wheel", "-o", OUT, ROOT / "packages/psdl-sparse")
    wheel = next(OUT.glob("psdl_sparse-*.whl"))
    python = OUT / "empty/bin/python"
    run(sys.executable, "-m", "venv", "--clear", OUT / "empty")
    run(python, "-m", "pip", "install", "-q", wheel)
    installed = subprocess.run([python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True)
    names = {line.split("==")[0].lower() for line in installed.stdout.splitlines()} - {"pip", "setuptools"}
    if names != {"psdl-sparse", "numpy", "numba", "llvmlite"}:
        raise SystemExit(f"the wheel brought more than NumPy and numba: {', '.join(sorted(names))}")
    run(python, "-m", "pip", "install", "-q", "pytest", "hypothesis")
    tests = copy_tests(OUT / "tests")
    quiet = ("-q", "-p", "no:cacheprovider", "-m", "not slow", "-W", "ignore::pytest.PytestUnknownMarkWarning")
    run(python, "-m", "pytest", *quiet, *(sys.argv[1:] or tests), cwd=OUT / "tests")


if __name__ == "__main__":
    main()
