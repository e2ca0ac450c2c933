# Everything starts from a machine with Python >= 3.11 and make: the first target creates .venv and installs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
WORKERS ?= logical
# Dask leaves its environment and its way of pickling errors in the process that starts a cluster: not among the others.
APART := tests/streams tests/faults/test_cluster.py
COUNTED := tests/lo_theory/posteriors/test_counted.py
TORCH := $(shell grep '^torch==' constraints.txt)

# One thread per process: small models gain nothing from two, and idle OpenMP threads that spin cost other processes dearly.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= passive
export PYTHONHASHSEED ?= 0

.PHONY: reproduce test tests streams counted rest lint format types wheel docs bench explore soak shuffle test-lowest \
	test-newest antibody clean

reproduce: $(INSTALLED)  ## the main job: hardness figures of real runs and their report, in runs/hardness-smoke
	$(BIN)/lo-theory reproduce hardness --scale smoke

test: $(INSTALLED)  ## everything that CI runs
	$(MAKE) --no-print-directory -j2 --output-sync types streams counted wheel lint
	$(MAKE) --no-print-directory rest

tests: $(INSTALLED)  ## the tests alone
	$(MAKE) --no-print-directory -j2 --output-sync streams counted
	$(MAKE) --no-print-directory rest

# The kernels that take longest to compile are compiled by one process each before all processors need them.
streams: $(INSTALLED)  ## the promised streams; and Dask
	$(BIN)/python -m pytest -p no:randomly $(APART)

counted: $(INSTALLED)  ## exact posteriors by counting
	$(BIN)/python -m pytest -p no:randomly $(COUNTED)

rest: $(INSTALLED)  ## all other tests, side by side on all processors
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -p no:randomly $(APART:%=--ignore=%) $(COUNTED:%=--ignore=%)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/pyright

wheel: $(INSTALLED)  ## build a wheel and import it away from the checkout
	$(BIN)/python tests/wheel_check.py

docs: $(INSTALLED)  ## the pictures of docs/ from results/, README.md, and the site in build/docs; warnings are errors
	$(BIN)/python -m docs.pictures
	$(BIN)/python -m docs.cost_curve
	$(BIN)/python -m docs.render
	$(BIN)/python -m sphinx -b html --fresh-env --fail-on-warning --keep-going --nitpicky --quiet docs build/docs

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## speed as ratios of two things measured in one run
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

explore: $(INSTALLED)  ## the properties on other examples than the fixed ones: random seeds, ten times as many (an hour)
	$(BIN)/python -m pytest -n $(WORKERS) -p no:randomly --hypothesis-profile=explore -m "hypothesis and not soak"

soak: $(INSTALLED)  ## the tests too long for every day: kills, damaged files, random input; before a release
	@echo "Tests marked soak, on $(WORKERS) processors: takes an hour or more."
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -p no:randomly -m soak

shuffle: $(INSTALLED)  ## the tests in a random order, which must not matter
	$(BIN)/python -m pytest -n $(WORKERS)

test-lowest:  ## the lowest versions that pyproject.toml admits; PyTorch stays at the tested one
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --upgrade pip setuptools wheel packaging
	.venv-lowest/bin/python tests/lowest.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --constraint .venv-lowest/constraints.txt $(TORCH) --editable '.[dev]'
	.venv-lowest/bin/python -m pytest -n $(WORKERS) -p no:randomly

test-newest:  ## the newest versions of everything but PyTorch
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --upgrade pip setuptools wheel
	.venv-newest/bin/python -m pip install --quiet --upgrade $(TORCH) --editable '.[dev]'
	.venv-newest/bin/python -m pytest -n $(WORKERS) -p no:randomly

antibody: $(INSTALLED)  ## weights and sequences of "lo-theory reproduce antibody": two wheels of 97 MB, read and not installed
	$(BIN)/python -m pip download --quiet --no-deps --dest build/antibody antiberty==0.1.3 abstar==0.8.0

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lo-theory needs Python >= 3.11; say which: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools wheel --constraint constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
