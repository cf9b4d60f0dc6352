# SPDX-License-Identifier: Apache-2.0
# The short way in: each target sets up what it needs. CMakePresets.json has the presets.

.PHONY: all setup demo check check-long asan tsan tidy format install clean

all: setup
	cmake --preset release >/dev/null
	cmake --build --preset release

setup:
	@scripts/setup

# Makes a base model and a set with known answers, runs the whole method, prints what was chosen.
demo: all
	demo/run

check: all
	ctest --preset release

check-long: all
	LOBASS_LONG=1 ctest --preset release

asan tsan: setup
	cmake --preset $@ >/dev/null
	cmake --build --preset $@
	ctest --preset $@

tidy: all
	scripts/tidy build

format:
	clang-format-14 -i include/*.h src/*/*.[ch] cli/*.[ch] tests/*/*.[ch] tests/unit/*/*.[ch] \
	    fuzz/*.[ch] examples/*.c demo/*.c

install: all
	cmake --install build

clean:
	rm -rf build build-*
