# Two commands on a fresh machine: `make demo` shows the product, `make test` judges it.
# Both need only Python 3.11 or newer, make and a package index.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test lint types floors unit judges hapi fhir-data library-data bench bench-launches lock format clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Peerchart needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which to use: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/.run-ready: .venv/pyvenv.cfg requirements.lock pyproject.toml
	@echo "Installing what Peerchart needs into .venv; the first time this takes a minute or two."
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-build-isolation --no-deps -e .
	@$(BIN)/python -m compileall -q app mappings smart_launch  # so that the first start is as quick as any
	@touch $@

.venv/.dev-ready: .venv/.run-ready requirements-dev.lock
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

demo: .venv/.run-ready  ## start the sandbox EHR and the app, and print the address to open
	@exec $(BIN)/peerchart demo

test: lint types floors unit  ## everything that judges the project

lint: .venv/.dev-ready  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev-ready  ## mypy, strict
	$(BIN)/mypy

floors: .venv/.dev-ready  ## import contracts: which room may know which
	$(BIN)/lint-imports --no-cache

unit: .venv/.dev-ready  ## pytest, with real HTTP, a real database and a real browser
	$(BIN)/pytest -n $${TEST_WORKERS:-2} --dist loadfile

judges:  ## two independent FHIR validators, each in an environment of its own, for the tests to ask
	@tests/judges/set_up.sh $(PYTHON)

hapi: .venv/.dev-ready  ## a real HAPI FHIR server from Maven Central takes what we send; needs Java 17 and Maven
	HAPI=1 $(BIN)/pytest -o timeout=1200 tests/hapi

fhir-data: .venv/.dev-ready  ## write what ships of the FHIR models anew: elements and proven shapes
	$(BIN)/python -m tests.fhir_data

library-data: .venv/.dev-ready  ## write what ships of the library's TOML anew, parsed
	$(BIN)/python -m tests.library_data

bench: .venv/.dev-ready  ## figures beside each other in one run
	@$(BIN)/python -m tests.bench

bench-launches: .venv/.dev-ready  ## 300 launches at once against a slow EHR
	@$(BIN)/python -m tests.bench_launches

format: .venv/.dev-ready  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:  ## write the two lock files anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q --extra build -o requirements.lock
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q --extra build --extra dev -c requirements.lock -o requirements-dev.lock

clean:  ## remove the virtual environment and what tools left behind
	rm -rf .venv .judges .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist tests/hapi/server/target
