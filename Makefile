# Needs python3 (3.11 or later, with venv and pip) and make. `make help` lists the targets.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
# What the server and the demo need, without linters, type checkers and test tools.
RUN_STAMP := $(VENV)/.installed-to-run

# A second environment: the oldest clients and OpenTelemetry that the instrumentation supports.
OLDEST       := .venv-oldest
OLDEST_STAMP := $(OLDEST)/.installed

# Folders with the programs of PostgreSQL servers, for test-postgres.
POSTGRES_BINS ?= $(sort $(wildcard /usr/lib/postgresql/*/bin))

# Of soak: minutes on each engine (sqlite, postgres or both), and the pause of each client between its requests.
MINUTES  ?= 10
ENGINE   ?= both
PAUSE_MS ?= 50

# Processes that run the tests; files of tests are dealt out whole.
JOBS ?= 2

PIP := -m pip --disable-pip-version-check --quiet install
# Pins are complete, so nothing is left to resolve; modules are compiled when they are first imported.
PINNED := $(PIP) --require-hashes --no-deps --no-compile

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-oldest test-postgres soak check lint types docs docs-serve fmt pins clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv with everything: server, demo, tests, linters, type checker

demo: $(RUN_STAMP)  ## see Pulse record real client calls, without accounts or network
	@$(BIN)/pulse demo

serve: $(RUN_STAMP)  ## run the server
	@$(BIN)/pulse serve

test: $(STAMP)  ## run the tests, in JOBS processes
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile

test-oldest: $(OLDEST_STAMP)  ## run the instrumentation's tests on the oldest clients that it supports
	$(OLDEST)/bin/python -m pytest -q -p no:cacheprovider tests/instrumentation

test-postgres: $(STAMP)  ## run the tests of PostgreSQL on each server of POSTGRES_BINS="FOLDER ..." in turn
	@test -n "$(strip $(POSTGRES_BINS))" || { echo 'say where servers are: make test-postgres POSTGRES_BINS="/usr/lib/postgresql/18/bin ..."' >&2; exit 2; }
	@set -e; for bin in $(POSTGRES_BINS); do $$bin/postgres --version; CI=1 PULSE_TEST_POSTGRES_URL= PULSE_TEST_POSTGRES_BIN=$$bin \
	  $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile tests/storage tests/collector tests/query_api tests/server -k postgres; done

soak: $(STAMP)  ## run mixed real traffic against the server on each engine: make soak MINUTES=10 ENGINE=both PAUSE_MS=50
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --engine $(ENGINE) --pause-ms $(PAUSE_MS)

check: $(STAMP)  ## everything that CI runs
	$(MAKE) --jobs=2 --output-sync=target lint types docs $(OLDEST_STAMP)
	$(MAKE) test test-oldest

lint: $(STAMP)  ## style and formatting, without changing anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## types, strictly
	$(BIN)/basedpyright

docs: $(DOCS_STAMP)  ## build the documentation site into site/; a broken link is an error
	$(BIN)/python -m docs.tools.pages build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: docs  ## build the documentation site and serve it on http://127.0.0.1:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory site 8000

fmt: $(STAMP)  ## format, and mend what can be mended
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# Pins hold names, versions, markers and hashes, no addresses; compiling them needs uv and a registry.
UV      ?= uv
PINS    := deploy/requirements
UPGRADE ?=
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes \
           --no-annotate --no-header --no-emit-package pulse-instrumentation --quiet

pins:  ## compile deploy/requirements from both pyproject.toml; UPGRADE=--upgrade takes the newest of all
	$(COMPILE) $(UPGRADE) --all-extras pyproject.toml instrumentation/pyproject.toml --group dev -o $(PINS)/dev.txt
	$(COMPILE) --all-extras pyproject.toml --constraint $(PINS)/dev.txt -o $(PINS)/server.txt
	$(COMPILE) --group build --constraint $(PINS)/dev.txt -o $(PINS)/build.txt
	$(COMPILE) --group docs --constraint $(PINS)/dev.txt -o $(PINS)/docs.txt
	$(COMPILE) --resolution lowest-direct --all-extras instrumentation/pyproject.toml --group oldest -o $(PINS)/oldest.txt

clean:  ## remove what make and the tools made
	rm -rf $(VENV) $(OLDEST) .pytest_cache .ruff_cache .hypothesis dist build site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are younger than what they were made from, so later runs need no registry.
$(RUN_STAMP): deploy/requirements/server.txt deploy/requirements/build.txt pyproject.toml instrumentation/pyproject.toml
	@$(NEW_ENOUGH)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned dependencies into $(VENV) ..."
	@$(BIN)/python $(PINNED) -r deploy/requirements/server.txt -r deploy/requirements/build.txt
	@$(BIN)/python $(PIP) --no-deps --no-build-isolation -e . -e ./instrumentation
	@touch $@

$(STAMP): deploy/requirements/dev.txt $(RUN_STAMP)
	@echo "Installing what tests, lint and types need ..."
	@$(BIN)/python $(PINNED) -r deploy/requirements/dev.txt
	@touch $@

$(DOCS_STAMP): deploy/requirements/docs.txt $(RUN_STAMP)
	@echo "Installing the documentation tools ..."
	@$(BIN)/python $(PINNED) -r deploy/requirements/docs.txt
	@touch $@

$(OLDEST_STAMP): deploy/requirements/oldest.txt instrumentation/pyproject.toml
	@$(NEW_ENOUGH)
	@test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	@echo "Installing the oldest supported clients into $(OLDEST) ..."
	@$(OLDEST)/bin/python $(PINNED) -r deploy/requirements/oldest.txt
	@$(OLDEST)/bin/python $(PIP) --no-deps --no-build-isolation -e ./instrumentation
	@touch $@

define NEW_ENOUGH
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo "Pulse needs Python 3.11 or later, and '$(PYTHON)' is not; try: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 1; }
endef
