# Everything a newcomer needs: `make run` and `make test`. Both set up what they need first.
PYTHON ?= python3
BIN := .venv/bin
# Bytecode is compiled at installation: without it the imports of one run cost seconds more.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup run up test test-fast lint lock clean
.DEFAULT_GOAL := help

help:
	@echo "make setup      virtual environment and locked dependencies; then .venv/bin/keepfit"
	@echo "make run        train Titanic end to end"
	@echo "make up         everything at once for all example projects: Prefect, MLflow, worker, model API and page"
	@echo "make test       every test"
	@echo "make test-fast  the tests without servers and whole flows"
	@echo "make lint       format, lint, types, import contracts"
	@echo "make lock       resolve the versions anew"

setup: .venv/.complete

.venv/.complete: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { \
	  echo "keepfit needs Python 3.11 to 3.13, found $$($(PYTHON) --version). Name another: make setup PYTHON=python3.12"; exit 2; }
	@rm -f $@
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.lock)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q flows tasks
	$(BIN)/python -m flows.services templates
	@touch $@

run: setup
	$(BIN)/keepfit train data/titanic

up: setup
	$(BIN)/keepfit up

test: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-fast: setup
	$(BIN)/python -m pytest -m "not slow"

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --no-header --no-annotate \
	  --no-emit-index-url pyproject.toml --all-extras --group dev -o requirements.lock

clean:
	rm -rf .venv build *.egg-info
