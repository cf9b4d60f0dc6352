#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# select: which end, several amounts in one call and that they are nested.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

refused() # MESSAGE COMMAND...
{
    message=$1
    shift
    expect 2 "$@" -q
    says err "$message"
}

make_model model
records 40 >a.jsonl
records 60 | tail -n 20 >b.jsonl
expect 0 "$LOBASS" prepare model a.jsonl b.jsonl -o run -q
expect 0 "$LOBASS" measure run model --as initial -q
expect 0 "$LOBASS" train model run -o reference --epochs 1 --batch-size 8 --learning-rate 1e-2 -q
expect 0 "$LOBASS" measure run reference --as reference -q

# --lowest is --direction lowest.
expect 0 "$LOBASS" select run -k 9 --direction lowest -o told.jsonl -q
expect 0 "$LOBASS" select run -k 9 --lowest -o short.jsonl -q
same told.jsonl short.jsonl
expect 0 "$LOBASS" select run -k 9 -o best.jsonl -q
cmp -s best.jsonl short.jsonl && fail "both ends of the ranking are the same"
expect 0 "$LOBASS" select run -k 9 --by loss --lowest --direction lowest -o loss.jsonl -q
refused "--lowest and --direction highest exclude each other" \
    "$LOBASS" select run -k 9 --lowest --direction highest
refused "--lowest and --direction middle exclude each other" \
    "$LOBASS" run model a.jsonl -o x --direction middle --lowest

# Several amounts: a selection each, as if it had been asked for alone, nested, the last one
# recorded.
expect 0 "$LOBASS" select run -k 5%,10,300tok,all -o 'n-{k}.jsonl' --json
says out '"selections": [{"amount": "5%", "selected": 3, '
says out '"amount": "all", "selected": 60, '
says out '"output": "n-300tok.jsonl"'
equals "$(sum_of_statuses out)" 60 "sum of the statuses"
before=
for amount in 5% 10 300tok all; do
    expect 0 "$LOBASS" select run -k $amount -o "alone-$amount.jsonl" -q
    same "alone-$amount.jsonl" "n-$amount.jsonl"
    same "alone-$amount.scores.jsonl" "n-$amount.scores.jsonl"
    [ -f "n-$amount.manifest.json" ] || fail "no manifest for $amount"
    sort "n-$amount.jsonl" >now
    [ -z "$before" ] || [ -z "$(comm -23 before now)" ] || fail "$amount lacks a row of $before"
    mv now before
    before=$amount
done
expect 0 "$LOBASS" select run -k 4,7 -o 'm-{k}.json' -q
expect 0 "$LOBASS" scores run
same out m-7.scores.jsonl
expect 0 "$LOBASS" select run -k 4,7 -o 'm-{k}.json'
equals "$(grep -c '^selected ' out)" 2 "selections told of"
expect 0 "$LOBASS" select run -k 3 -o '{k}-{k}-{x}.jsonl' -q
equals "$(lines '3-3-{x}.jsonl')" 3 "lines of a name filled in twice"
refused "several amounts need a file each: expected -o with {k} in the name, found none" \
    "$LOBASS" select run -k 3,4
refused "several amounts need a file each: expected -o with {k} in the name, found x.jsonl" \
    "$LOBASS" select run -k 3,4 -o x.jsonl
refused "option --amount: amount \"\"" "$LOBASS" select run -k 3, -o 'x-{k}.jsonl'
refused "option --amount: amount \"3,4\"" "$LOBASS" run model a.jsonl -o x -k 3,4
refused "option --amount: expected at most 32 amounts" \
    "$LOBASS" select run -k "$(seq -s , 33)" -o 'x-{k}.jsonl'
