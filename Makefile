# make demo   set up and run the main job: two potentials, dynamics, conductivities, a report
# make test   set up and run the checks and the tests (installs g++ if it can, for the LAMMPS plugin)
# make docs   set up, run the gallery and build the documentation in site/, warnings are errors
# make dist   build sdist and wheel in dist/, install the wheel elsewhere and fit with it
# make zoo    data of known answers, and what studies of them say
# make bench  speed and accuracy beside QUIP and torch-pme (half an hour)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-physics lint docs dist bench zoo compiler clean

demo: $(VENV)/.demo
	$(BIN)/superion run examples/li7p3s11.yaml --output demo

test: compiler $(VENV)/.test $(VENV)/.docs
	$(MAKE) --no-print-directory --output-sync --jobs 2 lint docs
	$(BIN)/pytest -n 2 --dist worksteal

test-physics: compiler $(VENV)/.test
	$(BIN)/pytest -n 2 --dist worksteal -m physics

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs --quiet build

dist: $(VENV)/.test
	rm -rf dist
	$(BIN)/python tests/distribution.py dist

zoo: $(VENV)/.test
	$(BIN)/python benchmarks/zoo --quick

bench: compiler $(VENV)/.test
	$(BIN)/python benchmarks/evaluation.py
	$(BIN)/python benchmarks/md.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/roofline.py
	$(BIN)/python benchmarks/compression.py
	$(BIN)/python benchmarks/tables.py
	$(BIN)/python benchmarks/torch_path.py
	$(BIN)/python benchmarks/fit.py
	$(BIN)/python benchmarks/electrostatics.py
	$(BIN)/python benchmarks/charge_equilibration.py
	$(BIN)/python benchmarks/lammps_routes.py
	$(BIN)/python benchmarks/hyperparameters.py
	$(BIN)/python benchmarks/frontier.py
	$(BIN)/python benchmarks/classical.py
	$(BIN)/python benchmarks/trajectory_reading.py
	$(BIN)/python benchmarks/accuracy_vs_gap_fit.py

# The tests compile the LAMMPS plugin. As root on Debian or Ubuntu a missing compiler is installed.
compiler:
	@command -v $(CXX) g++ clang++ >/dev/null || (apt-get update -qq && apt-get install --yes -qq g++) || \
		{ echo "The tests need a C++ compiler: install g++ with your system's package manager."; exit 1; }

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[report]'
	touch $@

$(VENV)/.test: $(VENV)/.torch pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[report,test]'
	touch $@ $(VENV)/.demo

$(VENV)/.docs: $(VENV)/.torch pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@ $(VENV)/.demo

# PyTorch first and by its exact version, so that nothing else chooses another build of it.
$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	touch $@

clean:
	rm -rf $(VENV) .cache demo site dist
