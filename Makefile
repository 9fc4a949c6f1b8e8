# `make demo` (set-up, sample, run, report), `make test` (set-up, tests), `make check` (format, lint, types, commits).
# `make test-fast`: tests that need no networks and take under half a second. `make test ROOM=alignment`: those whose
# imports reach a room.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STUDY ?= demo/study
SIZE ?= small
# A process of tests for each core, four at most (one grows to some 2 GB); each computes in one thread, or they would
# wait for each other. A file's tests stay in one process, for they share what is dear to make. WORKERS=0: all here.
WORKERS ?= auto
TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile

ROOM ?=

# A campaign of damaged files: N of them, drawn by SEED; what an interrupted one has done is kept, the same command goes
# on. CASE: that one alone. Records, whole files and failures are in .cache/fuzz.
N ?= 200
SEED ?= 0
JOBS ?= 1

.PHONY: demo test test-fast test-full test-ray durations check docs bench fuzz kill setup setup-tools clean

demo: setup
	$(BIN)/evoked sample $(STUDY) --size $(SIZE)
	$(BIN)/evoked run $(STUDY)
	@echo "report: $(CURDIR)/$(STUDY)/results/report.html"

test: setup setup-tools
	$(TESTS) -m "not full" $(if $(ROOM),--room $(ROOM))

test-fast: setup
	$(TESTS) --fast $(if $(ROOM),--room $(ROOM))

# Measure again which tests are slow: one process, about half an hour. With ROOM: only the tests in tests/ROOM.
durations: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not full and not nets" --record-durations tests/$(ROOM)

test-full: setup setup-tools
	$(TESTS)

# The executor on Ray: a cluster of a head and two node processes on this machine. Ray is an extra (evoked[ray]), so it
# is installed here, at its pin; elsewhere these tests are skipped and say so.
test-ray: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m ray

check: setup
	$(BIN)/ruff format --check src tests benchmarks scripts docs
	$(BIN)/ruff check src tests benchmarks scripts docs
	$(BIN)/mypy
	bash scripts/check_commits.sh

# What the documentation takes from the sources, then the site (docs/_build/html/index.html); a warning fails.
docs: setup
	$(BIN)/python scripts/list_rooms.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "site: $(CURDIR)/docs/_build/html/index.html"

bench: setup
	$(BIN)/python benchmarks/run.py

fuzz: setup setup-tools
	$(BIN)/python benchmarks/fuzz.py --seed $(SEED) $(if $(CASE),--case $(CASE),--cases $(N) --processes $(JOBS))

# A campaign of kills: N processes of `run`, `sample` and of fetching networks are killed and given again; kept and gone
# on with as above, in .cache/kill.
kill: setup setup-tools
	$(BIN)/python benchmarks/kill.py --seed $(SEED) $(if $(CASE),--case $(CASE),--kills $(N))

# One virtual environment with every pin of constraints.txt; done again when a pin or a dependency changes.
setup: $(VENV)/.ready

$(VENV)/.ready: constraints.txt pyproject.toml scripts/set_up.sh
	PYTHON="$(PYTHON)" bash scripts/set_up.sh $(VENV)
	touch $@

# ffmpeg (a second opinion on times and sound) and Chromium (the report page): installed where this is root on
# Debian; elsewhere the tests that need them are skipped and say so.
setup-tools:
	bash scripts/set_up_tools.sh

clean:
	rm -rf $(VENV) demo .cache/tests
