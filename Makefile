# Everything runs in a virtual environment that the first target builds; only Python and make must be there.
PYTHON ?= python3
VENV   := .venv
ifeq ($(OS),Windows_NT)
BIN    := $(VENV)/Scripts
else
BIN    := $(VENV)/bin
endif
NODE_CLIENT := tests/clients/node
NODE_TOOLS := tests/openapi/node
PORT   ?= 8090
# Without bytecode pytest rewrites its plugins, and each command that a test starts compiles leomock, every time.
unexport PYTHONDONTWRITEBYTECODE
REFERENCE := $(or $(LEOMOCK_REFERENCE),../shared/reference)

.PHONY: help serve test check conformance contract mcp-clients strangers format bench bench-install bench-peers long drift soak docs docs-serve reference behaviours clean install dev
help:           ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

serve: install  ## Serve the fake on port 8090 (PORT=…)
	$(BIN)/leomock serve --port $(PORT)

test: check     ## Install what the tests need and run all of them, on up to four cores
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4

check: dev      ## Format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: dev     ## Write the format that check wants
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: dev      ## Compare speed and memory with a bare uvicorn app, the plugin's costs with others'
	$(BIN)/python -m bench
	$(BIN)/python -m bench.secure
	$(BIN)/python -m bench.page

bench-install: dev  ## What the installation of leomock adds to every start of pytest
	$(BIN)/python -m bench.install

bench-peers: dev ## Compare with Prism, Mockoon and WireMock, which it installs from npm into a temporary folder
	$(BIN)/python -m bench.peers

long: dev       ## The property tests with many new examples; pytest prints the seed that repeats the run (SEED=…)
	LEOMOCK_EXAMPLES=$(or $(EXAMPLES),1000) $(BIN)/python -m pytest --numprocesses auto $(if $(SEED),--hypothesis-seed=$(SEED)) \
	  tests/openapi tests/contract/test_conformance.py tests/properties tests/state tests/files \
	  tests/server/test_admin_fuzz.py tests/server/test_bucket_routes.py tests/testing/test_assertions.py

drift: install  ## Compare specs/ with the published documents, where these are (LEOMOCK_REFERENCE=…)
	@if [ -d "$(REFERENCE)/upstream" ]; then \
	  $(BIN)/leomock drift "$(REFERENCE)/upstream" specs; \
	else echo "the published documents are not at $(REFERENCE)/upstream (set LEOMOCK_REFERENCE): nothing compared"; fi

soak: dev       ## 200 clients with faults on, and 24 hostile ones among them, for ten minutes (SECONDS=…)
	LEOMOCK_SOAK_SECONDS=$(or $(SECONDS),600) $(BIN)/python -m pytest tests/soak

behaviours: dev ## Write docs/behaviours.md: what the fake does, and how we know
	$(BIN)/leomock behaviours --format markdown --tests tests --output docs/behaviours.md

docs: dev       ## Build the documentation site into build/site; a broken link fails the build
	$(BIN)/python -m mkdocs build --strict

docs-serve: dev ## Show the documentation site at http://127.0.0.1:8000, and rebuild it when a page changes
	$(BIN)/python -m mkdocs serve --dev-addr 127.0.0.1:8000

reference: dev  ## Write the generated pages of docs/reference
	$(BIN)/python -m tools.reference

conformance: dev ## The conformance suite of MCP in its newest versions, which are installed with a Node of their own
	LEOMOCK_MCP_PROGRAMS=build/mcp $(BIN)/python -m pytest -rP tests/interop/mcp/test_conformance.py

mcp-clients: dev ## Five more MCP clients, each installed in an environment of its own
	LEOMOCK_MCP_PROGRAMS=build/mcp $(BIN)/python -m pytest -v tests/interop/mcp/test_clients.py

contract: dev   ## The contract check with 1,000 examples an operation, and its promises that no mutant breaks
	$(BIN)/leomock check --max-examples 1000 --explain-allowances -v
	$(BIN)/python -m tests.contract.check.unguarded

strangers: dev $(NODE_TOOLS)/.installed  ## Redocly, Spectral and client generators for Node.js on our documents
	$(BIN)/python -m pytest tests/openapi/test_node_tools.py

install: $(VENV)/.installed
dev: $(VENV)/.dev $(NODE_CLIENT)/.installed

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# `pip --group` needs pip 25.1.
$(VENV)/.dev: pyproject.toml | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[contract,mcp]" --group dev
	@touch $@ $(VENV)/.installed

# Without Node the tests of the TypeScript SDK say that they are skipped, and why.
$(NODE_CLIENT)/.installed: $(NODE_CLIENT)/package.json
	@if command -v npm >/dev/null 2>&1; then \
	  cd $(NODE_CLIENT) && npm install --no-audit --no-fund --no-package-lock --silent; \
	else echo "npm is not here: the TypeScript SDK will not be tested"; fi
	@touch $@

$(NODE_TOOLS)/.installed: $(NODE_TOOLS)/package.json
	cd $(NODE_TOOLS) && npm install --no-audit --no-fund --no-package-lock --silent
	@touch $@

clean:          ## Remove what was built
	rm -rf $(VENV) $(NODE_CLIENT)/node_modules $(NODE_CLIENT)/.installed $(NODE_TOOLS)/node_modules $(NODE_TOOLS)/.installed dist build .mypy_cache .ruff_cache .pytest_cache
