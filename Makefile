# perception_fm: `make demo` and `make test` do all the set-up that they need.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint deps link test-compat clean

# A workspace keeps the interpreter that it was made with; PYTHON=python3.12 changes it.
ifndef PYTHON
PYTHON := $(shell .venv/bin/python -c "" 2>/dev/null && echo .venv/bin/python || echo python3)
endif
# python3.10 of the system, else one that pyenv has (its shim alone does not run unless selected).
COMPAT_PYTHON ?= $(shell python3.10 -c "" 2>/dev/null && echo python3.10 || \
	ls "$$(pyenv root 2>/dev/null)"/versions/3.10.*/bin/python3.10 2>/dev/null | tail -n 1)
WS ?=
# Extras of setup.cfg to add for good: make test EXTRAS="models train" brings PyTorch and Lightning,
# which export and training need.
EXTRAS ?=
# Passed to pytest: make test PYTEST="test/motion -k sweep"
PYTEST ?=

WORKSPACE := @command -v "$(PYTHON)" >/dev/null || { \
	echo 'error: $(PYTHON) is missing; say: apt-get install python3 python3-venv python3-dev g++ make (as root)' >&2; exit 2; }; \
	"$(PYTHON)" tools/workspace
# Traffic of tests and demo stays on this machine and apart from every other run on it.
ISOLATED = ROS_DOMAIN_ID=$${ROS_DOMAIN_ID:-$$((1 + $$$$ % 100))} ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST \
	$$([ "$$ROS_DISTRO" != humble ] || echo ROS_LOCALHOST_ONLY=1)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## make .venv and build both packages, whatever is not up to date (PYTHON=python3.12 picks the interpreter, EXTRAS="models train" adds PyTorch and Lightning)
	$(WORKSPACE) setup --extras "$(EXTRAS)"

demo: setup  ## run the shipped clip through the live node, print a summary and the path of the report
	@env $(ISOLATED) .venv/bin/perception-fm demo

test: lint  ## linters and all tests (PYTEST="test/motion -k sweep" selects)
	@env $(ISOLATED) .venv/bin/ros-env .venv/bin/python -m pytest $(PYTEST)

lint: setup  ## ruff, and mypy in strict mode on the core
	@.venv/bin/python -m ruff check .
	@if grep -q '"is_wheels": true' .venv/workspace.json; then .venv/bin/python -m mypy; \
	else echo 'mypy: skipped, types are checked against the NumPy that comes with the wheels'; fi

deps:  ## as root: install the Debian/Ubuntu packages that are missing
	$(WORKSPACE) deps

link:  ## show both packages to a colcon workspace: make link WS=~/ws
	$(WORKSPACE) link "$(WS)"

test-compat:  ## all tests on Python 3.10 with NumPy 1.26 and OpenCV 4.11 (COMPAT_PYTHON names the interpreter)
	@if "$(COMPAT_PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null; then \
		"$(COMPAT_PYTHON)" tools/workspace setup --compat && \
		env $(ISOLATED) .venv-compat/bin/ros-env .venv-compat/bin/python -m pytest $(PYTEST); \
	else echo 'skipped: there is no Python 3.10 here; name one with COMPAT_PYTHON=...'; fi

clean:  ## remove everything that the set-up made
	rm -rf .venv .venv-compat build install log .mypy_cache .ruff_cache .pytest_cache .hypothesis
