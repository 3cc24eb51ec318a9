# Everything one does with Noctis. `make` lists the targets; settings are NOCTIS_ variables (README.md).
.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory

PYTHON := .venv/bin/python
BENCH ?=
ARGS ?=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# exec: a signal that make passes on reaches the supervisor itself

.PHONY: run
run: ## Install what is missing and start Noctis; Ctrl-C stops it
	@scripts/install run && exec $(PYTHON) -m launch run

.PHONY: demo
demo: ## The same, with emulated modalities that send studies
	@scripts/install run && exec $(PYTHON) -m launch run --demo

.PHONY: doctor
doctor: ## Check a running Noctis and say what to do
	@scripts/install run && exec $(PYTHON) -m bridge doctor $(ARGS)

.PHONY: test
test: ## Install what tests need and run everything CI runs
	@scripts/install test
	@$(MAKE) check
	@$(PYTHON) -m pytest $(ARGS)

.PHONY: check
check: ## Lint, format, types, import rules, locked packages, docker-compose.yml
	@scripts/install test
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m pip check
	@$(MAKE) compose-check

.PHONY: compose-check
compose-check: ## Hold docker-compose.yml to the Compose specification and to the code
	@scripts/install test
	$(PYTHON) -m pytest -q tests/unit/test_compose.py

.PHONY: bench
bench: ## Benchmarks, one JSON line each; BENCH=name runs one
	@scripts/install test
	@exec $(PYTHON) -m bench $(BENCH)

.PHONY: fuzz
fuzz: ## Mutate DICOM conversations until the recorder fails or Ctrl-C; ARGS=-runs=N ends by itself
	@scripts/install test
	@exec $(PYTHON) -m tests.fuzz.dialogue $(ARGS)

.PHONY: screenshots
screenshots: ## Make the README's pictures from a running demo
	@scripts/install test
	@exec $(PYTHON) scripts/screenshots.py

.PHONY: format
format: ## Put all files into the one format
	@scripts/install test
	$(PYTHON) -m ruff format
	$(PYTHON) -m ruff check --fix

LOCK := .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11

.PHONY: lock
lock: ## Lock every version and hash: requirements*.in to requirements*.txt
	@scripts/install test
	$(LOCK) requirements.in --output-file requirements.txt
	$(LOCK) requirements-dev.in --output-file requirements-dev.txt
