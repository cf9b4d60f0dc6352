#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench: the fields that scripts rely on, and that they hold together; what a run would take. No time is
# asserted.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# between KEY LEAST MOST FILE: the number under the key lies there.
between()
{
    value=$(number "$1" "$4")
    awk -v value="$value" -v least="$2" -v most="$3" \
        'BEGIN { exit !(value != "" && value + 0 >= least && value + 0 <= most) }' ||
        fail "$1: found '$value', expected $2 to $3"
}

# Small packs keep it short; the ratios are then of little more than noise, hence the wide bounds.
expect 0 "$LOBASS" bench --shape stories-15m --dtype fp32 --threads 1 --seconds 0.2 --pack-tokens 96 --json
equals "$(lines out)" 1 "lines of the result"
for part in forward train; do
    between ${part}_tokens_per_second 1e-3 1e9 out
    between ${part}_matmul_tokens_per_second 1e-3 1e9 out
    between ${part}_fraction 1e-6 2 out
done
equals "$(number parameters out)" 15191712 "parameters"
equals "$(number weight_bytes out)" 60766848 "bytes of the weights in fp32"
between peak_rss_bytes 60766848 1e12 out
equals "$(text shape out)" stories-15m "shape"
equals "$(text dtype out)" fp32 "dtype"
equals "$(number threads out)" 1 "threads"
equals "$(text scored out)" all "what is scored"
for feature in avx2 avx512 avx512_bf16 amx_bf16; do
    grep -q "\"$feature\": \\(true\\|false\\)" out || fail "no word on $feature"
done
says out '"backend": "native/'

# Rows depend on the seed alone.
rows_of() # ARGUMENT...
{
    expect 0 "$LOBASS" bench --shape stories-15m --part forward --seconds 0 --pack-tokens 300 --json "$@"
    sed 's/.*"forward": {[^}]*"rows"/"rows"/; s/, "peak_rss.*//' out
}
first=$(rows_of --seed 3 --threads 1)
equals "$(rows_of --seed 3 --threads 1 --dtype bf16)" "$first" "rows of the same seed"
lacks out train
sed 's/.*"row_lengths": \[\([^]]*\)\].*/\1/' out | tr -d ' ' | tr ',' '\n' >lengths
equals "$(lines lengths)" "$(number rows out)" "number of lengths"
equals "$(awk '{ sum += $1 } END { print sum }' lengths)" "$(number tokens out)" "sum of the lengths"
response=$(rows_of --seed 3 --threads 1 --scored response)
equals "${response%, *}" "${first%, *}" "rows and tokens, scored or not"
[ "$response" != "$first" ] || fail "--scored response scores everything: $response"

expect 0 "$LOBASS" bench --shape stories-15m --part train --seconds 0 --pack-tokens 64
says out "train"
says out "15,191,712 parameters"

# ---- what a run would take

make_model model
records 40 >data.jsonl
printf '%s\n' '{"instruction": "nothing", "output": ""}' >>data.jsonl
mkdir temporary
TMPDIR=$work/temporary
export TMPDIR
expect 0 "$LOBASS" bench model data.jsonl --seconds 0.1 --epochs 2 --batch-size 16 --dtype fp32 --json -q
cp out estimate
[ -z "$(ls "$TMPDIR")" ] || fail "left behind: $(ls "$TMPDIR")"
expect 0 "$LOBASS" prepare model data.jsonl -o run --json
for key in records tokens tokens_scored; do
    equals "$(number $key estimate)" "$(number $key out)" "$key"
done
equals "$(sum_of_statuses estimate)" 41 "sum of the statuses"
equals "$(number trained_rows estimate)" 40 "rows to train on"
equals "$(number steps estimate)" 6 "steps: 2 epochs of 3 batches"
equals "$(number epochs estimate)" 2 "epochs"
sed 's/.*"estimated_seconds": {\([^}]*\)}.*/\1/' estimate | tr ',' '\n' | awk -F ': ' '
    /total/ { total = $2; next }
    { sum += $2; count++ }
    END { exit !(count == 4 && total > 0 && sum > 0.999999 * total && sum < 1.000001 * total) }' ||
    fail "the estimated seconds do not add up: $(cat estimate)"
between measure_tokens_per_second 1e-3 1e9 estimate
between train_tokens_per_second 1e-3 1e9 estimate
between peak_rss_bytes "$(number measure_rss_bytes estimate)" 1e12 estimate

expect 0 "$LOBASS" bench model data.jsonl --seconds 0 -q
says out "measure reference"
says out "3 steps of 128 rows, 3 epochs"
expect 0 "$LOBASS" bench model data.jsonl --seconds 0 --lora-rank 2 --json -q
equals "$(number lora_rank out)" 2 "rank of the adapter"
between train_tokens_per_second 1e-3 1e9 out
expect 2 "$LOBASS" bench model data.jsonl --lora-alpha 2
says err "option --lora-alpha needs --lora-rank"
expect 1 "$LOBASS" bench model nowhere.jsonl
says err nowhere.jsonl
[ -z "$(ls "$TMPDIR")" ] || fail "a failure leaves behind: $(ls "$TMPDIR")"
TMPDIR=$work/nowhere expect 1 "$LOBASS" bench model data.jsonl
says err nowhere/lobass-estimate

expect 2 "$LOBASS" bench --shape llama-8b
says err "option --shape: expected one of stories-15m, smollm-135m, tinyllama-1.1b, llama-7b"
expect 2 "$LOBASS" bench model
says err "bench needs MODEL and DATA, or neither"
expect 2 "$LOBASS" bench --epochs 2
says err "option --epochs is for MODEL and DATA"
expect 2 "$LOBASS" bench model data.jsonl --shape stories-15m
says err "option --shape is for named shapes"
