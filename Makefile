PYTHON ?= python3
VENV   ?= .venv
RUN    := $(VENV)/bin/python
ARGS   ?=

DOCKER      ?= docker
DOCKER_ARGS ?=
IMAGE       ?= mgca
TARGET      ?= gpu
GPUS        ?= all
SHM         ?= 16g
STOP        ?= 120
EXPERIMENT  ?= mgca_vit
DATA        ?= data
SHARED      ?= ../shared
CACHE       ?= mgca-cache-$(shell id -u)

# --init hands signals on to the program, which then has STOP seconds to write its checkpoint.
DOCKER_RUN = $(DOCKER) run --rm --init --stop-timeout $(STOP) --shm-size $(SHM) --user "$$(id -u):$$(id -g)"
SHARED_MOUNT = --mount "type=bind,source=$$(cd "$(SHARED)" && pwd),target=/shared,readonly"

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint typecheck docker-build docker-train docker-test clean

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

docker-build: ## Build the image (TARGET=gpu, cpu or test)
	$(DOCKER) build --file docker/Dockerfile --target $(TARGET) --tag $(IMAGE):$(TARGET) .

docker-train: ## Train in the image: EXPERIMENT=mgca_vit DATA=/path GPUS=all ARGS="trainer.devices=2"
	@test -d "$(DATA)" || { echo 'DATA=$(DATA) is not a folder; name the one that holds raw/ and store/ (an empty one' \
	  'does for the phantom), e.g. make docker-train DATA=/path/to/data'; exit 1; }
	mkdir -p outputs
	$(DOCKER_RUN) $(if $(filter gpu,$(TARGET)),--gpus '$(GPUS)') \
	  --mount "type=bind,source=$$(cd "$(DATA)" && pwd),target=/data,readonly" \
	  --mount "type=bind,source=$(CURDIR)/outputs,target=/app/outputs" --volume "$(CACHE):/cache" \
	  --env WANDB_API_KEY --env WANDB_MODE --env HF_TOKEN --env HF_HUB_OFFLINE --env NCCL_DEBUG $(DOCKER_ARGS) \
	  $(IMAGE):$(TARGET) +experiment=$(EXPERIMENT) $(ARGS)

docker-test: ## Build the test image and run the tests in it: no network; SHARED=/path of real data, read-only
	$(DOCKER) build --file docker/Dockerfile --target test --tag $(IMAGE):test .
	$(DOCKER_RUN) --network none \
	  $(if $(shell test -d "$(SHARED)" && echo yes),$(SHARED_MOUNT)) \
	  $(DOCKER_ARGS) $(IMAGE):test $(ARGS)

clean: ## Remove caches and build leftovers (never outputs/)
	rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
