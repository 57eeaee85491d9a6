# The commands of the README. `make help` lists them.
SHELL := /bin/bash
BUILD := build/release
VENV := build/venv
JOBS ?= $(shell nproc)

.DEFAULT_GOAL := help
.PHONY: help deps build demo test test-unit test-python test-asan test-tsan test-long soak bench bench-concrete fuzz coverage conformance install format clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

deps: ## install Debian packages, get Microsoft SEAL
	@scripts/install-packages.sh
	@scripts/get-seal.sh

$(BUILD)/build.ninja: | deps
	@cmake --preset release > build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }

build: deps $(BUILD)/build.ninja ## build/release/bin/einfer-server and build/release/bin/einfer, and the tests
	@cmake --build --preset release --parallel $(JOBS)

demo: deps $(BUILD)/build.ninja ## encrypted predictions for real patient records, end to end
	@cmake --build --preset release --parallel $(JOBS) --target einfer-server einfer-cli
	@python3 scripts/demo.py --bin $(BUILD)/bin

# The Python packages arrive while the compiler works.
test: deps ## everything: unit, contract, end-to-end, interop; sanitizers for the fast part
	@$(MAKE) --no-print-directory --jobs 2 build $(VENV)/.complete
	@scripts/run-tests.sh all

test-unit: build ## the C++ unit tests
	@scripts/run-tests.sh unit

test-python: build $(VENV)/.complete ## contract, end-to-end and interop tests
	@scripts/run-tests.sh python

test-long: build $(VENV)/.complete ## kills, faults, crowds and sanitizers under load, by the hundred: within 60 minutes on 2 cores
	@scripts/run-tests.sh long

soak: build $(VENV)/.complete ## half an hour of honest and hostile traffic; fails when memory, descriptors or the disk grow
	@$(VENV)/bin/python scripts/soak.py --output build/soak.json

BENCH_VENV := build/bench-venv
CONCRETE_VENV := build/bench-concrete-venv
BENCH_ARGS ?=

bench: deps $(BUILD)/build.ninja $(BENCH_VENV)/.complete bench-concrete ## measure against targets and peers; writes docs/benchmarks.md (CONCRETE=no: without Concrete ML)
	@scripts/install-packages.sh bench
	@cmake --preset release -B $(BUILD) -DEINFER_BENCH=ON > build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
	@cmake --build $(BUILD) --parallel $(JOBS) --target einfer-server einfer-bench
	@$(BENCH_VENV)/bin/python bench/run.py --build $(BUILD) $(BENCH_ARGS)

# A peer that cannot be installed is missing from the results and breaks nothing: 2.7 GB, 6.3 GB on disk.
CONCRETE ?= yes
bench-concrete: bench/requirements-concrete.txt
	@if [ "$(CONCRETE)" = yes ] && ! [ $(CONCRETE_VENV)/.complete -nt $< ]; then \
	  echo "Installing Concrete ML, a peer…"; mkdir -p build; \
	  { python3 -m venv $(CONCRETE_VENV) && \
	    $(CONCRETE_VENV)/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check -r $< && \
	    touch $(CONCRETE_VENV)/.complete; } > build/bench-concrete.log 2>&1 || echo "It cannot be installed: build/bench-concrete.log"; \
	fi

$(BENCH_VENV)/.complete: bench/requirements.txt
	@echo "Installing the Python packages of the benchmarks…"
	@python3 -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

test-asan: deps ## the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/run-tests.sh asan-ubsan

test-tsan: deps ## the tests of jobs and keys under ThreadSanitizer
	@scripts/run-tests.sh tsan

SECONDS ?= 60

fuzz: deps ## fuzz every decoder of untrusted bytes for SECONDS each (60), with clang's libFuzzer
	@scripts/install-packages.sh fuzz
	@scripts/fuzz.sh run $(SECONDS)

coverage: deps ## lines and branches of the parsers that the unit tests and the fuzzing seeds reach
	@scripts/install-packages.sh fuzz
	@scripts/coverage.sh

$(VENV)/.complete: tests/requirements.txt | deps
	@echo "Installing the Python packages of the tests…"
	@python3 -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

CONFORMANCE_VENV := build/conformance-venv

$(CONFORMANCE_VENV)/.complete: conformance/requirements.txt
	@python3 -m venv $(CONFORMANCE_VENV)
	@$(CONFORMANCE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r conformance/requirements.txt
	@touch $@

# Keys go through the environment, not through the list of processes; and only those that were meant for this.
conformance: export EINFER_API_KEY := $(if $(filter command,$(origin API_KEY)),$(API_KEY))
conformance: export EINFER_SECOND_API_KEY := $(if $(filter command,$(origin SECOND_API_KEY)),$(SECOND_API_KEY))
conformance: $(CONFORMANCE_VENV)/.complete ## the conformance kit against any server: URL=http://HOST:PORT [API_KEY=…]
	@PYTHONPATH=conformance $(CONFORMANCE_VENV)/bin/python -m einfer_conformance $(URL) $(ARGS)

install: deps $(BUILD)/build.ninja ## install to PREFIX (default /usr/local)
	@cmake --build --preset release --parallel $(JOBS) --target einfer-server einfer-cli einfer
	@cmake --install $(BUILD) --prefix $(or $(PREFIX),/usr/local)

format: ## clang-format everything
	@git ls-files '*.cpp' '*.h' | xargs clang-format -i

clean: ## remove what was built, but not SEAL and the Python packages
	@rm -rf $(filter-out build/deps $(VENV) $(BENCH_VENV) $(CONCRETE_VENV),$(wildcard build/*))
