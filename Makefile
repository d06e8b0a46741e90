# make demo   set up and run the main job: two potentials, dynamics, conductivities, a report
# make test   set up and run the checks and the tests (needs g++: the LAMMPS plugin is compiled)
# make bench  speed and accuracy beside QUIP and torch-pme (half an hour)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-physics lint bench clean

demo: $(VENV)/.demo
	$(BIN)/superion run examples/li7p3s11.yaml --output demo

test: lint
	$(BIN)/pytest -n 2 --dist worksteal

test-physics: $(VENV)/.test
	$(BIN)/pytest -n 2 --dist worksteal -m physics

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python benchmarks/evaluation.py
	$(BIN)/python benchmarks/md.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/roofline.py
	$(BIN)/python benchmarks/compression.py
	$(BIN)/python benchmarks/tables.py
	$(BIN)/python benchmarks/torch_path.py
	$(BIN)/python benchmarks/fit.py
	$(BIN)/python benchmarks/electrostatics.py
	$(BIN)/python benchmarks/lammps_routes.py
	$(BIN)/python benchmarks/hyperparameters.py
	$(BIN)/python benchmarks/accuracy_vs_gap_fit.py

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[report]'
	touch $@

$(VENV)/.test: $(VENV)/.torch pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[report,test]'
	touch $@ $(VENV)/.demo

# PyTorch first and by its exact version, so that nothing else chooses another build of it.
$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	touch $@

clean:
	rm -rf $(VENV) demo
