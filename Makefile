# Everything here works on a machine that has Python 3.11 or newer, make, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
INSTALL := $(PIP) install --require-hashes -r requirements-build.lock
OWN := PYTHONWARNINGS=ignore $(PIP) install --no-deps --no-build-isolation --no-index --editable .

NODE_MODULES := $(patsubst %/package-lock.json,%/node_modules,$(wildcard tests/*/package-lock.json tests/*/*/package-lock.json))

# The browser of the browser tests, as Debian packages it; CHROMIUM=/path/to/another/one elsewhere.
export CHROMIUM ?= chromium

# What stands in front of servers in tests, likewise; Debian has it where only root looks.
export NGINX ?= $(firstword $(wildcard /usr/sbin/nginx) nginx)

# Packaged for tests on Linux and x86_64; elsewhere that of the machine.
HELM ?= $(if $(wildcard $(BIN)/helm),$(BIN)/helm,helm)

# Packaged likewise, for `make bench` where PATH has none; its options are BENCH="--quick --only token" and the like.
K6 := $(if $(shell command -v k6),,$(VENV)/.installed-for-bench)
BENCH ?=

# Options of `make chaos`: CHAOS="--only primary --topology sentinel" and the like.
CHAOS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lint audit sbom bench chaos clauses chart chromium nginx

help: ## show what there is
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target does; do \
	  printf '%-16s %s\n' "$$target" "$$does"; done

run: $(VENV)/.installed ## serve the demo utility on http://127.0.0.1:8000
	@$(BIN)/python -m compileall -q app
	@umask 077 && mkdir -p .data && { [ -s .data/operator-key ] || \
	  $(BIN)/python -c 'import secrets; print("cdsop_" + secrets.token_urlsafe(32))' > .data/operator-key; }
	@[ -n "$$CDS_OPERATOR_BOOTSTRAP_KEY" ] || grep -qs '^ *CDS_OPERATOR_BOOTSTRAP_KEY=.' .env || \
	  export CDS_OPERATOR_BOOTSTRAP_KEY="$$(cat .data/operator-key)"; exec $(BIN)/cds-server serve --welcome

# Three for two cores: many a test waits for other processes, or for time to pass.
TESTERS ?= 3

# Tests start hundreds of processes; each would compile everything anew where Python is told to keep no bytecode.
test clauses: export PYTHONDONTWRITEBYTECODE =

test: $(VENV)/.installed-for-tests $(NODE_MODULES) chromium nginx ## run every test
	@$(BIN)/python -m compileall -q app
	$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal

lint: $(VENV)/.installed-for-tests ## check style, types and the direction of imports
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cds-server check
	$(BIN)/hadolint Dockerfile
	@command -v $(HELM) >/dev/null || { echo 'helm is needed to check the chart; make HELM=/path/to/it'; exit 1; }
	for values in helm/ci/*-values.yaml; do $(HELM) lint --strict --quiet helm --values $$values || exit 1; done

audit: $(VENV)/.installed-for-tests ## ask whether something is known against what we ship (AUDIT_REQUIRED=1: fail where nobody knows)
	@$(BIN)/python -m tests.supply_chain.audit

sbom: $(VENV)/.installed-for-tests ## write dist/cds-registration-server.cdx.json, the bill of materials of what an image ships
	@mkdir -p dist
	$(BIN)/python -m tests.supply_chain.sbom requirements-image.lock > dist/cds-registration-server.cdx.json

clauses: $(VENV)/.installed-for-tests $(NODE_MODULES) chromium nginx ## which clauses of the specifications the tests prove
	$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal --quiet --clause-report

chart: $(VENV)/.installed-for-tests ## write what the chart says about its values, from values.yaml
	$(BIN)/python -m tests.helm.chart_docs

bench: $(VENV)/.installed-for-tests tests/oidc_provider/node_modules $(K6) ## measure speed beside yardsticks: make bench BENCH="--quick"
	@command -v wrk >/dev/null || { echo 'wrk is needed to measure; on Debian and Ubuntu: apt-get install wrk'; exit 1; }
	$(BIN)/python -m tests.bench $(BENCH)

chaos: $(VENV)/.installed-for-tests ## kill, pause, fill and cut what an installation is made of, under load
	$(BIN)/python -m tests.chaos $(CHAOS)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo 'Python lacks ensurepip; on Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements-build.lock requirements.lock | $(BIN)/python
	$(INSTALL) -r requirements.lock
	$(OWN)
	@touch $@

$(VENV)/.installed-for-tests: requirements-build.lock requirements-test.lock | $(BIN)/python
	$(INSTALL) -r requirements-test.lock
	$(OWN)
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-for-bench: requirements-bench.lock | $(BIN)/python
	$(PIP) install --require-hashes -r requirements-bench.lock
	@touch $@

$(NODE_MODULES): %/node_modules: %/package-lock.json
	@command -v npm >/dev/null || { echo 'npm is needed for tests; on Debian and Ubuntu: apt-get install npm'; exit 1; }
	npm ci --ignore-scripts --silent --no-audit --no-fund --prefix $*
	@touch $@

chromium:
	@command -v "$(CHROMIUM)" >/dev/null || \
	  { echo 'chromium is needed for tests; on Debian: apt-get install chromium, elsewhere: make CHROMIUM=/path/to/it'; exit 1; }

nginx:
	@command -v "$(NGINX)" >/dev/null || \
	  { echo 'nginx is needed for tests; on Debian: apt-get install nginx-light, elsewhere: make NGINX=/path/to/it'; exit 1; }
