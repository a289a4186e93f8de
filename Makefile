# Needs python3 (3.11 or later, with venv and pip) and make. `make help` lists the targets.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
# Dependencies of the server and the demo only: no linters, type checkers or test tools.
RUN_STAMP := $(VENV)/.installed-to-run

# The web pages: their sources, the command that runs node and npm of the environment, and what they need.
WEB         := query_api/web
NODE        := $(BIN)/python $(WEB)/node.py
NPM_STAMP   := $(WEB)/node_modules/.installed
PAGES       := query_api/pulse_web/static/manifest.json
WEB_SOURCES := $(WEB)/build.ts $(shell find $(WEB)/app -type f -not -path '*/tests/*' -not -name schema.ts)

# A second environment: the oldest clients and OpenTelemetry that the instrumentation supports.
OLDEST       := .venv-oldest
OLDEST_STAMP := $(OLDEST)/.installed

# Folders with the programs of PostgreSQL servers, for test-postgres.
POSTGRES_BINS ?= $(sort $(wildcard /usr/lib/postgresql/*/bin))

# soak: minutes per engine (sqlite, postgres or both), and the pause of each client between requests.
MINUTES  ?= 10
ENGINE   ?= both
PAUSE_MS ?= 50

# Processes that run the tests.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

# Minor versions of Python on which check-pythons runs the tests, in addition to that of .venv.
PYTHONS ?= 3.11 3.12 3.13 3.14

# Bytecode is cached even if the environment disables that: many tests start processes, which would compile all modules.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(abspath $(VENV))/pycache

PIP := -m pip --disable-pip-version-check --quiet install
# The pins are complete, so pip resolves nothing; modules are compiled at their first import.
PINNED := $(PIP) --require-hashes --no-deps --no-compile

.DEFAULT_GOAL := help
.PHONY: help setup demo serve web-watch screenshots test test-all test-oldest test-postgres soak check check-pythons lint types docs \
        docs-serve fmt pins clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) $(PAGES)  ## make .venv with everything: server, web pages, demo, tests, linters, type checker

demo: $(RUN_STAMP) $(PAGES)  ## see Pulse record real client calls, without accounts or network
	@$(BIN)/pulse demo

serve: $(RUN_STAMP) $(PAGES)  ## run the server
	@$(BIN)/pulse serve

web-watch: $(RUN_STAMP) $(NPM_STAMP)  ## build the web pages at each change of their sources
	$(BIN)/python -m pulse_query_api.openapi | $(NODE) types.ts
	$(NODE) build.ts --watch

screenshots: $(STAMP) $(PAGES)  ## write screenshots of all pages to build/screenshots, and the README's to docs/images
	$(BIN)/python -m tests.web.screenshots build/screenshots --readme docs/images

test: $(STAMP) $(PAGES)  ## run all tests but the slow ones (3 s or more each), in JOBS processes
	$(PYTEST) -m "not slow" --hypothesis-profile fast

test-all: $(STAMP) $(PAGES)  ## run all tests, with all Hypothesis examples
	$(PYTEST) --hypothesis-profile full

test-oldest: $(OLDEST_STAMP)  ## run the instrumentation's tests on the oldest clients that it supports
	$(OLDEST)/bin/python -m pytest -q -p no:cacheprovider tests/instrumentation

test-postgres: $(STAMP)  ## run the tests of PostgreSQL on each server of POSTGRES_BINS="FOLDER ..." in turn
	@test -n "$(strip $(POSTGRES_BINS))" || { echo 'no PostgreSQL server found; name their folders: make test-postgres POSTGRES_BINS="/usr/lib/postgresql/18/bin ..."' >&2; exit 2; }
	@set -e; for bin in $(POSTGRES_BINS); do $$bin/postgres --version; CI=1 PULSE_TEST_POSTGRES_URL= PULSE_TEST_POSTGRES_BIN=$$bin \
	  $(PYTEST) --hypothesis-profile full tests/storage tests/collector tests/query_api tests/server -k postgres; done

soak: $(STAMP)  ## run mixed real traffic against the server on each engine: make soak MINUTES=10 ENGINE=both PAUSE_MS=50
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --engine $(ENGINE) --pause-ms $(PAUSE_MS)

check: $(STAMP)  ## lint, types, documentation site, all tests, tests on the oldest clients
	$(MAKE) --jobs=2 --output-sync=target lint types docs $(OLDEST_STAMP)
	$(MAKE) test-all test-oldest

check-pythons: $(STAMP)  ## run the tests (without slow ones) on every other Python of PYTHONS="3.11 ..." on PATH
	@main=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); tested= missing=; \
	for version in $(PYTHONS); do \
	  if [ $$version = $$main ]; then continue; fi; \
	  if python$$version -c '' 2>/dev/null; then \
	    echo "== Python $$version"; tested="$$tested $$version"; \
	    $(MAKE) test PYTHON=python$$version VENV=.venv-$$version || exit 1; \
	  else missing="$$missing $$version"; fi; \
	done; \
	echo "Python versions: $$main is that of $(VENV); tested in addition:$${tested:- none}; not on PATH:$${missing:- none}"

lint: $(STAMP) $(NPM_STAMP)  ## style and formatting, without changing anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(NODE) node_modules/@biomejs/biome/bin/biome ci --colors=off --diagnostic-level=error .

types: $(STAMP) $(NPM_STAMP)  ## types, strictly
	$(BIN)/basedpyright
	$(BIN)/python -m pulse_query_api.openapi | $(NODE) types.ts
	$(NODE) node_modules/typescript/bin/tsc --project tsconfig.json
	$(NODE) node_modules/typescript/bin/tsc --project tsconfig.node.json

docs: $(DOCS_STAMP)  ## build the documentation site into site/; a broken link is an error
	$(BIN)/python -m docs.tools.pages build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: docs  ## build the documentation site and serve it on http://127.0.0.1:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory site 8000

fmt: $(STAMP) $(NPM_STAMP)  ## format, and apply the fixes of ruff and biome
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(NODE) node_modules/@biomejs/biome/bin/biome check --write --diagnostic-level=error .

# Pins hold names, versions, markers and hashes, no addresses; compiling them needs uv and a registry.
UV      ?= uv
PINS    := deploy/requirements
UPGRADE ?=
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes \
           --no-annotate --no-header --no-emit-package pulse-instrumentation --quiet

pins:  ## compile deploy/requirements from both pyproject.toml; UPGRADE=--upgrade takes the newest of all
	$(COMPILE) $(UPGRADE) --all-extras pyproject.toml instrumentation/pyproject.toml --group dev -o $(PINS)/dev.txt
	$(COMPILE) --all-extras pyproject.toml --constraint $(PINS)/dev.txt -o $(PINS)/server.txt
	$(COMPILE) --group build --group web --constraint $(PINS)/dev.txt -o $(PINS)/build.txt
	$(COMPILE) --group docs --constraint $(PINS)/dev.txt -o $(PINS)/docs.txt
	$(COMPILE) --resolution lowest-direct --all-extras instrumentation/pyproject.toml --group oldest -o $(PINS)/oldest.txt

clean:  ## remove the environments and the files that make and the tools created
	rm -rf $(VENV) .venv-3.* $(OLDEST) $(WEB)/node_modules $(dir $(PAGES)) .pytest_cache .ruff_cache .hypothesis dist build site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than the files it depends on, so later runs need no registry.
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

# Without a registry the target is not made, and all but the pages works.
$(NPM_STAMP): $(WEB)/package-lock.json | $(RUN_STAMP)
	@echo "Installing what the web pages need ..."
	@$(NODE) npm ci --silent && touch $@ || \
	  echo "The web pages are not built: npm found no registry. The HTTP API works; 'make setup' tries again."

$(PAGES): $(NPM_STAMP) $(WEB_SOURCES)
	@if test -e $(NPM_STAMP); then echo "Building the web pages ..."; $(NODE) build.ts; fi

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
