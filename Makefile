# Make owns .venv: every target installs what it needs into it, and no more.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What running needs, and what development needs besides.
RUNNABLE := $(VENV)/.runnable
INSTALLED := $(VENV)/.installed
# A file's tests share what is made once for them, so files are what is dealt out to the cores.
PYTEST := $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install run test test-all lint types bench wheel docs notebooks clean

help:  ## Show what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(RUNNABLE): pyproject.toml constraints.txt
	@echo "Installing guanxi and what it needs into $(VENV): once, a few minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(INSTALLED): $(RUNNABLE)
	@echo "Installing the tools of development into $(VENV): once, a few minutes"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --editable .
	@touch $@

install: $(INSTALLED)  ## Create .venv and install guanxi with its development tools

run: $(RUNNABLE)  ## Run guanxi on the bundled CDNOW data; results in output/
	@echo "Running guanxi on CDNOW, 23,570 customers of a CD shop: a few minutes; results in output/"
	$(BIN)/guanxi run

test: lint types $(INSTALLED)  ## Lint, check types and layers, run the tests (without the slow ones)
	$(PYTEST) -m "not slow"

test-all: test  ## Run all tests, the slow ones too, one after the other
	$(BIN)/pytest -m slow

lint: $(INSTALLED)  ## Check style, format and the import layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(INSTALLED)  ## Check types
	$(BIN)/mypy

bench: $(INSTALLED)  ## Measure speed and quality; tables on the screen, JSON in benchmarks/results/
	$(BIN)/python benchmarks/house.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/files.py
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/fit.py
	$(BIN)/python benchmarks/intervals.py
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python benchmarks/published.py
	$(BIN)/python benchmarks/labels.py
	$(BIN)/python benchmarks/models.py
	$(BIN)/python benchmarks/small.py
	$(BIN)/python benchmarks/level.py
	$(BIN)/python benchmarks/new_customers.py
	$(BIN)/python benchmarks/drivers.py
	$(BIN)/python benchmarks/online.py
	$(BIN)/python benchmarks/batch.py
	$(BIN)/python benchmarks/scorecard.py
	$(BIN)/python benchmarks/plan.py

wheel: $(INSTALLED)  ## Build the wheel and the source distribution in dist/, and check what they say of themselves
	$(BIN)/python -m build --quiet
	$(BIN)/twine check --strict dist/*

docs: $(INSTALLED)  ## Build the documentation site in docs/_build/html, without a network
	$(BIN)/sphinx-build --fail-on-warning --quiet docs docs/_build/html

notebooks: $(INSTALLED)  ## Execute the notebooks in place
	cd notebooks && ../$(BIN)/jupyter execute --inplace *.ipynb

clean:  ## Remove .venv, caches and results (keeps mlruns/ and models/)
	rm -rf $(VENV) output build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
