# make demo   set up and run the main job: two potentials, dynamics, conductivities, a report
# make test   set up and run the checks and the tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: setup demo test test-physics lint constraints clean

demo: setup
	$(BIN)/superion run examples/li7p3s11.yaml --output demo
	@echo "Report: demo/report.html"

test: setup lint
	$(BIN)/pytest -n 2 --dist worksteal

test-physics: setup
	$(BIN)/pytest -n 2 --dist worksteal -m physics

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

setup: $(VENV)/.ready

# PyTorch first and by its exact version, so that nothing else can choose another build of it.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[report,test]'
	touch $@

clean:
	rm -rf $(VENV) demo
