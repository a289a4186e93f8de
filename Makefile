# Needs python3 (3.11 or later, with venv and pip) and make. `make help` lists the targets.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check lint types fmt pins clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv with the pinned dependencies and both distributions

demo: $(STAMP)  ## see Pulse record real client calls, without accounts or network
	@$(BIN)/pulse demo

serve: $(STAMP)  ## run the server
	@$(BIN)/pulse serve

test: $(STAMP)  ## run the tests
	$(BIN)/python -m pytest -q

check: lint types test  ## everything that CI runs

lint: $(STAMP)  ## style and formatting, without changing anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## types, strictly
	$(BIN)/basedpyright

fmt: $(STAMP)  ## format, and mend what can be mended
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# Pins hold names, versions, markers and hashes, no addresses; compiling them needs uv and a registry.
UV      ?= uv
PINS    := deploy/requirements
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes \
           --no-annotate --no-header --no-emit-package pulse-instrumentation --quiet

pins:  ## compile deploy/requirements from both pyproject.toml
	$(COMPILE) --all-extras pyproject.toml instrumentation/pyproject.toml --group dev -o $(PINS)/dev.txt
	$(COMPILE) --all-extras pyproject.toml --constraint $(PINS)/dev.txt -o $(PINS)/server.txt
	$(COMPILE) --group build --constraint $(PINS)/dev.txt -o $(PINS)/build.txt

clean:  ## remove what make and the tools made
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is younger than what it was made from, so later runs need no registry.
$(STAMP): deploy/requirements/dev.txt pyproject.toml instrumentation/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Pulse needs Python 3.11 or later, and '$(PYTHON)' is not; try: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned dependencies into $(VENV) ..."
	@$(PIP) install --require-hashes -r deploy/requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e . -e ./instrumentation
	@touch $@
