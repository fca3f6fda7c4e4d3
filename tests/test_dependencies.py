"""What is declared of dependencies is true: bounds, advisories, and the private behaviour that upper bounds
guard."""

from __future__ import annotations

import inspect
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import advisories  # noqa: E402

PRIVATE = {  # what an upper bound guards: look at each before you raise one
    "uvicorn": "deploy/serve/protocol.py overrides methods of HttpToolsProtocol, run.py one of Server",
    "llvmlite": "sparse/simd.py and sparse/pursuits/step_simd.py write vector code by its builder",
    "numba": "sparse/simd.py uses numba.core.cgutils and array structures, kernels.py its cache",
}


def bounds() -> dict[str, str]:
    text = (ROOT / "pyproject.toml").read_text().split("[tool.hatch", 1)[0]
    return {
        name: line
        for line in text.splitlines()
        if "<" in line and '"' in line
        for name in PRIVATE
        if f'"{name}>' in line
    }


def test_upper_bounds_stand_where_private_behaviour_is_used_and_nowhere_else():
    text = (ROOT / "pyproject.toml").read_text().split("[tool.hatch", 1)[0]
    bounded = [line for line in text.splitlines() if ",<" in line]
    assert len(bounded) == len(PRIVATE) == len(bounds())


@pytest.mark.parametrize("name", PRIVATE)
def test_installed_versions_lie_within_their_upper_bounds(name):
    try:
        found = Version(version(name))
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    bound = bounds()[name].split(",<")[1].split('"')[0]
    assert found < Version(bound), f"{name} {found}: {PRIVATE[name]}; test that, then raise the bound"


def test_uvicorn_has_what_the_protocol_overrides():
    impl = pytest.importorskip("uvicorn.protocols.http.httptools_impl")
    protocol = impl.HttpToolsProtocol
    methods = (
        "connection_made connection_lost data_received on_message_begin on_headers_complete on_body"
        " on_message_complete on_response_complete shutdown send_400_response"
    )
    for name in methods.split():
        assert callable(getattr(protocol, name)), name
    source = inspect.getsource(impl)
    for word in ("self.cycle", "self.connections", "response_complete", "self.transport", "self.client"):
        assert word in source, word
    import uvicorn

    assert "capture_signals" in dir(uvicorn.Server)


def test_numba_has_what_the_cache_of_kernels_overrides():
    from numba.core.caching import FunctionCache, IndexDataCacheFile

    for name in ["load", "save", "flush", "_load_data", "_save_data"]:
        assert callable(getattr(IndexDataCacheFile, name)), name
    source = inspect.getsource(FunctionCache) + inspect.getsource(FunctionCache.__base__)
    for word in ("self._cache_file.load(key)", "self._cache_file.save(key, data)", "self._impl.filename_base"):
        assert word in source, word


def test_starlette_tells_the_end_of_a_form():
    parsers = pytest.importorskip("starlette.formparsers")
    assert callable(parsers.MultiPartParser.on_end)
    assert isinstance(parsers.MultiPartParser.spool_max_size, int)


def test_no_declared_version_has_an_advisory_that_is_known():
    assert advisories.problems() == []


def test_the_list_of_advisories_can_fail(monkeypatch):
    monkeypatch.setitem(advisories.MENDED, "pillow", [("999", "x", "y")])
    monkeypatch.setitem(advisories.MENDED, "nowhere", [("1", "x", "y")])
    assert len(advisories.problems()) == 2


def test_locked_versions_are_within_the_declared_bounds():
    locked = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
    known = {name.lower().replace("_", "-"): Version(number) for name, number in locked.items()}
    for name, lowest in advisories.declared().items():
        if name in known:
            assert known[name] >= lowest, name
    assert {"numpy", "pillow", "starlette", "uvicorn"} <= set(known)
