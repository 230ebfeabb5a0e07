# Python >= 3.11 and make are all that is assumed; everything else is set up below .venv/.
PYTHON ?= python3
AIRFLOW := 3.3.2
AIRFLOW2 := 2.11.2
# Every version that is supported, in the order in which `make matrix` goes through them.
VERSIONS := $(AIRFLOW2) 3.1.8 3.2.2 $(AIRFLOW)

UV := .venv/uv/bin/uv
ENV := .venv/airflow-$(AIRFLOW)
# Those between are there for the matrix alone.
BETWEEN := $(filter-out $(AIRFLOW) $(AIRFLOW2),$(VERSIONS))
ENV2 := .venv/airflow-$(AIRFLOW2)
BACKENDS := .venv/backends-$(AIRFLOW)
BACKENDS2 := .venv/backends-$(AIRFLOW2)
CLUSTER := .venv/cluster-$(AIRFLOW)
CLUSTER2 := .venv/cluster-$(AIRFLOW2)
BETWEEN_READY := $(BETWEEN:%=.venv/airflow-%/ready)
# Other Pythons than the usual one. Where one is not found, its tests do not run, and that is said.
PYTHONS := 3.12 3.13
BENCH := .venv/bench
DOCS := .venv/docs
PY := $(ENV)/bin/python
PIN := .ci/constraints
DIST_TOOLS := .venv/dist
# The tests of the sdist, which unpacked has no package: theirs can only be the installed one.
UNPACKED := .venv/unpacked
# With the installed wheel, the scheduler's tests, those of our tools, and the examples' runs that are there to be broken
# would show nothing that others do not.
ALL_EXAMPLES := tests/airflow/test_example_dags.py
EXAMPLES := $(addprefix $(ALL_EXAMPLES)::,test_every_task_of_both_runs_succeeds \
	test_no_warning_comes_of_our_code)
WHEEL_TESTS := tests/distribution/check_installed.py tests/pytest_plugin/test_copass_emulator.py \
	$(addprefix tests/operators/test_,register_source.py register_sources.py update_source.py)
# Here the versions of all that we import differ, down to the lowest pydantic and httpx. The protocol's own tests are about
# its logic; of them those that read, write and compare models.
LOWEST_TESTS := $(WHEEL_TESTS) tests/api tests/hooks/test_connection.py tests/hooks/test_copass.py tests/secret_stores \
	$(addprefix tests/registration/test_,inventory.py journal.py register.py register_many.py spec.py update.py) \
	tests/airflow/test_providers_listing.py $(EXAMPLES)
# With `=`, for pytest takes the path of an option that it does not know yet for one of tests, and looks there.
CHECK := -m pytest -q -p no:cacheprovider -m "not slow and not rounds" -o "python_files=test_*.py check_*.py" --dist=$(CURDIR)/dist
# What holds tests of a real Airflow, but for those of the secrets backends: to collect all takes half a minute.
WITH_AIRFLOW := tests/airflow tests/docs/test_readme.py tests/pytest_plugin/test_page.py
TASKS := $(addprefix tests/,operators sensors triggers waiting)
USUAL := not airflow and not deep and not slow and not rounds
# Without the client's and the emulator's, which take minutes: their libraries are the same beside each Airflow. `make matrix` has
# them, and all of the pytest plugin.
AIRFLOW2_TESTS := $(addprefix tests/,airflow commands hooks operators secret_stores sensors triggers) \
	tests/pytest_plugin/test_users_tests.py
# A home that the developer has for Airflow is none of our business, and ours none of theirs.
export AIRFLOW_HOME := $(CURDIR)/.venv/airflow-home
unexport PYTHONPATH
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help browser demo screenshots ui test test-examples test-with-airflow test-protocol test-tasks test-rest coverage test-airflow test-leaks test-rounds test-pythons test-airflow2 test-backends test-backends-all cluster test-cluster test-cluster-all matrix matrix-quick dist docs diagrams test-wheel test-all check lint format bench lists constraints clean

help: ## what there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}' \
		| sed -e 's/$$(AIRFLOW)/$(AIRFLOW)/; s/$$(AIRFLOW2)/$(AIRFLOW2)/; s/$$(BETWEEN)/$(BETWEEN)/'

demo: $(ENV)/ready ## register sources in a real Airflow against the emulator, and show what happened
	@$(PY) -m tests.tools.demo

ui: $(ENV)/ready ## open a local Airflow with the emulator, the connection and the example DAGs in place
	@$(PY) -m tests.tools.ui

test: $(ENV)/ready ## run what a change needs, on Airflow $(AIRFLOW): all without a scheduler, and a real one with the examples and some kills
	@$(MAKE) --no-print-directory -j5 -O test-examples test-with-airflow test-protocol test-tasks test-rest

# The parts of `make test`, side by side: each waits for much, the real Airflows for most, and so they have the right of way.
# What each has to say comes when it is over.
test-examples: $(ENV)/ready
	@$(PY) -m pytest -q $(ALL_EXAMPLES) -m "not deep and not slow"

test-with-airflow: $(ENV)/ready
	@$(PY) -m pytest -q $(WITH_AIRFLOW) --ignore=$(ALL_EXAMPLES) -m "airflow and not deep and not slow"

test-protocol: $(ENV)/ready
	@nice $(PY) -m pytest -q tests/registration -m "$(USUAL)"

test-tasks: $(ENV)/ready
	@nice $(PY) -m pytest -q $(TASKS) -m "$(USUAL)"

test-rest: $(ENV)/ready
	@nice $(PY) -m pytest -q $(addprefix --ignore=,tests/backends tests/registration $(TASKS)) -m "$(USUAL)"

coverage: $(ENV)/ready ## run the tests without a scheduler, and print which lines of the package they do not see
	@$(ENV)/bin/coverage erase
	@$(ENV)/bin/coverage run -m pytest -q --ignore=tests/backends -m "not airflow and not slow and not rounds"
	@$(ENV)/bin/coverage combine --quiet
	@$(ENV)/bin/coverage report

test-airflow: $(ENV)/ready browser ## run the rest of what needs a real Airflow: every kill, the search for leaks, the pages, make demo and make ui
	@$(PY) -m pytest $(WITH_AIRFLOW) -m "airflow and deep and not slow"
	@$(PY) -m pytest -q --ignore=tests/backends -m "not airflow and deep and not slow"

test-leaks: $(ENV)/ready ## search all that a real Airflow has written for a secret, whatever fails; run sixteen tasks at once, and the rest of the examples
	@$(PY) -m pytest $(addprefix tests/airflow/test_,leaks.py rendered_fields.py unrendered_fields.py sixteen_at_once.py) -m "not slow"
	@$(PY) -m pytest -q $(ALL_EXAMPLES) -m deep

test-rounds: $(ENV)/ready ## thousands of simulated registrations that crash, freeze and race, and of odd inputs and answers
	@$(PY) -m pytest -q tests/api tests/registration -m rounds
	@$(PY) -m pytest -q --hypothesis-profile=rounds tests/operators/test_inputs_property.py

test-pythons: $(UV) ## run what needs no scheduler with each of Python 3.12 and 3.13 that is found
	@for version in $(PYTHONS); do \
		if [ -z "$$($(PYTHON) .ci/environment.py find $$version)" ]; then echo "Python $$version is not found: its tests did not run."; continue; fi; \
		$(MAKE) --no-print-directory .venv/python-$$version/ready || exit 1; \
		.venv/python-$$version/bin/python -m pytest -q --ignore=tests/backends -m "$(USUAL)" || exit 1; \
	done

test-airflow2: $(ENV2)/ready ## test what touches Airflow, the client, and the example DAGs on Airflow $(AIRFLOW2)
	@$(ENV2)/bin/python -m pytest -q $(AIRFLOW2_TESTS) -m "not slow and not rounds and not crashes and not deep"

test-backends: $(BACKENDS)/ready ## write secrets to real secrets backends
	@$(BACKENDS)/bin/python -m pytest tests/backends -m "not slow and not crashes and not deep"

test-backends-all: $(BACKENDS)/ready $(BACKENDS2)/ready ## the same on both versions of Airflow, with tasks that are killed, and the search for leaks
	@$(BACKENDS)/bin/python -m pytest tests/backends -m "not slow"
	@$(BACKENDS2)/bin/python -m pytest tests/backends

cluster: $(CLUSTER)/ready ## open an Airflow with PostgreSQL, Redis, two schedulers and two Celery workers, to try things on
	@$(CLUSTER)/bin/python -m tests.tools.cluster

test-cluster: $(CLUSTER)/ready ## run a short torture on such a cluster, and search all that it has written
	@$(CLUSTER)/bin/python -m pytest tests/cluster -m "not slow and not deep"

test-cluster-all: $(CLUSTER)/ready $(CLUSTER2)/ready ## the examples, the full torture, double delivery, clocks, outages, many waits; the first two on both versions of Airflow
	@$(CLUSTER)/bin/python -m pytest tests/cluster
	@$(CLUSTER2)/bin/python -m pytest $(addprefix tests/cluster/test_,cluster.py examples.py metrics.py torture.py)

matrix: $(ENV)/ready $(ENV2)/ready $(BETWEEN_READY) browser ## run the tests that touch Airflow on each version, with a table of what ran where
	@$(PY) -m tests.tools.matrix $(VERSIONS)

matrix-quick: $(ENV)/ready $(BETWEEN_READY) browser ## the same on $(BETWEEN) alone, without the tests that start a scheduler
	@$(PY) -m tests.tools.matrix --quick $(BETWEEN)

dist: $(DIST_TOOLS)/ready ## build the sdist and the wheel, and check their metadata
	@$(PYTHON) .ci/environment.py build --uv $(UV) --into dist --pins $(PIN)/dist.txt
	@$(DIST_TOOLS)/bin/twine --no-color check --strict dist/*

test-wheel: dist ## test the installed wheel: on Airflow $(AIRFLOW), on one that has nothing else, on the lowest versions
	@$(PYTHON) .ci/environment.py unpack --dist dist --into $(UNPACKED)
	@$(PYTHON) .ci/environment.py make --uv $(UV) --into .venv/plain --dist dist --pins $(PIN)/airflow-$(AIRFLOW).txt
	@$(PYTHON) .ci/environment.py make --uv $(UV) --into .venv/wheel --dist dist --extra test --pins $(PIN)/airflow-$(AIRFLOW).txt
	@$(PYTHON) .ci/environment.py make --uv $(UV) --into .venv/lowest --dist dist --extra test --pins $(PIN)/lowest.txt
	@cd $(UNPACKED) && $(CURDIR)/.venv/wheel/bin/python $(CHECK) --plain=$(CURDIR)/.venv/plain tests/distribution $(WHEEL_TESTS)
	@cd $(UNPACKED) && $(CURDIR)/.venv/lowest/bin/python $(CHECK) $(LOWEST_TESTS)

test-all: test coverage test-airflow test-rounds test-pythons matrix test-backends-all test-cluster-all test-wheel ## everything, the slow rounds included
	@$(PY) -m pytest -m slow
	@$(ENV2)/bin/python -m pytest tests/airflow -m slow

browser: ## get a Chromium for the tests that look at Airflow's pages (Debian, Ubuntu; as root)
	@$(PYTHON) .ci/browser.py

screenshots: $(ENV)/ready browser ## take the pictures of docs/images anew
	@$(PY) -m pytest $(addprefix tests/airflow/test_,connection_form.py green_run.py asset_run_page.py) --screenshots docs/images

lint: $(ENV)/ready ## format check, lint, types, import contracts, plain words
	@$(ENV)/bin/ruff format --check .
	@$(ENV)/bin/ruff check .
	@$(ENV)/bin/mypy
	@$(ENV)/bin/lint-imports
	@$(PY) -m tests.tools.prose

docs: $(DOCS)/ready ## build the pages as a site, with the API out of the docstrings, into .venv/site
	@$(DOCS)/bin/python -m sphinx -q -W --keep-going -c docs -b html . .venv/site
	@echo "The pages are in .venv/site/README.html"

diagrams: $(ENV)/ready browser ## draw the diagrams of the pages anew, for the site (needs npm)
	@$(PY) -m tests.tools.diagrams

check: lint test ## what a contributor runs before a commit

format: $(ENV)/ready ## let ruff put the code in shape
	@$(ENV)/bin/ruff format .
	@$(ENV)/bin/ruff check --fix .

bench: $(BENCH)/ready ## print the benchmark table: our import and our calls beside the peers'
	@$(BENCH)/bin/python -m tests.tools.bench

lists: $(ENV)/ready ## time lists of 100 and of 1,000 sources on a real Airflow, new and in place
	@$(PY) -m tests.tools.lists

constraints: $(UV) ## choose newer third-party versions and pin them
	@$(PYTHON) .ci/environment.py pin --uv $(UV)

clean: ## remove every environment and cache
	@rm -rf .venv .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist

$(UV): $(PIN)/uv.txt .ci/environment.py
	@$(PYTHON) .ci/environment.py uv --into .venv/uv

$(ENV)/ready: $(UV) pyproject.toml $(PIN)/airflow-$(AIRFLOW).txt
	@$(PYTHON) .ci/environment.py make --uv $(UV) --into $(ENV) --extra dev --pins $(PIN)/airflow-$(AIRFLOW).txt

$(ENV2)/ready: $(UV) pyproject.toml $(PIN)/airflow-$(AIRFLOW2).txt
	@$(PYTHON) .ci/environment.py make --uv $(UV) --into $(ENV2) --extra test --pins $(PIN)/airflow-$(AIRFLOW2).txt

.venv/python-%/ready: $(UV) pyproject.toml $(PIN)/airflow-$(AIRFLOW).txt
	@$(PYTHON) .ci/environment.py make --interpreter $$($(PYTHON) .ci/environment.py find $*) --uv $(UV) --into .venv/python-$* --extra dev \
		--pins $(PIN)/airflow-$(AIRFLOW).txt

.venv/backends-%/ready: $(UV) pyproject.toml $(PIN)/backends-%.txt $(PIN)/backends-bare.txt
	@$(PYTHON) .ci/environment.py make --uv $(UV) --into .venv/backends-$* --extra backends \
		--pins $(PIN)/backends-$*.txt --bare $(PIN)/backends-bare.txt

.venv/cluster-%/ready: $(UV) pyproject.toml $(PIN)/cluster-%.txt
	@$(PYTHON) .ci/environment.py make --uv $(UV) --into .venv/cluster-$* --extra cluster --pins $(PIN)/cluster-$*.txt

$(BETWEEN_READY): .venv/airflow-%/ready: $(UV) pyproject.toml $(PIN)/airflow-%.txt
	@$(PYTHON) .ci/environment.py make --uv $(UV) --into .venv/airflow-$* --extra test --pins $(PIN)/airflow-$*.txt

$(DIST_TOOLS)/ready: $(UV) $(PIN)/dist.txt
	@$(PYTHON) .ci/environment.py make --uv $(UV) --into $(DIST_TOOLS) --pins $(PIN)/dist.txt

$(DOCS)/ready: $(UV) pyproject.toml $(PIN)/docs.txt
	@$(PYTHON) .ci/environment.py make --uv $(UV) --into $(DOCS) --extra docs --pins $(PIN)/docs.txt

$(BENCH)/ready: $(UV) pyproject.toml $(PIN)/bench.txt
	@$(PYTHON) .ci/environment.py make --uv $(UV) --into $(BENCH) --extra bench --pins $(PIN)/bench.txt
