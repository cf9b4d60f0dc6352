#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make install: the command and the programs beside it run from their new place, and the example builds
# against the installed header and libraries through pkg-config, shared and static.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if grep -q '^LOBASS_SANITIZE:STRING=.' "$BUILD_DIR/CMakeCache.txt"; then
    echo "skipped: an installed library with sanitizers needs them in every program"
    exit 77
fi
cmake --install "$BUILD_DIR" --prefix "$work/prefix" >"$work/install.log"
library=$(dirname "$(find "$work/prefix" -name liblobass.so)")
export PKG_CONFIG_PATH="$library/pkgconfig"
version=$("$work/prefix/bin/lobass" --version)
[ "$version" = "lobass $(pkg-config --modversion lobass)" ] || {
    echo "version: found '$version', expected that of lobass.pc"
    exit 1
}

# The programs that the command starts: beside it, or where a distribution keeps such.
mkdir -p "$work/prefix/libexec/lobass"
mv "$work/prefix/bin/lobass-bench" "$work/prefix/libexec/lobass"
ln -s "$work/prefix/bin/lobass" "$work/link"
for program in judge bench; do
    "$work/link" $program --help | grep -q "^Usage: lobass $program"
done

# Whoever asks no endpoint needs no HTTP.
for file in "$work/prefix/bin/lobass" "$library/liblobass.so"; do
    if ldd "$file" | grep libcurl; then
        echo "$file needs libcurl"
        exit 1
    fi
done
ldd "$work/prefix/bin/lobass-judge" | grep -q libcurl

# shellcheck disable=SC2046  # flags are words
cc -std=c11 "$root/examples/losses.c" $(pkg-config --cflags --libs lobass) -o "$work/shared"
# shellcheck disable=SC2046
cc -std=c11 "$root/examples/losses.c" $(pkg-config --cflags lobass) "$library/liblobass.a" \
    $(pkg-config --libs --static lobass | sed 's/-llobass//') -o "$work/static"
"$LOBASS" init --like "$root/tests/cli/data/config.json" \
    --tokenizer "$root/tests/cli/data/tokenizer.json" -o "$work/model" -q
printf '{"instruction": "Say hello", "output": "hello"}\n[1]\n' >"$work/data.jsonl"
for kind in shared static; do
    LD_LIBRARY_PATH="$library" "$work/$kind" "$work/model" "$work/data.jsonl" "$work/run-$kind" \
        >"$work/$kind.txt" 2>/dev/null
    grep -q '^0	ok	[0-9.]*$' "$work/$kind.txt"
    grep -q '^1	bad_record$' "$work/$kind.txt"
done
cmp "$work/shared.txt" "$work/static.txt"
