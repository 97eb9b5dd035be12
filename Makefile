PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test test-slurm test-viewers lint docs bench fuzz reruns torture clean

demo: .venv/installed
	$(BIN)/python -m snakemake --cores 8
	$(BIN)/python -m aepsl summary results

test: .venv/installed lint
	$(BIN)/python -m pytest

# The workflow on a true SLURM of this one machine. Installs Debian's packages, as root; they start nothing by themselves.
test-slurm: .venv/installed
	command -v slurmctld >/dev/null || tests/slurm/install
	$(BIN)/python -m pip install --quiet --editable ".[test,slurm]"
	$(BIN)/python -m pytest tests/slurm

# The HDF5 files in h5dump, in h5web in a browser, and in silx. Installs Debian's packages, as root, where they lack.
test-viewers: .venv/installed
	tests/viewers/install
	$(BIN)/python -m pip install --quiet --editable ".[test,viewers]"
	$(BIN)/python -m pytest tests/viewers tests/unit/test_hdf5_tools.py

# Ten thousand hostile files, a few hundred of which are part of the tests.
fuzz: .venv/installed
	CASES=10000 $(BIN)/python -m pytest tests/robustness

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/python -m snakemake --lint

# The site, in site/index.html, with pictures from the demo's results: what of them is not there is made first.
docs: .venv/installed
	$(BIN)/python -m snakemake --cores 8
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs site

bench: .venv/installed
	$(BIN)/python -m tests.benchmarks

torture: .venv/installed
	$(BIN)/python tests/workflow/torture.py

# What each setting and each source file reruns: docs/reruns.md.
reruns: .venv/installed
	$(BIN)/python -m tests.reruns

# The environment is made anew only when its requirements have changed.
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@

clean:
	rm -rf results site .snakemake
