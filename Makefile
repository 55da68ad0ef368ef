# make setup   the environment, .venv
# make chat    everything from nothing to the chat on http://127.0.0.1:7860
# make test    lint, types and all tests; `make test-fast` leaves out the slow ones, `make test-vllm` is vLLM's
# make faults  kills, full disks, damaged files, bad servers: what is lost and what is served wrong; KILLS=100
#
# Tests run in two processes: make test WORKERS=4
# On a machine without a GPU, CPU builds of torch are much smaller:
#   make chat TORCH_INDEX=https://download.pytorch.org/whl/cpu
PYTHON ?= python3
TORCH_INDEX ?=
WORKERS ?= 2
KILLS ?= 28
VENV := .venv
VLLM := .venv-vllm
AUDIT := .venv-audit
BIN := $(VENV)/bin
PIP_FLAGS := --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DELETE_ON_ERROR:
.PHONY: setup chat test test-fast test-vllm lint bench faults wheel audit clean

# A stamp is written last, so that an installation that was cut off is taken up again.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "RaDeR Studio is tested with Python 3.11; run: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_FLAGS) --quiet --progress-bar on -c constraints.txt -e '.[dev]'
	@touch $@

setup: $(VENV)/.installed

chat: setup
	$(BIN)/rader chat

test: lint
	$(BIN)/rader models pull
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m 'not vllm'

test-fast: lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m 'not slow and not browser and not vllm'

# vLLM pins older packages than gradio and sentence-transformers want. What it brings of torch's companions need
# not fit this torch, and transformers fails where they do not.
$(VLLM)/.installed: tests/agent/vllm-requirements.txt
	@test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install $(PIP_FLAGS) --quiet --progress-bar on -r $<
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

test-vllm: setup $(VLLM)/.installed
	$(BIN)/rader models pull smollm2-135m-instruct
	RADER_VLLM_PYTHON=$(abspath $(VLLM)/bin/python) $(BIN)/python -m pytest -m vllm

# Stopped and made again, it goes on where it was; build/faults may be removed.
faults: setup
	$(BIN)/python -m benchmarks.faults --kills $(KILLS) --folder build/faults

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/rader models pull
	$(BIN)/python benchmarks/bench.py $(if $(FULL),--full) $(if $(DATA),--data $(DATA)) $(if $(ONLY),--only $(ONLY))

wheel: setup
	$(BIN)/python -m pip wheel $(PIP_FLAGS) --no-deps --wheel-dir dist .

# Known vulnerabilities of what constraints.txt names; needs PyPI's advisories.
audit:
	@test -x $(AUDIT)/bin/python || $(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install $(PIP_FLAGS) --quiet pip-audit==2.10.1
	$(AUDIT)/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

clean:
	rm -rf $(VENV) $(VLLM) $(AUDIT) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
