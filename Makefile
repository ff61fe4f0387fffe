# driftscan: `make audit` audits this machine, `make test` runs every test; both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2

.PHONY: audit test soak lint lab bench accuracy compiled clean

# The main job, on this very machine. Exit code 3 (something could not be seen) is an answer, not a failure.
audit: $(VENV)/.installed
	@$(BIN)/driftscan audit localhost || [ $$? -eq 3 ]

test: $(VENV)/.dev lint lab compiled
	$(BIN)/pytest -n $(JOBS) --dist loadgroup

# What is too slow for every run: roles of other systems, every way to every host, long runs of hypothesis and atheris.
soak: $(VENV)/.dev lab compiled
	HYPOTHESIS_PROFILE=soak $(BIN)/pytest -m soak -n $(JOBS) --dist loadgroup

# What a change must pass before the long tests.
lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff check --isolated --select E9,F tests/lab
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Packages of this machine that the lab's hosts need; elsewhere than on Debian as root the lab's tests skip loudly.
lab:
	@sh tests/lab/deps.sh

# An installed program has its bytecode: this one too, wherever Python is told to write none.
compiled: $(VENV)/.dev
	@$(BIN)/python -m compileall -q driftscan

# The tables of docs/performance.md: a host of 400,000 files, its peers beside it (root, some minutes); then the parts,
# last what ends with 1 while a promise is broken.
bench: $(VENV)/.dev lab compiled
	$(BIN)/python benchmarks/host.py
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/audit.py
	$(BIN)/python benchmarks/nightly.py
	$(BIN)/python benchmarks/compare.py
	$(BIN)/python benchmarks/fleet.py
	$(BIN)/python benchmarks/store.py

# Who names what was planted on the lab's sauced host: driftscan and its peers, side by side (root, some minutes).
accuracy: $(VENV)/.dev lab
	$(BIN)/python benchmarks/accuracy.py

$(VENV)/.venv:
	$(PYTHON) -c 'import sys; sys.exit("driftscan needs Python 3.10 or newer" if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(VENV) || { echo "venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.installed: $(VENV)/.venv pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.venv pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,postgresql]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
