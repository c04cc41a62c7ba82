# Verbs for people and for CI. Each makes what it needs: a virtual environment in .venv, by python3 and pip, or by uv if it is there.

PYTHON ?= python3
PYTHON_3_7 ?= python3.7
VENV   ?= .venv
LOGDIR ?= runs

BIN   := $(VENV)/bin
READY := $(VENV)/.ready
RUN   := PYTHONPATH= $(BIN)/python

.PHONY: help demo demo-s3 test test-all test-protobuf test-fsspec test-tensorflow test-torch test-old-tensorboard chaos check format cov bench bench-quick bench-database append-cost late-steps docs build clean

help:
	@echo 'make demo        train on real data and log it to runs/ (or LOGDIR=s3://bucket/runs, gs://bucket/runs)'
	@echo 'make demo-s3     the same against an S3 server on this machine, started and stopped by itself'
	@echo 'make test        the whole test suite; make test-all: on every Python that is installed'
	@echo 'make test-tensorflow    the same calls to TensorFlow and to us, compared (installs 1.6 GB)'
	@echo 'make test-old-tensorboard   TensorBoard 1.14, which reads databases (needs Python 3.7: PYTHON_3_7=path)'
	@echo 'make test-torch         the same to torch (installs gigabytes)'
	@echo 'make chaos       faults at every request, kills, outages, broken disks; writes docs/reliability.md (SEED=2, SECTIONS=wire)'
	@echo 'make check       formatting, lint, types, import rules'
	@echo 'make append-cost     what flushes cost on a bucket, into docs/append_cost.md'
	@echo 'make late-steps      what TensorBoard shows of late steps, into docs/late_steps.md'
	@echo 'make bench       how fast it is beside its peers, into docs/benchmarks.md (15 minutes; installs 5.5 GB once)'
	@echo 'make bench-quick     the same in 3 minutes, to the terminal (ARGS="--rows 1,3 --peers none")'
	@echo 'make bench-database  scalars into a SQLite database, beside a transaction for each (half a minute)'
	@echo 'make cov docs build clean'

$(READY): pyproject.toml Makefile
	@test -x $(BIN)/python || if command -v uv >/dev/null; then uv venv -q --seed --python $(PYTHON) $(VENV); else $(PYTHON) -m venv $(VENV); fi
	@echo 'installing into $(VENV) (once, about a minute)'
	@if command -v uv >/dev/null; then \
	    VIRTUAL_ENV=$(VENV) uv pip install -q -e . --group dev; \
	else \
	    $(BIN)/python -m pip install -q --disable-pip-version-check 'pip>=25.1' && \
	    $(BIN)/python -m pip install -q --disable-pip-version-check -e . --group dev; \
	fi
	@touch $@

demo: $(READY)
	@$(RUN) examples/digits_trainer.py --logdir '$(LOGDIR)'

demo-s3: $(READY)
	@$(RUN) examples/with_moto.py examples/digits_trainer.py --logdir s3://demo-bucket/runs

test: $(READY)
	@PYTHONASYNCIODEBUG=1 $(RUN) -m pytest -q $(ARGS)

test-all:
	@for version in 3.11 3.12 3.13; do \
	    if command -v python$$version >/dev/null && python$$version -c '' 2>/dev/null; then \
	        echo "== Python $$version"; $(MAKE) --no-print-directory test PYTHON=python$$version VENV=.venv-$$version || exit 1; \
	    else echo "== Python $$version is not installed"; fi; done

# The messages must work under every protobuf that pyproject.toml admits: one environment for each.
test-protobuf: $(READY)
	@$(RUN) tests/protobuf_versions.py

# So must storage on older releases of fsspec, s3fs and gcsfs.
test-fsspec: $(READY)
	@$(RUN) tests/fsspec_versions.py

# What TensorFlow itself does, beside what we do; the result goes into the docs. 1.6 GB, so not a part of CI.
test-tensorflow:
	@test -x .venv-tensorflow/bin/python || $(PYTHON) -m venv .venv-tensorflow
	@.venv-tensorflow/bin/python -m pip install -q --disable-pip-version-check 'pip>=25.1'
	@.venv-tensorflow/bin/python -m pip install -q --disable-pip-version-check -e . --group tensorflow
	@TF_CPP_MIN_LOG_LEVEL=3 PYTHONPATH= .venv-tensorflow/bin/python -m pytest -q tests/with_tensorflow --result docs/tensorflow.md $(ARGS)

# The last TensorBoard that reads databases, which needs an old Python.
test-old-tensorboard: $(READY)
	@test -x .venv-tensorboard-1.14/bin/tensorboard || { $(PYTHON_3_7) -m venv .venv-tensorboard-1.14 && \
	    .venv-tensorboard-1.14/bin/python -m pip install -q --disable-pip-version-check tensorboard==1.14.0 'protobuf<3.21' 'setuptools<60'; }
	@TENSORBOARD_1_14=$(CURDIR)/.venv-tensorboard-1.14/bin/tensorboard $(RUN) -m pytest -q tests/integration/test_old_tensorboard.py $(ARGS)

# What torch's own SummaryWriter writes, beside what we do. Some gigabytes, so not a part of CI.
test-torch:
	@test -x .venv-torch/bin/python || $(PYTHON) -m venv .venv-torch
	@.venv-torch/bin/python -m pip install -q --disable-pip-version-check 'pip>=25.1'
	@.venv-torch/bin/python -m pip install -q --disable-pip-version-check -e . --group torch
	@PYTHONPATH= .venv-torch/bin/python -m pytest -q tests/with_torch $(ARGS)

# Everything that can go wrong, and what was lost; make test runs a part of it. Chosen sections are printed, all are written to the docs.
chaos: $(READY)
	@$(RUN) -m tests.chaos --full --seed $(or $(SEED),1) $(if $(SECTIONS),$(SECTIONS),--report docs/reliability.md)

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/lint-imports

format: $(READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

cov: $(READY)
	@$(RUN) -m pytest -q --cov --cov-report=term-missing:skip-covered $(ARGS)

# Beside TensorFlow, torch and others, which are installed in .venv-bench-* (once, 5.5 GB); then it takes less than 15 minutes.
bench: $(READY)
	@$(RUN) -m benchmarks --report docs $(ARGS)

bench-quick: $(READY)
	@$(RUN) -m benchmarks --quick $(ARGS)

bench-database: $(READY)
	@$(RUN) -m benchmarks.database

append-cost: $(READY)
	@$(RUN) -m benchmarks.append_cost --report docs/append_cost.md

late-steps: $(READY)
	@$(RUN) -m benchmarks.late_steps

docs: $(READY)
	@$(RUN) docs/screenshot.py

build: $(READY)
	@$(BIN)/python -m build -q

clean:
	@rm -rf .venv .venv-* dist build runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .import_linter_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +
