# Every target sets up what it needs. `make demo` and `make test` are where to begin.
PYTHON ?= python3
STACK ?= prod
PAIRS ?= 10
# Each worker has a cluster of its own, and takes a file at a time. What counts simulated nodes runs
# before what counts lost packets, so the wire is apart.
WORKERS ?= 2
SPREAD = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo demo-preview demo-down test unit engine wire bench bench-ipam soak lint tools schema docs site images check clean

help:
	@echo "make demo [STACK=dev]   deploy a stack on this machine, on real nodes if it is Linux with root"
	@echo "make demo-preview       what an edit of the stack file would change there"
	@echo "make demo-down          end it, leave nothing running"
	@echo "make test               every test; sets everything up"
	@echo "make unit               what needs no toolchain, in about a minute"
	@echo "make engine             the program on the real engine and API server"
	@echo "make wire               pods with real addresses, on real nodes in namespaces (root, Linux)"
	@echo "make bench [ONLY=NAME]  measures the program beside Helm and kubectl, into docs/speed.md; hours"
	@echo "make bench-ipam         measures the IPAM plugins side by side; an hour on a quiet machine"
	@echo "make soak               pods come and go, runs end at any time: is anything lost? An hour"
	@echo "make lint               ruff, mypy, actionlint, zizmor"
	@echo "make check              look for mistakes in the stack files; no cluster, no Pulumi"
	@echo "make schema             write schemas/stack.schema.json anew"
	@echo "make docs               write the pages and the picture of docs/ that are made from the code anew"
	@echo "make site               the pages as a site, in .site"
	@echo "make images STACK=prod  the images that the stack's nodes pull, one a line"

$(READY): requirements.txt requirements-cli.txt requirements-dev.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version.split()[0] + ". Set PYTHON=python3.12, say")'
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

tools: $(READY)
	@$(BIN)/python -m testbed.tools build

demo: $(READY)
	@$(BIN)/python -m testbed.demo up --stack $(STACK)

demo-preview: $(READY)
	@$(BIN)/python -m testbed.demo preview

demo-down: $(READY)
	@$(BIN)/python -m testbed.demo down

test: tools lint
	@$(BIN)/pytest $(SPREAD) --ignore=tests/wire --junitxml=$(VENV)/tests.xml
	@$(BIN)/pytest $(SPREAD) tests/wire --junitxml=$(VENV)/wire.xml
	@$(BIN)/python -m tests.counted $(VENV)/tests.xml $(VENV)/wire.xml

unit: $(READY)
	@$(BIN)/pytest -n auto tests/unit tests/component tests/stacks

engine: $(READY)
	@$(BIN)/python -m testbed.tools build --only engine
	@$(BIN)/pytest $(SPREAD) tests/engine

wire: $(READY)
	@$(BIN)/python -m testbed.tools build --only engine --only wire --only nodes
	@$(BIN)/pytest $(SPREAD) tests/wire

bench: $(READY)
	@$(BIN)/python -m testbed.tools build --only engine
	@$(BIN)/python -m benchmarks.bench --pairs $(PAIRS) $(if $(ONLY),--only $(ONLY),--out docs/speed.md)

bench-ipam: $(READY)
	@$(BIN)/python -m testbed.tools build --only engine --only wire --only nodes
	@$(BIN)/python -m benchmarks.ipam

soak: $(READY)
	@$(BIN)/python -m testbed.tools build --only engine --only wire --only nodes
	@$(BIN)/python -m benchmarks.soak --out docs/soak.md
	@$(BIN)/pytest tests/engine/program/seeded_recovery.py

lint: $(READY)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/zizmor --offline --quiet .github/workflows
	@$(BIN)/pytest -q tests/lint

check: $(READY)
	@$(BIN)/python -m components.cli check

schema: $(READY)
	@$(BIN)/python -m components.cli schema --write

docs: $(READY)
	@$(BIN)/python -m components.cli rules --markdown > docs/rules.new && mv docs/rules.new docs/rules.md
	@$(BIN)/python -m components.cli kinds --markdown > docs/networks.new && mv docs/networks.new docs/networks.md
	@$(BIN)/python -m components.cli schema --markdown > docs/reference.new && mv docs/reference.new docs/reference.md
	@$(BIN)/python -m components.cli picture examples/stacks/Pulumi.prod.yaml --offline --out docs/networks-prod.svg

site: $(READY)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

images: $(READY)
	@$(BIN)/python -m components.cli images $(STACK)

clean:
	rm -rf $(VENV) .site .charts .mypy_cache .pytest_cache .ruff_cache .hypothesis
