#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Losses of responses with their prompts and without, and the two scores made of them, against what
# PyTorch computed from the same tokens in float64 (tests/golden/ifd.json, made by make_golden.py).
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

base=${DEMO_BASE:-$root/demo/base}
[ -f "$base/model.safetensors" ] || skip "$base/model.safetensors is not there"
command -v python3 >/dev/null 2>&1 || skip "python3 is not there"

golden=$root/tests/golden
expect 0 "$LOBASS" prepare "$base" "$golden/ifd.jsonl" -o run --template plain --max-length 96 -q
for name in initial unconditional; do
    expect 0 "$LOBASS" measure run "$base" --as $name --dtype fp32 -q
done
n=$(lines "$golden/ifd.jsonl")
row=0
while [ $row -lt "$n" ]; do
    expect 0 "$LOBASS" show run $row --json
    cat out >>shown
    row=$((row + 1))
done
expect 0 python3 "$here/check_ifd.py" shown "$golden/ifd.json"
equals "$(cat out)" "$n rows, 1 truncated" "rows compared"
