PYTHON ?= python3
VENV   ?= .venv
RUN    := $(VENV)/bin/python
ARGS   ?=

IMAGE      ?= mgca
TARGET     ?= gpu
GPUS       ?= all
SHM        ?= 16g
EXPERIMENT ?= mgca_vit
DATA       ?= data

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint typecheck docker-build docker-train clean

help: ## List every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## Make .venv and install the pinned dependencies

$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt packaging/opencv-python/setup.cfg
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "$$($(PYTHON) --version) is too old: name Python 3.10 or newer, e.g. make $(or $(MAKECMDGOALS),setup) PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]' ./packaging/opencv-python
	@touch $@

demo: setup ## Render the phantom, pretrain a small MGCA, judge it, print one table
	$(RUN) -m src.run +experiment=demo $(ARGS)

test: setup ## Run the tests
	$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

lint: setup ## Check style, formatting and the import floors
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/lint-imports

typecheck: setup ## Check the types
	$(RUN) -m mypy

docker-build: ## Build the image (TARGET=gpu or cpu)
	docker build --file docker/Dockerfile --target $(TARGET) --tag $(IMAGE):$(TARGET) .

docker-train: ## Train in the image: EXPERIMENT=mgca_vit DATA=/path GPUS=all ARGS="trainer.devices=2"
	mkdir -p outputs
	docker run --rm --init $(if $(filter gpu,$(TARGET)),--gpus $(GPUS)) --shm-size $(SHM) --user $$(id -u):$$(id -g) \
	  --volume $(abspath $(DATA)):/data:ro --volume $(CURDIR)/outputs:/app/outputs --volume mgca-cache:/cache \
	  --env WANDB_API_KEY --env WANDB_MODE \
	  $(IMAGE):$(TARGET) +experiment=$(EXPERIMENT) $(ARGS)

clean: ## Remove caches and build leftovers (never outputs/)
	rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
