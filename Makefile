# Everything a person or a machine does with this repository. Needs Python 3.11 or newer, with pip; nothing else.
#
#   make demo     a year of real flights through the whole system, and a report to read
#   make test     every test, and every example in a docstring
#   make help     the rest

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo serve test docs-test lint format types bench clean

VENV := .venv
BIN := $(VENV)/bin
JOB ?= features
ARGS ?=

# The first Python that is new enough; `make PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

help:  ## What can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS=$$'\t' read -r n t; do printf '  make %-10s %s\n' "$$n" "$$t"; done

# ---- set-up: a stamp says what was installed; it is older than pyproject.toml when that has changed ------------

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "hindcast needs Python 3.11 or newer; none was found. Try: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV) || { echo "Could not make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,demo]'
	@touch $@ $(VENV)/.demo

setup: $(VENV)/.dev  ## A virtual environment with all that development needs

# ---- to look at ------------------------------------------------------------------------------------------------

demo: $(VENV)/.demo  ## A year of flights: train, replay half a year, report (demo/report.html)
	$(BIN)/python examples/flights/demo.py

serve: demo  ## Serve the demo's champion on http://127.0.0.1:8000
	$(BIN)/hindcast serve examples/flights/system.py --home demo/home

# ---- to check --------------------------------------------------------------------------------------------------

test: $(VENV)/.dev  ## Every test, slow ones and servers too, and every example in a docstring
	$(BIN)/python -m pytest -n 2 --dist worksteal --doctest-modules tests src

docs-test: $(VENV)/.dev  ## The code in README.md and docs/, and whether they name what there is
	$(BIN)/python -m pytest -n 0 tests/test_docs.py tests/test_exports.py tests/test_layers.py

lint: $(VENV)/.dev  ## Style and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev  ## Mend style and layout
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev  ## Strict types
	$(BIN)/mypy

bench: $(VENV)/.dev  ## Benchmarks against their peers: all of the features, or make bench JOB=asof
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements.txt
	$(BIN)/python benchmarks/run.py $(JOB) $(ARGS)

clean:  ## Remove what was made, the virtual environment and the demo's home included
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
