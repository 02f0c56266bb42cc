# Everything people type. `make` alone lists it.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Where it is set, every process compiles thousands of modules anew: seven seconds of a core for each that loads Dagster.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo ui test test-all test-spark torture lint rooms constraints clean

help: ## List the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(INSTALLED) ## Run the whole pipeline on MovieLens 100K and print what came out
	$(BIN)/python -m pipelines demo

ui: $(INSTALLED) ## Dagster UI, MLflow UI and a page of the lists together, on loopback
	$(BIN)/python -m pipelines ui

test: $(INSTALLED) ## Run the tests (the fast ones, without Spark)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not spark"

test-all: $(INSTALLED) ## Run all tests, the slow ones too
	$(BIN)/python -m pytest -n 2 --dist loadfile

torture: $(INSTALLED) ## Kill, spoil and race whole nights (hours): make torture KILLS=1000 SPOILED=300 RIVALS=20 SEED=0 SHARES=1
	$(BIN)/python -m benchmarks.torture --kills $(or $(KILLS),1000) --spoiled $(or $(SPOILED),300) \
		--rivals $(or $(RIVALS),20) --seed $(or $(SEED),0) --shares $(or $(SHARES),1)

test-spark: $(INSTALLED) ## Install pyspark (450 MB) and run the fast tests on Spark; needs Java 17
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev,spark]'
	GRU4REC_TEST_SPARK=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "spark and not slow"

lint: $(INSTALLED) ## Style, types and the walls between the packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

rooms: ## Draw docs/rooms.svg from the imports of the three packages
	$(PYTHON) -m benchmarks.rooms --draw docs/rooms.svg

# Names and versions only: a build's suffix (+cpu) goes, and so do packages that come with a CUDA build of torch alone.
constraints: $(INSTALLED) ## Install the newest versions that pyproject.toml allows, and write them to constraints.txt
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --upgrade --upgrade-strategy eager -e '.[dev]'
	$(BIN)/python -m pip freeze --exclude-editable > $(VENV)/freeze.txt
	sed -nE 's/^([A-Za-z0-9_.-]+==[^+ ]+)(\+.*)?$$/\1/p' $(VENV)/freeze.txt | grep -vE '^(nvidia-|cuda-|triton)' > constraints.txt
	@touch $(INSTALLED)

clean: ## Remove what can be made again: the environment and caches. data/ and Dagster's history stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
