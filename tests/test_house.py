"""The rules of the house: imports, sizes, light start, public names."""

from __future__ import annotations

import ast
import importlib
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import psdl

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
HEAVY = ("numba", "onnxruntime", "matplotlib", "onnx", "torch", "PIL", "scipy", "skimage")


def test_imports_go_one_way():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout
    assert "2 kept, 0 broken" in done.stdout


@pytest.mark.parametrize("path", SOURCES + sorted((ROOT / "tests").rglob("*.py")), ids=lambda p: p.stem)
def test_no_file_is_longer_than_300_lines(path):
    assert len(path.read_text().splitlines()) <= 300


def loaded(code: str) -> set[str]:
    """The heavy libraries that a fresh process has loaded after `code`."""
    probe = f"import sys; {code}; print(*sorted(set({HEAVY!r}) & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_starting_loads_nothing_heavy():
    assert loaded("import psdl") == set()
    assert loaded("import psdl.cli.main") == set()


def test_the_light_start_test_can_fail():
    assert "numba" in loaded("import psdl.measure.components")


def test_scoring_loads_neither_matplotlib_nor_onnx():
    assert loaded("import psdl; psdl.Detector, psdl.read") <= {"numba", "onnxruntime", "PIL", "scipy"}


def test_public_names_are_importable_and_at_most_a_dozen():
    assert len(psdl.__all__) <= 12
    for name in psdl.__all__:
        assert getattr(psdl, name).__doc__
    with pytest.raises(AttributeError):
        psdl.nothing  # noqa: B018


def test_every_public_function_of_the_library_has_a_docstring():
    bare = []
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            named = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
            if named and not ast.get_docstring(node) and "formats" not in path.parts:
                bare.append(f"{path.name}:{node.name}")
    assert bare == []


def test_methods_and_layouts_keep_their_contracts():
    contracts = {
        "datasets/formats": ("recognise", "read", "rule"),
        "jobs": ("runner",),
    }
    for folder, names in contracts.items():
        for path in (ROOT / "src/psdl" / folder).glob("[!_]*.py"):
            module = importlib.import_module("psdl." + folder.replace("/", ".") + "." + path.stem)
            assert all(hasattr(module, name) for name in names), path


def test_recipes_state_every_parameter_so_that_models_do_not_depend_on_defaults():
    from dataclasses import fields

    from psdl.model.recipes import RECIPES

    for recipe in RECIPES.values():
        for part in recipe.parts:
            method = importlib.import_module(f"psdl.methods.{part.method}")
            assert {field.name for field in fields(method.Params)} == set(part.params), part.name


def test_randomness_comes_from_seeds_only():
    for path in SOURCES:
        assert not re.search(r"np\.random\.(?!default_rng|SeedSequence|Generator)", path.read_text()), path


def test_kernels_are_cached_and_never_fastmath_true():
    for path in SOURCES:
        for decorator in re.findall(r"@njit\((.*?)\)\n", path.read_text()):
            assert "nogil=True, cache=True" in decorator
            assert "fastmath=True" not in decorator


MANY = {  # keyword arguments after scikit-learn's habit
    "sparse/learning.py": {"learn"},
    "sparse/learners/ksvd.py": {"learn"},
    "sparse/learners/online.py": {"absorb"},
    "sparse/estimators.py": {"__init__"},
}


def test_no_function_takes_more_than_seven_parameters():
    """Kernels aside, and verbs of the command line, whose options typer reads off their parameters."""
    found = {}
    for path in SOURCES:
        name = path.relative_to(ROOT / "src/psdl").as_posix()
        if name.startswith("cli/") or path.stem.endswith(("_cpu", "simd", "_triton")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name not in MANY.get(name, ()):
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                if sum(one.arg not in ("self", "cls") for one in given) > 7:
                    found[f"{name}:{node.name}"] = len(given)
    assert found == {}


NAMED = (  # modules whose public names are stated, beside those that state them anyway
    "api",
    "errors",
    "jobs.context",
    "methods.base",
    "scoring.result",
    "scoring.results",
    "sparse",
    "training.options",
    "types",
)


def stated() -> list[str]:
    """The modules of the library that have an `__all__`."""
    names = [path.relative_to(ROOT / "src").with_suffix("") for path in SOURCES if "\n__all__" in path.read_text()]
    return [".".join(path.parts).removesuffix(".__init__") for path in names]


def test_the_modules_that_users_import_state_their_public_names():
    assert {f"psdl.{name}" for name in NAMED} <= set(stated())


@pytest.mark.parametrize("name", stated())
def test_public_names_are_there_and_all_of_them(name):
    """Names of `__all__` can be imported; every other class and function of the module begins with an
    underscore."""
    module = importlib.import_module(name)
    assert len(module.__all__) == len(set(module.__all__))
    assert all(hasattr(module, public) for public in module.__all__)
    for node in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert node.name in module.__all__, node.name


def test_functions_that_no_other_module_uses_begin_with_an_underscore():
    """Kernels aside, and what the command line and FastAPI find by its name."""
    others = (path for folder in ("tests", "bench", "tools") for path in (ROOT / folder).rglob("*.py"))
    texts = {path: path.read_text() for path in [*SOURCES, *others]}
    words = {path: set(re.findall(r"\w+", text)) for path, text in texts.items()}
    lonely = []
    for path in SOURCES:
        if path.stem.endswith("_cpu") or {"cli", "formats", "pursuits", "studio"} & set(path.parts):
            continue
        named = [node.name for node in ast.parse(texts[path]).body if isinstance(node, ast.FunctionDef)]
        for name in named:
            used = any(name in found for other, found in words.items() if other != path)
            if not name.startswith("_") and not used:
                lonely.append(f"{path.name}:{name}")
    assert lonely == []


COINED = (  # words of the project's own for things that have names
    *(
        "look",
        "looks",
        "tell",
        "tells",
        "told",
        "taught",
        "going",
        "loose",
        "shelf",
        "door",
        "doors",
        "pace",
        "paces",
    ),
    *("draft", "drafts", "drafted", "starts", "filling", "framing", "move", "moves", "through"),
)
ELSEWHERES = {"tell", "move_to_end"}  # names of Python's own


def test_no_name_of_the_library_is_coined():
    """Image statistics are no looks, affine transforms no moves; the studio has its own words."""
    found = set()
    for path in SOURCES:
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        names = {token.string for token in tokens if token.type == tokenize.NAME} - ELSEWHERES
        words = {name for name in names if set(name.lower().split("_")) & set(COINED)}
        found |= {f"{path.name}:{name}" for name in words if "studio" not in path.parts}
    assert found - {"sorting.py:_move"} == set()
