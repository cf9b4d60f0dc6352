# SPDX-License-Identifier: Apache-2.0
# The short way in: each target sets up what it needs. CMakePresets.json has the presets.

.PHONY: all demo check check-long asan tsan clang setup-clang tidy fuzz format install clean

all:
	@scripts/setup build
	cmake --preset release >/dev/null
	cmake --build --preset release

# Runs the whole method on demo/base and a set with known answers; prints what was chosen, and whether it helps.
demo: all
	demo/run

check: all
	@scripts/setup check
	ctest --preset release

check-long: all
	@scripts/setup check
	LOBASS_LONG=1 ctest --preset release

# The same tests under the address and undefined-behaviour sanitizers, the thread sanitizer, clang.
clang: setup-clang
asan tsan clang:
	@scripts/setup check
	cmake --preset $@ >/dev/null
	cmake --build --preset $@
	ctest --preset $@

setup-clang:
	@scripts/setup clang

tidy: all
	@scripts/setup tidy
	scripts/tidy build

# Ten minutes of libFuzzer for every parser.
fuzz: setup-clang
	cmake --preset fuzz >/dev/null
	cmake --build --preset fuzz
	scripts/fuzz build-fuzz 600

format:
	find include src cli tools tests fuzz examples demo bench -name '*.[ch]' -print0 | \
	    xargs -0 clang-format-19 -i

install: all
	cmake --install build

clean:
	rm -rf build build-*
