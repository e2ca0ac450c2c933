# Everything starts from a machine with Python >= 3.11 and make: the first target creates .venv and installs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# One thread per process: small models gain nothing from two, and idle OpenMP threads that spin cost other processes dearly.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= passive
export PYTHONHASHSEED ?= 0

.PHONY: reproduce test lint format types wheel bench clean

reproduce: $(INSTALLED)  ## the main job: hardness figures of real runs and their report, in runs/hardness-smoke
	$(BIN)/lo-theory reproduce hardness --scale smoke

test: $(INSTALLED) lint types wheel  ## everything that CI runs
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/pyright

wheel: $(INSTALLED)  ## build a wheel and import it away from the checkout
	$(BIN)/python tests/wheel_check.py

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## speed as ratios of two things measured in one run
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lo-theory needs Python >= 3.11; say which: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools wheel --constraint constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
