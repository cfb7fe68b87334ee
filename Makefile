# SPDX-License-Identifier: MIT
# Short names for what CMake presets and scripts do; nothing is decided here.
.DEFAULT_GOAL := help
.PHONY: help build test redis-faults bench bench-peers bench-peers-install demo fuzz lint format sanitize install clean

PREFIX ?= /usr/local
# Tests at once: many mostly wait.
JOBS ?= 3
FUZZ_SECONDS ?= 60

# ccache stops the build where it cannot make its folder: one below build/ where there is no home to write to.
ifeq ($(shell .ci/has-ccache-folder && echo yes),)
export CCACHE_DIR := $(CURDIR)/build/ccache
endif

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 22

demo: ## the gateway in front of its four services, on port 8000
	.ci/install-deps demo
	cmake --preset demo
	cmake --build --preset demo
	examples/demo.sh

test: ## every test, after building what it needs
	.ci/install-deps test
	cmake --preset release
	cmake --build --preset release
	ctest --preset release --output-on-failure -j$(JOBS)

build: ## library, C API, examples and tests, optimised, into build/release
	.ci/install-deps build
	cmake --preset release
	cmake --build --preset release

bench: ## the benchmarks; prints a table, writes build/bench/results.json
	.ci/install-deps bench
	cmake --preset bench
	cmake --build --preset bench
	bench/run.py

bench-peers-install: ## what bench-peers downloads and compiles, so that it measures at once
	.ci/install-deps bench-peers
	cmake --preset bench
	cmake --build --preset bench
	bench/peers/peers.py --install

bench-peers: ## the same beside other libraries, which it installs from their registries below build/peers
	.ci/install-deps bench-peers
	cmake --preset bench
	cmake --build --preset bench
	bench/peers/peers.py

sanitize: ## the tests under AddressSanitizer with UBSan, then under ThreadSanitizer
	.ci/install-deps test
	cmake --preset asan
	cmake --build --preset asan
	ctest --preset asan --output-on-failure -j$(JOBS)
	cmake --preset tsan
	cmake --build --preset tsan
	ctest --preset tsan --output-on-failure -j$(JOBS)

fuzz: ## the fuzzers, each for FUZZ_SECONDS (60); tests run them for moments
	.ci/install-deps test
	cmake --preset release -DFUZZ_SECONDS=$(FUZZ_SECONDS)
	cmake --build --preset release --target fuzz

redis-faults: ## the faults of Redis, with a server that stands still for 30 s at a time (three minutes)
	.ci/install-deps test
	cmake --preset release
	cmake --build --preset release --target redis_tests
	SEAWALL_LONG_FAULTS=1 ctest --preset release --output-on-failure -V -R '^redis:'

lint: ## clang-format, the source rules of tests/lint, clang-tidy
	.ci/install-deps test
	.ci/lint

format: ## rewrite all C and C++ files as .clang-format says
	git ls-files -z '*.h' '*.cc' '*.c' | xargs -0 clang-format-14 -i

install: ## build the libraries and install them below PREFIX (/usr/local); DESTDIR is honoured
	.ci/install-deps install
	cmake --preset install
	cmake --build --preset install
	cmake --install build/install --prefix $(PREFIX)

clean: ## remove everything that was built
	cmake -E rm -rf build
