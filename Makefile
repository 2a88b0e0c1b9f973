# The commands a newcomer types. `make demo` and `make test` need nothing but Linux, Python >= 3.11 and a package index.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CORES ?= 2
ACTIVE := export PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONNOUSERSITE=1;

.PHONY: help setup demo test test-long test-slurm lint types clean mini-data lock

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## create the environment in .venv from the hashed lock

# uv lies beside the environment, not in it: what is installed is the lock, exactly. Each job of a run is a process that imports
# torch or pandas: compiled once here (half a minute), an import costs 4 seconds and not 8 where Python may not write bytecode.
UV := $(VENV)/uv/bin/uv
$(READY): envs/requirements.txt pyproject.toml src/crossgen/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit("crossgen needs Python >= 3.11: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@test -x $(UV) || $(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target $(VENV)/uv "uv>=0.9,<1" \
		|| { echo "crossgen needs pip once, to fetch uv: install it (Debian: apt install python3-pip)" >&2; exit 1; }
	@$(UV) venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	@$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes envs/requirements.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## run everything on the embedded mini data set; ends with a summary
	@$(ACTIVE) crossgen resume --cores $(CORES)
	@$(ACTIVE) crossgen summary --run results/mini/run.json

test: $(READY) ## the test suite (at most 8 minutes on 2 cores)
	@$(ACTIVE) pytest -q -n $(CORES) --dist loadfile -m "not long and not slurm"

test-long: $(READY) ## the long tests that only .ci/run calls
	@$(ACTIVE) pytest -q -n $(CORES) --dist loadfile -m long

test-slurm: $(READY) ## the tests on a real SLURM of one node, which they start (at most 20 minutes; Debian: slurmctld slurmd slurm-client)
	@$(ACTIVE) pytest -q -n $(CORES) --dist loadfile -m slurm

lint: $(READY) ## formatting, style, import contracts, workflow lint
	@$(ACTIVE) ruff format --check .
	@$(ACTIVE) ruff check .
	@$(ACTIVE) snakefmt --check Snakefile workflow
	@$(ACTIVE) snakemake --lint
	@$(ACTIVE) lint-imports

types: $(READY) ## mypy, strict
	@$(ACTIVE) mypy

clean: ## remove results (and nothing else)
	@find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +

MAKER := mini-work/venv
mini-data: $(READY) ## make data/mini again in its own environment (half an hour; Debian: apt-get update first)
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(MAKER)
	@$(UV) pip sync --quiet --python $(MAKER)/bin/python --require-hashes workflow/mini/requirements.txt
	@export PATH="$(CURDIR)/$(MAKER)/bin:$$PATH"; snakemake --snakefile workflow/mini/Snakefile --cores $(CORES) --config work=mini-work

lock: ## resolve envs/requirements.in anew
	@cd envs && ../$(UV) pip compile --quiet --upgrade --generate-hashes --no-annotate --no-header --python-version 3.11 --universal requirements.in -o requirements.txt
	@$(PYTHON) envs/conda.py
