# Every target sets itself up: Python 3.11 and pip (or uv) are all that is assumed.
PYTHON ?= python3
BIN := .venv/bin
EXTRAS ?= dev

.PHONY: setup demo test check bench size test-torch accept clean

setup: .venv/.ready

.venv/.ready: pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
		test -d .venv || uv venv -q --python 3.11 .venv; \
		VIRTUAL_ENV=.venv uv pip install -q -e '.[$(EXTRAS)]'; \
	else \
		test -d .venv || $(PYTHON) -m venv .venv; \
		$(BIN)/python -m pip install -q -e '.[$(EXTRAS)]'; \
	fi
	@touch $@

demo: setup
	$(BIN)/psdl demo --out demo

test: setup
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
