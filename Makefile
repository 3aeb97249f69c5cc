# make setup | test | soak | demo | docs | lint. Arguments for pytest: make test ARGS="-k embedded -x"

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
STAMP := .venv/.installed

.PHONY: setup test soak demo docs lint
.DELETE_ON_ERROR:

setup: $(STAMP)

# The stamp is younger than both files exactly when what they ask for is installed.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet -c constraints.txt -e '.[dev,ray]'
	touch $@

# Files are divided among two processes, each with a server of its own where none is given.
test: setup
	.venv/bin/pytest -n 2 --dist loadfile $(ARGS)

# Three hundred random schemas, and failing ones made small, then runs, workers and servers killed at
# random, a hundred times in loads of two million rows, 10,000 changed archives, and a canary among
# private draws: an hour or two.
soak: setup
	PROVISIONER_SOAK=1 .venv/bin/pytest tests/provisioner/test_random_schemas.py \
	    tests/provisioner/test_workers.py tests/provisioner/test_kills.py \
	    tests/generators/test_archive.py tests/provisioner/test_differential.py $(ARGS)

demo: setup
	.venv/bin/provisioner demo

docs: setup
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build

lint: setup
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
