# Everything runs in .venv, which is made where it is missing. Needed: Python 3.11 or later, and make.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Dependency groups came with pip 25.1; Python brings an older one.
PIP_WITH_GROUPS := "pip>=25.1,<27"

.PHONY: help demo test lint bench docs clean

help:
	@echo "make demo    train on data/creditcard_sample.csv"
	@echo "make test    run all tests; ARGS='-k gradients' runs some"
	@echo "make lint    check style and types"
	@echo "make bench   measure the speed beside that of other libraries"
	@echo "make docs    make the pages of docs/ a site, build/site/index.html"
	@echo "make clean   remove .venv and all caches"

demo: .venv/package
	$(BIN)/rnnfast train --data data/creditcard_sample.csv --hidden 10

# A worker for each core. Compiled kernels are on disk, so that they share them; tests of one file, which use the same
# kernels, stay together.
test: .venv/dev
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile $(ARGS)

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/package
	$(BIN)/python bench/run.py $(ARGS)

docs: .venv/dev
	$(BIN)/mkdocs build --quiet

clean:
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find rnnfast tests bench -name __pycache__ -prune -exec rm -rf {} +

.venv/package: pyproject.toml
	$(PYTHON) -m venv .venv
	$(PIP) install --quiet --upgrade $(PIP_WITH_GROUPS)
	$(PIP) install --quiet --editable .
	@touch $@

.venv/dev: .venv/package
	$(PIP) install --quiet --group dev
	@touch $@
