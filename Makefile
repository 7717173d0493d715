.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS := --extra ui --extra api --extra alerts --extra postgres --extra studio --extra dev
JOBS ?= 3 # one more than cores that every machine has: tests wait for processes, too
SDK4 := .venv-sdk4

.PHONY: help install demo studio up test test-sdk4 check format bench bench-server bench-insights faults kills fuzz docs lock clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## Install what is locked into .venv

# uv reads versions and hashes from uv.lock; the packages come from whatever index this machine is set up to use.
$(STAMP): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Calango needs Python 3.11 or newer; set PYTHON=... to choose one.") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<0.14'
	@echo "Installing what is locked into $(VENV) ..."
	@$(BIN)/uv export --quiet --frozen --no-emit-project $(EXTRAS) --output-file $(VENV)/locked.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement $(VENV)/locked.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(STAMP)

demo: install ## Hold a real conversation, rate it, and show its trace
	@$(BIN)/calango demo

studio: install ## Open the graph in LangGraph Studio (its page is on the web; the server is here)
	@$(BIN)/langgraph dev --no-browser

up: install ## Local server and chat UI together, until Ctrl-C
	@$(BIN)/calango up

test: install ## Run every test
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

test-sdk4: $(SDK4)/.installed ## Run what stands on the Langfuse SDK on its oldest version, too
	@$(SDK4)/bin/python -m pytest -n $(JOBS) tests/unit/tracing tests/unit/test_engine.py tests/unit/test_chat.py \
		tests/conformance/test_sdk*.py tests/conformance/test_langsmith.py

# The same locked packages but for the SDK itself, whose handler needs `langchain` (extra `openai` has it).
$(SDK4)/.installed: $(STAMP)
	@test -x $(SDK4)/bin/python || $(PYTHON) -m venv $(SDK4)
	@echo "Installing Langfuse SDK 4.14 and what else is locked into $(SDK4) ..."
	@$(BIN)/uv export --quiet --frozen --no-emit-project --no-emit-package langfuse --extra api --extra postgres --extra openai --extra dev --output-file $(SDK4)/locked.txt
	@$(BIN)/uv pip install --quiet --python $(SDK4)/bin/python --require-hashes --requirement $(SDK4)/locked.txt
	@$(BIN)/uv pip install --quiet --python $(SDK4)/bin/python 'langfuse==4.14.*'
	@$(BIN)/uv pip install --quiet --python $(SDK4)/bin/python --no-deps --editable .
	@touch $@

check: install ## Lint, format, types and import rules; warnings are errors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pyright --warnings

format: install ## Let ruff write the code as `check` wants it
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: install ## Measure what tracing costs, beside its peers
	@$(BIN)/uv export --quiet --frozen --no-emit-project $(EXTRAS) --extra bench --output-file $(VENV)/locked-bench.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement $(VENV)/locked-bench.txt
	@$(BIN)/python -m benchmarks

bench-server: install benchmarks/.venv-peers/.installed ## Measure the local server beside Phoenix and MLflow
	@$(BIN)/uv export --quiet --frozen --no-emit-project $(EXTRAS) --extra bench --output-file $(VENV)/locked-bench.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement $(VENV)/locked-bench.txt
	@$(BIN)/python -m benchmarks.server

bench-insights: install ## Measure questions, reports, pages, exports and copies with a million observations
	@$(BIN)/uv export --quiet --frozen --no-emit-project $(EXTRAS) --extra bench --output-file $(VENV)/locked-bench.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement $(VENV)/locked-bench.txt
	@$(BIN)/python -m benchmarks.insights

benchmarks/.venv-peers/.installed: benchmarks/server/peers.txt
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@echo "Installing Phoenix and MLflow into $(@D) ..."
	@$(BIN)/uv pip install --quiet --python $(@D)/bin/python --requirement benchmarks/server/peers.txt
	@touch $@

lock: ## Resolve the dependencies again and write uv.lock
	@$(BIN)/uv lock
	@sed -i -E 's#https://[^/"]+/#https://packages.invalid/#' uv.lock

faults: install ## 500 turns and 200 votes against faults and kills; prints what was found
	@$(BIN)/python -m tests.faults.campaign

fuzz: install ## Ask all that reads what comes from outside for FUZZ_MINUTES (60); prints what was found
	@$(BIN)/python -m tests.fuzz

kills: install ## Kill the server 50 times under load; prints what was kept
	@$(BIN)/python -m tests.faults.kills

docs: install ## Write the pages that follow from the code
	@$(BIN)/python docs/generate.py

clean: ## Remove what was installed and built
	rm -rf $(VENV) $(SDK4) benchmarks/.venv-peers dist build .ruff_cache .pytest_cache .hypothesis
