# make run: set up and run the main job on the embedded default.  make test: set up and pass every test.
# Both work on a fresh Debian machine with Python 3.11 or newer and make.

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
export LAPOR_DATA ?= var
# Over SQLite and over PostgreSQL; where a claim is about SQLite alone its test says why.
ON_BOTH := tests/store tests/runtime tests/found tests/web
SOAKED := tests/oracle tests/properties tests/simulation tests/process tests/fuzz tests/kafka tests/cluster

.DEFAULT_GOAL := help
.PHONY: help run cluster secrets test soak chaos bench bench-cluster rehearse lint setup lock schemas facts clean

help:
	@echo "make run     the main job: sample of the past year, engine, page on http://127.0.0.1:8080/"
	@echo "make cluster the same job on Kafka and PostgreSQL, a process for each role, without Docker"
	@echo "make secrets passwords for docker-compose.yml, in var/secrets"
	@echo "make test    every check and test"
	@echo "make soak    the proofs of the core in their long form, MINUTES=10 for each proof"
	@echo "make chaos   30 faults while 100,000 events flow through a cluster (FAULTS, EVENTS)"
	@echo "make bench   measure, and write tests/bench/RESULTS.md (about 15 minutes)"
	@echo "make rehearse lose an hour, restore a copy and take the hour in again, on both databases"
	@echo "make bench-cluster  the same for workers on Kafka and PostgreSQL: tests/bench/CLUSTER.md (about 25 minutes)"
	@echo "make lint    ruff and mypy only"
	@echo "make lock    resolve the dependencies anew (needs uv)"
	@echo "make schemas write alerts/schemas from the event catalogue, rules/schemas from the shapes of files"
	@echo "make facts   write the tables of facts in rules/README.md from the published types"
	@echo "make clean   forget the virtual environment and var/"

setup: $(RUNTIME)

$(VENV)/bin/python:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@python3 -m venv $(VENV) || { rm -rf $(VENV); test "$$(id -u)" = 0 && apt-get update -q && apt-get install -qy python3-venv \
	    && python3 -m venv $(VENV); } || { rm -rf $(VENV); echo "install the package python3-venv, then try again"; exit 1; }

$(RUNTIME): requirements.lock pyproject.toml $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(DEV): tests/requirements.lock $(RUNTIME)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/requirements.lock
	@touch $@

run: $(RUNTIME)
	@test -e $(LAPOR_DATA)/sample/events.jsonl || $(BIN)/lapor-dini sample --seed 7 --end today --out $(LAPOR_DATA)/sample
	@test -e $(LAPOR_DATA)/lapor-dini.sqlite || $(BIN)/lapor-dini load --tell-last 3 $(LAPOR_DATA)/sample/events.jsonl
	$(BIN)/lapor-dini serve

cluster: $(DEV)
	@$(BIN)/python -m tests.servers.cluster

# Containers have other users than this machine: they may read the files, and nobody else may enter the folder.
secrets:
	@install -d -m 0700 var/secrets
	@for name in postgres_password grafana_password; do test -e var/secrets/$$name && continue; \
	    head -c 24 /dev/urandom | base64 | tr '+/' '-_' > var/secrets/$$name && chmod 0444 var/secrets/$$name; done
	@ls -l var/secrets

# Half of the time tests wait for servers: two processes, each with files of its own in order, so that one server serves a file.
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder
test: $(DEV) lint
	$(BIN)/lapor-dini rules check rules
	$(BIN)/lapor-dini rules test rules
	$(PYTEST)
	LAPOR_TEST_DATABASE=postgres $(PYTEST) $(ON_BOTH)

# Every proof that draws seeds goes on drawing fresh ones for MINUTES.
MINUTES ?= 10
soak: $(DEV)
	LAPOR_SOAK_MINUTES=$(MINUTES) $(BIN)/python -m pytest -q $(SOAKED)

bench: $(DEV)
	$(BIN)/python -m tests.bench

rehearse: $(DEV)
	$(BIN)/python -m pytest -v tests/copies/test_rehearsal.py

# FAULTS=30 faults while EVENTS=100000 events flow through two workers and two dispatchers.
chaos: $(DEV)
	$(BIN)/python -m tests.cluster.chaos

bench-cluster: $(DEV)
	$(BIN)/python -m tests.bench.cluster

lint: $(DEV)
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

schemas: $(RUNTIME)
	$(BIN)/lapor-dini events schemas --out alerts/schemas
	$(BIN)/lapor-dini rules schema --out rules/schemas

facts: $(RUNTIME)
	$(BIN)/lapor-dini rules facts --page rules/README.md

# The locks name versions and hashes, no address to download from.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" pyproject.toml --output-file requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" --constraint requirements.lock --group dev --output-file tests/requirements.lock

clean:
	rm -rf $(VENV) var
