# Everything people type. `make` alone lists it.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo ui test test-all lint clean

help: ## List the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(INSTALLED): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(INSTALLED) ## Run the whole pipeline on MovieLens 100K and print what came out
	$(BIN)/python -m pipelines demo

ui: $(INSTALLED) ## Dagster UI and MLflow UI together, on loopback
	$(BIN)/python -m pipelines ui

test: $(INSTALLED) ## Run the tests (the fast ones)
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-all: $(INSTALLED) ## Run all tests, the slow ones too
	$(BIN)/python -m pytest -n 2

lint: $(INSTALLED) ## Style, types and the walls between the packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## Remove the environment and everything the pipeline wrote
	rm -rf $(VENV) data .dagster/storage .dagster/history .dagster/schedules .dagster/logs
