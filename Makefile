# Everything a person or a machine does here. `make help` lists it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
PEERS := $(patsubst benchmarks/peers/%.txt,benchmarks/peers/.venv/%/.ready,$(wildcard benchmarks/peers/*.txt))
export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport PYTHONDONTWRITEBYTECODE  # tests start dozens of Pythons, and each would compile our code again

.DEFAULT_GOAL := help
.PHONY: help demo demo-images test test-fast test-thorough test-stack fuzz up check bench clean lock

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "Python 3.11 is needed, $(PYTHON) is another one. Say which: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "making .venv (a few minutes, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: $(READY) ## the main job on the Adult data: validate, train, judge, register
	@python -m pipelines.retrain

demo-images: $(READY) ## the same on images of clothes, in a worktree of its own
	@python -m pipelines.example fashion

test: $(READY) ## all tests but the stack, on every processor
	@python -m pytest -n auto --dist loadscope

test-fast: $(READY) ## under a minute: no process is started, no network is fitted
	@python -m pytest -n auto --dist loadscope -m 'not stack and not thorough and not slow'

test-thorough: $(READY) ## the proofs again, with more seeds, sizes and cases
	@INPUTS=20000 python -m pytest -n auto --dist loadscope -m 'not stack' --hypothesis-profile=thorough

fuzz: $(READY) ## changed inputs for everything that reads: make fuzz INPUTS=100000 SEED=7
	@INPUTS=$(or $(INPUTS),20000) SEED=$(or $(SEED),$(shell date +%s)) python -m pytest -n auto tests/fuzz

test-stack: $(READY) ## the whole stack: PostgreSQL, S3, MLflow, Prefect, workers, all on loopback
	@python -m pytest -m stack tests/stack

up: $(READY) ## MLflow, Prefect and workers on this machine, until Ctrl-C
	@python -m geratriz up

check: $(READY) ## formatting, lint, types, import rules
	@ruff check . && ruff format --check . && mypy && lint-imports

bench: $(READY) benchmarks/.venv/.ready $(PEERS) ## measure ours beside peers, and write docs/benchmarks.md
	@python -m benchmarks.run

benchmarks/.venv/.ready: benchmarks/requirements.txt
	@$(PYTHON) -m venv benchmarks/.venv
	@benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

# a peer's list is complete, so nothing is resolved; torch alone brings what its build needs
benchmarks/peers/.venv/%/.ready: benchmarks/peers/%.txt
	@echo "making the environment of the peer $* (minutes, once)"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $$(grep '^torch==' $<)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

clean: ## remove the virtual environments and caches, keep data, models and the registry
	@rm -rf .venv benchmarks/.venv benchmarks/peers/.venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .cache

lock: $(READY) ## write requirements.lock and libraries.yaml from .venv, after an upgrade in it
	@{ head -1 requirements.lock; python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock
	@python -m geratriz.fitting.libraries > libraries.yaml
