# Every target makes what it needs; the first one needs only Python 3.11+ and its venv module.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
TESTS ?= tests

.PHONY: setup demo test test-slow check lint proto bench train-demo-model clean

setup: $(VENV)/.runtime

demo: $(VENV)/.runtime
	$(BIN)/qinfra demo $(if $(DETACH),--detach)

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(TESTS)

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow $(TESTS)

check: lint test

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

proto: $(VENV)/.dev
	$(BIN)/python -m grpc_tools.protoc -I . --python_out=. --pyi_out=. --grpc_python_out=. \
		node_agent/proto/agent.proto

bench: $(VENV)/.dev
	$(BIN)/python -m bench

train-demo-model: $(VENV)/.runtime
	$(BIN)/python -m node_agent.demo.train --force

clean:
	rm -rf $(VENV) .qinfra

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Error: $$($(PYTHON) --version) is too old; set PYTHON to a Python 3.11 or newer" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Error: this Python has no venv module; run: apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade pip
	@touch $@

$(VENV)/.runtime: $(VENV)/.venv pyproject.toml constraints.txt
	@echo "Installing qinfra and what its agents need (the first time takes a minute or two)" >&2
	$(PIP) install --constraint constraints.txt --editable '.[deploy,analysis,agent]'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(PIP) install --constraint constraints.txt --group dev
	@touch $@
