# Crossfab: `make run` serves the dashboard, `make test` runs every check.
PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/pip install --disable-pip-version-check -q -c constraints.txt
BENCH_OUT := benchmarks/results

.PHONY: run test lint types unit bench-tools test-tools clean
.DEFAULT_GOAL := run

# A bare Debian has Python without ensurepip: its package is added where that is allowed.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Crossfab needs Python 3.11 or newer: set PYTHON to one, for example make PYTHON=python3.11 run"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || scripts/system-packages.sh ensurepip=python3-venv
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

$(VENV)/.bench: requirements-bench.txt $(VENV)/.dev
	$(PIP_INSTALL) -r requirements-bench.txt
	@touch $@

run: $(VENV)/.run
	OMP_NUM_THREADS=1 $(BIN)/streamlit run app.py --server.address 127.0.0.1 --server.port $(PORT)

test-tools: $(VENV)/.dev
	@scripts/system-packages.sh chromium=chromium libngspice.so=libngspice0 libatomic.so=libatomic1

bench-tools: $(VENV)/.bench test-tools

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

unit: test-tools
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test: lint types unit

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
