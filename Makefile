# VENV may be set to another folder: make demo VENV=/tmp/shelfwise
VENV ?= .venv
PYTHON ?= python3
# Arguments for pytest: make unit ARGS="tests/fusion -k ridge"
ARGS ?=
# In full: make bench BENCH="--scale 1 --catalog products.jsonl.gz". The default only shows, in minutes, that every benchmark runs.
BENCH ?=
# Processes that run tests at once: make test WORKERS=8
WORKERS ?= 2
# How long each target of make fuzz runs.
SECONDS_EACH ?= 60
BIN = $(VENV)/bin
# the tests of a file share what they train, so they stay in one process
PARALLEL = -n $(WORKERS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo duration fix unit test test-slow torture fuzz coverage lint audit-dependencies sbom hooks bench clean

# Small fits are not faster on several threads, and much slower beside another program.
unit test test-slow torture fuzz coverage: export OMP_NUM_THREADS := 1
unit test test-slow torture fuzz coverage: export OPENBLAS_NUM_THREADS := 1

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

demo: duration $(VENV)/.user  ## Train on a generated sample catalogue and write a report: about 4 minutes on two cores
	$(BIN)/shelfwise demo

duration:
	@echo "The demo takes about 4 minutes on two cores; the first time, its libraries are installed before."

fix: $(VENV)/.dev  ## Repair what ruff can repair, and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

unit: $(VENV)/.dev  ## Run tests without the linters; ARGS="-k ridge" chooses some
	$(BIN)/python -m pytest $(ARGS)

test: $(VENV)/.dev lint  ## Run the linters and every test but the slow ones: what CI runs
	$(BIN)/python -m pytest $(PARALLEL)

test-slow: $(VENV)/.dev  ## Run the slow tests
	$(BIN)/python -m pytest -m slow

# in the order of their names, the longest files do not come last
torture: $(VENV)/.dev  ## Kills, full disks, changed bits, bad images: up to an hour; ARGS="-k kills" for one part
	$(BIN)/python -m pytest -m torture $(PARALLEL) --no-loadscope-reorder $(ARGS)

fuzz: $(VENV)/.dev  ## Feed hostile bytes to reader, image gate and model loading; SECONDS_EACH=60
	$(BIN)/python scripts/fuzz.py $(SECONDS_EACH)

coverage: $(VENV)/.dev  ## Run tests and print how many lines and branches they reach; takes ARGS too
	$(BIN)/python -m pytest $(PARALLEL) --cov=shelfwise --cov-branch --cov-report=term:skip-covered $(ARGS)

lint: $(VENV)/.dev  ## Check style, types, imports between rooms and unsafe calls; report how dense the code is
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --severity-level medium src
	@$(BIN)/python scripts/code_style.py || true

audit-dependencies: $(VENV)/.dev  ## Look up known vulnerabilities of what is installed; needs the network
	@echo "This asks pypi.org about every installed package; without a network it fails."
	$(BIN)/pip-audit --skip-editable

sbom: $(VENV)/.dev  ## List what is installed as a CycloneDX bill of materials: sbom.json
	$(BIN)/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-file sbom.json $(BIN)/python

hooks: $(VENV)/.dev  ## Have git run linters before each commit
	$(BIN)/pre-commit install

bench: $(VENV)/.dev  ## Run every benchmark at small scale; BENCH="--scale 1 --catalog FILE" in full
	$(BIN)/python -m pip install --quiet -e '.[bench]'
	$(BIN)/python benchmarks/run_all.py $(BENCH)

clean:  ## Delete the environment, builds and caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .coverage .coverage.*

$(VENV)/.user: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[all]'
	touch $@

$(VENV)/.dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@ $(VENV)/.user
