#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every number of `scores`, worked out once more from the stored losses by a program that shares nothing
# with the library (recompute_scores.py): all formats, turns, rows that are cut or cannot be selected.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

base=${DEMO_BASE:-$root/demo/base}
[ -f "$base/model.safetensors" ] || skip "$base/model.safetensors is not there"
command -v python3 >/dev/null 2>&1 || skip "python3 is not there"

{
    records 30
    echo '{"instruction": "nothing", "output": ""}'
    echo '{"broken": 1}'
    echo '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": " "}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "the sky"}, {"role": "user", "content": "c"}, {"role": "assistant", "content": "context", "weight": 0}, {"role": "assistant", "content": "blue"}]}'
    echo '{"prompt": "one letter", "completion": "x"}'
    long_record 400 response
    long_record 400 prompt
    records 3
} >'da,ta.jsonl'
records 8 | tail -n 5 >second.jsonl

# recompute RUN LEAST: all agrees, and every column of the latter has a number in LEAST rows at least.
recompute()
{
    run=$1
    least=$2
    shift 2
    "$LOBASS" scores "$run" >lines.jsonl || fail "scores $run"
    "$LOBASS" scores "$run" --format csv >table.csv || fail "scores $run --format csv"
    expect 0 python3 "$here/recompute_scores.py" "$run" lines.jsonl table.csv
    for column; do
        n=$(tr ' ' '\n' <out | sed -n "s/^$column:\\([0-9]*\\)\$/\\1/p")
        [ "${n:-0}" -ge "$least" ] || fail "$column is there for ${n:-no} rows of $run: $(cat out)"
    done
}

losses="initial_loss reference_loss learnability drop_end drop_first drop_rest rho_sum rho_mean ppl el2n"
expect 0 "$LOBASS" prepare "$base" 'da,ta.jsonl' second.jsonl -o run --template plain \
    --max-length 96 --mark-duplicates -q
recompute run 30 n_tokens random
expect 0 "$LOBASS" measure run "$base" --as initial -q
recompute run 30 n_tokens random initial_loss ppl
expect 0 "$LOBASS" train "$base" run -o tuned --epochs 2 --batch-size 8 --learning-rate 1e-3 -q
expect 0 "$LOBASS" measure run tuned --as reference -q
# shellcheck disable=SC2086  # a list of words
recompute run 30 $losses
expect 0 "$LOBASS" measure run "$base" --as unconditional -q
# shellcheck disable=SC2086
recompute run 30 $losses ifd_loss ifd_ppl
for status in truncated empty_response no_scored_token duplicate bad_record; do
    says lines.jsonl "\"status\": \"$status\""
done

# The latest selection's seed, floor, zones and ranks.
low=$(sed -n 's/.*"initial_loss": \([0-9.e-]*\),.*/\1/p' lines.jsonl | sort -g | sed -n 8p)
high=$(sed -n 's/.*"reference_loss": \([0-9.e-]*\),.*/\1/p' lines.jsonl | sort -g | sed -n 20p)
for options in "--by learnability --seed 7" "--by loss --direction lowest" "--by ppl --direction highest" \
    "--by ifd_loss" "--by ifd_ppl" "--by rho_sum --floor $low" "--by random --seed 18446744073709551615" \
    "--by length" "--by rho_mean --min-initial $low --max-reference $high"; do
    # shellcheck disable=SC2086
    expect 0 "$LOBASS" select run -k 50% $options -q
    recompute run 3 rank
    cat lines.jsonl >>all.jsonl
done
for status in initial_loss_below_floor initial_loss_below_minimum reference_loss_above_maximum; do
    says all.jsonl "\"status\": \"$status\""
done

# Responses alone under another model say nothing of the prompt.
expect 0 "$LOBASS" measure run tuned --as unconditional -f -q
recompute run 30 initial_loss
lacks lines.jsonl '"ifd_'

# End tokens that are not scored, and the last turns alone.
expect 0 "$LOBASS" prepare "$base" 'da,ta.jsonl' -o bare --eos skip --turns last --template alpaca -q
expect 0 "$LOBASS" measure bare "$base" --as initial -q
expect 0 "$LOBASS" measure bare tuned --as reference -q
expect 0 "$LOBASS" measure bare "$base" --as unconditional -q
expect 0 "$LOBASS" select bare -k 5 --by ifd_ppl -q
# shellcheck disable=SC2086
recompute bare 20 $losses ifd_loss ifd_ppl
recompute bare 3 rank

# A tokenizer with BOS, which responses alone stand behind: a text, which answers nothing, is as it was.
make_model model
records 10 >bos.jsonl
expect 0 "$LOBASS" prepare model bos.jsonl -o bos -q
expect 0 "$LOBASS" measure bos model --as initial -q
expect 0 "$LOBASS" measure bos model --as unconditional -q
recompute bos 10 initial_loss ifd_loss ifd_ppl
equals "$(grep -c '"ifd_loss": 1.0, "ifd_ppl": 1.0, ' lines.jsonl)" 1 "texts among ten records"
