# `make help` lists the commands. Each sets up what it needs; the first one takes a few minutes.

VENV := .venv
BLENDERS := 4.2 5.0 5.2
RUN := $(VENV)/bin/python

.PHONY: help setup demo test test-all $(BLENDERS:%=test-blender-%) lint types addon

help:
	@echo "make setup              a virtual environment in $(VENV) with everything in it"
	@echo "make demo               from the shipped recording to out/demo"
	@echo "make demo CLIP=FILE     the same from a recording of yours"
	@echo "make test               the tests"
	@echo "make test-all           the tests, the slow ones too, and those of the add-on in $(BLENDERS)"
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

test-all: setup $(BLENDERS:%=test-blender-%)
	$(RUN) -m pytest

$(BLENDERS:%=test-blender-%): test-blender-%:
	@scripts/test-in-blender.sh $*

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: setup
	$(RUN) -m mypy

addon: setup
	$(RUN) build_addon.py
