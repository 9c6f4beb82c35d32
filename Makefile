# Two commands do everything on a fresh machine: `make demo` and `make test`. Each installs what it needs into .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
FUZZED := $(VENV)/.fuzz-installed
CASE   ?= case
SECONDS_PER_TARGET ?= 60
MEGABYTES ?=
LARGE_MEGABYTES ?= 5000
MIXED_MEGABYTES ?= 1000

.PHONY: demo test bench bench-large bench-mixed bench-detection bench-scaling bench-leaks fuzz lint lock golden clean help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

# The lock names every package, so nothing is resolved: asked to, pip takes up the newest release of what another package
# wants with extras, finds no hash for it, and ends. `check` says that the lock is whole.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "forensics needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip --disable-pip-version-check check
	@touch $@

$(FUZZED): $(STAMP) requirements-fuzz.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-fuzz.lock
	@touch $@

demo: $(STAMP) ## audit the sample incident and show the result
	rm -rf $(CASE)
	$(BIN)/forensics audit sample_logs/incident --incident postmark-mcp --policy sample_logs/incident/policy.toml --out $(CASE)

lint: $(STAMP) ## style, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: lint ## everything that must hold
	$(BIN)/python -m pytest

golden: $(STAMP) ## rewrite the golden files; read the diff before you commit it
	$(BIN)/python -m pytest -p no:randomly --update-golden -m golden

bench: $(STAMP) ## speed and memory beside peers, as ratios
	$(BIN)/python tests/benchmarks/run.py --install $(if $(MEGABYTES),--megabytes $(MEGABYTES))

bench-large: $(STAMP) ## memory over an archive of 5 GB with a mail of 200 MB in it
	$(BIN)/python tests/benchmarks/run.py --large $(LARGE_MEGABYTES)

bench-mixed: $(STAMP) ## a whole audit of 1 GB of mixed evidence, beside what one would chain by hand
	$(BIN)/python tests/benchmarks/run.py --mixed $(MIXED_MEGABYTES) --install --json docs/mixed-benchmark.json

bench-scaling: $(STAMP) ## joining and judging 0.1, 1 and 10 million observations
	$(BIN)/python tests/benchmarks/run.py --scaling 10000000

bench-detection: $(STAMP) ## how well hidden recipients are found, in invented organisations; FINAL=1 for seeds that nobody tuned on
	$(BIN)/python tests/benchmarks/detection/run.py $(if $(FINAL),--final) --out docs/detection-benchmark.json

bench-leaks: $(STAMP) ## how well leaks are found, beside peers, in invented mail; FINAL=1 for templates that nobody tuned on, PRACTICE=1 and REHEARSAL=1 for a second and a third set
	$(BIN)/python tests/benchmarks/leaks/run.py $(if $(FINAL),--final) $(if $(PRACTICE),--practice) $(if $(REHEARSAL),--rehearsal) --out docs/leaks-benchmark.json

fuzz: $(FUZZED) ## hostile input against every reader
	$(BIN)/python tests/fuzz/run.py --seconds $(SECONDS_PER_TARGET)

lock: $(STAMP) ## pin anew: hashes, no URLs
	$(BIN)/pip-compile --quiet --upgrade $(LOCK_FLAGS) --extra dev --extra notebook --all-build-deps -o requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade $(LOCK_FLAGS) --extra fuzz -c requirements.lock -o requirements-fuzz.lock pyproject.toml
LOCK_FLAGS := --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

clean: ## remove what the targets made
	rm -rf $(VENV) $(CASE) build dist
