# VENV may be set to another folder: make demo VENV=/tmp/shelfwise
VENV ?= .venv
PYTHON ?= python3
# make bench BENCH="--scale 1 --catalog products.jsonl.gz" measures in full; the default shows in minutes that all of it works
BENCH ?=
BIN = $(VENV)/bin

.PHONY: demo test test-slow lint bench clean

demo: $(VENV)/.user
	$(BIN)/shelfwise demo

test: $(VENV)/.dev lint
	$(BIN)/python -m pytest

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet -e '.[bench]'
	$(BIN)/python benchmarks/run_all.py $(BENCH)

$(VENV)/.user: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[all]'
	touch $@

$(VENV)/.dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@ $(VENV)/.user

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
