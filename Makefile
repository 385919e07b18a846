# One command a need; `make help` lists them. Everything is set up on first use.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
STAMP := .venv/.set-up

# Compiled once and kept: the tests start hundreds of processes, and each would compile it all again.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE

# uv from the path, or else a pinned one of our own: a machine needs only Python 3.11+.
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)

.PHONY: help
help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 12

.tools/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "The course needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	       "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .tools \
	  || { echo "Python's venv module is missing. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@.tools/bin/pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

$(STAMP): pyproject.toml uv.lock | $(filter .tools/bin/uv,$(UV))
	@echo "Setting up .venv (once, and again when the dependencies change) ..."
	@$(UV) sync --frozen --quiet
	@touch $@

.PHONY: setup
setup: $(STAMP)  ## set up .venv, and nothing else

.PHONY: learn
learn: setup  ## open the course in JupyterLab, on your own copy of the notebooks
	@$(BIN)/course start

.PHONY: packages
packages:
	@tests/install-packages

.PHONY: test
test: setup packages lint  ## prove everything: checks, tests, every notebook, a real browser
	@$(BIN)/python -m pytest -n 2 --durations=15

.PHONY: notebooks
notebooks: setup  ## execute every notebook with papermill, and say how long each took
	@$(BIN)/python -m tests.notebooks

.PHONY: browser
browser: setup packages  ## every notebook in a real browser, not one a day
	@DWCP_ALL_NOTEBOOKS=1 $(BIN)/python -m pytest -n 0 tests/browser

.PHONY: verify
verify: setup  ## prove that every exercise can be solved, and cannot be passed unsolved
	@$(BIN)/autograder verify

.PHONY: mutants
mutants: setup  ## try every mutant of every solution again, not only of those that changed
	@$(BIN)/autograder verify $(notdir $(wildcard source/*-[0-9])) --mutants --again

.PHONY: bench
bench: setup  ## ratios against what there is already (docs/benchmarks.md); takes an hour
	@tests/install-packages --bench
	@$(BIN)/python -m benchmarks.grading
	@$(BIN)/python -m benchmarks.hostile
	@$(BIN)/python -m benchmarks.encoding
	@$(BIN)/python -m benchmarks.prediction
	@$(BIN)/python -m benchmarks.placement
	@$(BIN)/python -m benchmarks.consensus
	@$(BIN)/python -m benchmarks.lab
	@$(BIN)/python -m benchmarks.migration
	@$(BIN)/python -m benchmarks.transport
	@$(BIN)/python -m tests.dwcp.storm
	@$(BIN)/python -m tests.dwcp.sync_world --seeds 50
	@$(BIN)/python -m tests.lab.byzantine_storm --seeds 50
	@$(BIN)/python -m tests.runbooks.cross

.PHONY: release
release: setup  ## make release/ from source/ again
	@$(BIN)/python -m tests.release

.PHONY: lint
lint: setup  ## check style, types and stripped outputs
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check course autograder tests nbgrader_config.py
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/nbstripout --keep-id --verify $$(git ls-files 'source/*.ipynb' 'release/*.ipynb' 'course/*.ipynb')

.PHONY: format
format: setup  ## put code in order, and strip notebooks of their outputs
	@$(BIN)/ruff check --quiet --fix .; :
	@$(BIN)/ruff format --quiet course autograder tests nbgrader_config.py
	@$(BIN)/nbstripout --keep-id $$(git ls-files 'source/*.ipynb' 'course/*.ipynb')

.PHONY: clean
clean:  ## remove what was made, except your own work in work/
	@rm -rf .venv .tools build .pytest_cache .mypy_cache .ruff_cache .hypothesis
