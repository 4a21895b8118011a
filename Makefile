# `make help` lists the commands. Each sets up what it needs; the first one takes a few minutes.

VENV := .venv
VENV_52 := .venv-5.2
RUN := $(VENV)/bin/python
PYTHON_52 := $(shell python3.13 --version >/dev/null 2>&1 && echo python3.13)

.PHONY: help setup demo test test-all test-blender-5.2 lint types addon

help:
	@echo "make setup              a virtual environment in $(VENV) with everything in it"
	@echo "make demo               from the shipped recording to out/demo"
	@echo "make demo CLIP=FILE     the same from a recording of yours"
	@echo "make test               the tests"
	@echo "make test-all           the tests, the slow ones too, and Blender 5.2's"
	@echo "make lint types         ruff; mypy"
	@echo "make addon              the add-on's zips, in dist"

setup: $(VENV)/.installed

# The stamp is the last thing made, so that a setup which was cut off starts again.
$(VENV)/.installed: pyproject.toml constraints.txt
	@scripts/setup.sh $(VENV)
	@touch $@

demo: setup
	@$(VENV)/bin/a2p demo $(if $(CLIP),"$(CLIP)")

test: setup
	$(RUN) -m pytest -m "not slow"

test-all: setup test-blender-5.2
	$(RUN) -m pytest

ifneq ($(PYTHON_52),)
test-blender-5.2: $(VENV_52)/.installed
	$(VENV_52)/bin/python -m pytest tests/blender tests/test_packaging.py

$(VENV_52)/.installed: pyproject.toml
	@echo "Setting up $(VENV_52): Blender 5.2 as a Python module"
	$(PYTHON_52) -m venv --clear $(VENV_52)
	$(VENV_52)/bin/python -m pip install --disable-pip-version-check "bpy==5.2.*" numpy "pyzmq>=26" pytest pytest-timeout
	@touch $@
else
test-blender-5.2:
	@echo "SKIPPED: the tests in Blender 5.2, as there is no python3.13 on PATH"
endif

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: setup
	$(RUN) -m mypy

addon: setup
	$(RUN) build_addon.py
