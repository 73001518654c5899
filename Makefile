# Everything runs in .venv, from hash-pinned requirements. Start with `make help`.

PYTHON ?= python3
# Tests wait more than they compute: two at a time for each core.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * os.cpu_count())')
ARGS ?=
ROWS ?= 1000000
DURATION ?= 60
CHANGED ?=
IMAGES ?= 20000

LEVEL ?= tokens

# uv trusts what the machine trusts, as pip does.
export UV_SYSTEM_CERTS := 1

bin := .venv/bin
pip := $(bin)/python -m pip --disable-pip-version-check

# uv where it works, else pip: both read the same files.
install = $(bin)/uv pip install --quiet --python $(bin)/python $(1) \
	|| { echo "uv can't do it here: pip does"; $(pip) install --quiet $(1); }

compile = $(bin)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --output-file

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint format bench campaign explore powerloss fuzz schemas twins simulate mutants docs lock clean

help: ## say what each target does
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "make %-8s %s\n", $$1, $$2}'

setup: .venv/.proof ## make .venv with everything that any target needs

demo: .venv/.run ## the whole story in about a minute, without credentials
	$(bin)/netcancel demo

test: .venv/.proof ## run every test (ARGS="-k name" chooses, WORKERS=1 for one at a time)
	$(bin)/python -m pytest -n $(WORKERS) $(ARGS)

lint: .venv/.dev ## check style, formatting and types, in two type checkers
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/basedpyright --pythonpath $(bin)/python

format: .venv/.dev ## format the code and sort the imports
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

bench: .venv/.dev ## measure guarded approvals beside unguarded and naive ones
	$(bin)/python -m bench --rows $(ROWS) $(ARGS)

campaign: .venv/.dev ## kill processes and database servers amid payments (DURATION=60 seconds of trouble)
	$(bin)/python -m campaigns.kills --duration $(DURATION) $(ARGS)

explore: .venv/.dev ## look at every run of small worlds, with the real flows and the real table
	$(bin)/python -m proof.exploration $(ARGS)

powerloss: .venv/.proof ## fail the power behind every operation of a SQLite journal (IMAGES=20000)
	$(bin)/python -m proof.powerloss --images $(IMAGES) $(ARGS)

fuzz: .venv/.proof ## look for answers that judge and oracle read differently (DURATION=60 seconds)
	$(bin)/python -m proof.fuzzing --duration $(DURATION) $(ARGS)

schemas: .venv/.proof ## hold sandbox and proxy to their OpenAPI files (DURATION=60 seconds)
	$(bin)/python -m proof.fuzzing.schemas --duration $(DURATION) $(ARGS)

twins: .venv/.dev ## break the project in every way of the protocol's list, and see that it is noticed
	$(bin)/python -m proof.twins $(ARGS)

mutants: .venv/.proof ## change core and verdicts in small ways, and see that a test notices (CHANGED=COMMIT: only what differs from it)
	$(bin)/python -m proof.mutants $(if $(CHANGED),--changed $(CHANGED)) $(ARGS)

simulate: .venv/.dev ## simulate the flows under faults, in virtual time (LEVEL=tokens|full|postgres|mariadb; PAYMENTS=…; SEED=… replays one run)
	$(bin)/python -m proof.simulation --level $(LEVEL) $(if $(PAYMENTS),--payments $(PAYMENTS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

docs: .venv/.dev ## write the generated pages anew
	$(bin)/python -m tools.states
	$(bin)/python -m tools.settings
	$(bin)/python -m tools.commands
	$(bin)/python -m tools.evidence
	$(bin)/python -m tools.twins

lock: .venv/.uv ## compile requirements/*.txt anew (ARGS=--upgrade takes the newest versions)
	$(compile) requirements/uv.txt $(ARGS) requirements/uv.in
	$(compile) requirements/dev.txt --all-extras $(ARGS) pyproject.toml requirements/run.in requirements/dev.in
	$(compile) requirements/run.txt --constraint requirements/dev.txt pyproject.toml requirements/run.in
	$(compile) requirements/proof.txt --constraint requirements/dev.txt --all-extras $(ARGS) pyproject.toml requirements/run.in requirements/dev.in requirements/proof.in

clean: ## remove .venv and what the tools left behind
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: each is as new as the files that it was made from.

# A machine that has no wheel of uv goes on with pip.
.venv/.uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit("netcancel needs Python 3.11 or newer: make PYTHON=python3.11 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(pip) install --quiet --only-binary :all: --require-hashes -r requirements/uv.txt \
		|| echo "uv can't be installed here"
	touch $@

# Two steps, because an editable install has no hash.
.venv/.run: .venv/.uv requirements/run.txt pyproject.toml
	$(call install,--require-hashes -r requirements/run.txt)
	$(call install,--no-deps --no-build-isolation -e .)
	touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	$(call install,--require-hashes -r requirements/dev.txt)
	touch $@

.venv/.proof: .venv/.dev requirements/proof.txt
	$(call install,--require-hashes -r requirements/proof.txt)
	touch $@
