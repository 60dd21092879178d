# Everything is installed into .venv from hash-locked requirements; a second run reuses it.
# ARGS goes to the command: make test ARGS="tests/unit -x", make demo ARGS=--help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# Tests wait for processes most of the time, so one more than the cores of a small machine.
WORKERS ?= 3

.PHONY: help demo test check docs format lock setup clean

help:
	@echo "make demo    the whole hub on this machine, servers included"
	@echo "make test    the test suite"
	@echo "make check   format, lint, types, schemas, documentation and its commands"
	@echo "make docs    the documentation, into build/docs"
	@echo "make setup   install into .venv, with the developers' tools"
	@echo "make format  format and sort the code"
	@echo "make lock    resolve the requirements again"
	@echo "make clean   stop the local servers, remove .venv and caches (data in .silta stays)"

demo:
	@sh ops/setup.sh runtime
	@$(BIN)/silta demo $(ARGS)

test: setup
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: setup
	@$(BIN)/ruff format --check --quiet . && echo "format   ok"
	@$(BIN)/ruff check --quiet . && echo "lint     ok"
	@$(BIN)/mypy --no-error-summary && echo "types    ok"
	@$(BIN)/silta schemas check
	@$(MAKE) --no-print-directory docs
	@$(BIN)/python -m pytest -q tests/unit/docs

docs: setup
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict --site-dir build/docs && echo "build/docs/index.html"

setup:
	@sh ops/setup.sh dev

format: setup
	@$(BIN)/ruff check --quiet --fix-only . ; $(BIN)/ruff format .

# The developers' lock is constrained by the runtime's, so that tests run on the very versions that are shipped.
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links
lock: setup
	@$(COMPILE) --group build --upgrade -o requirements/runtime.txt
	@$(COMPILE) --group dev --upgrade -c requirements/runtime.txt -o requirements/dev.txt
	@sh ops/setup.sh dev

clean:
	@if [ -x $(BIN)/silta ]; then $(BIN)/silta down; fi
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
