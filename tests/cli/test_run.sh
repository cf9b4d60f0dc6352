#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole method on 60 records of all formats and a few odd ones: statuses add up, amounts give
# what they say, the chosen lines are input lines byte for byte; again it does nothing; one and two
# threads give the same scores.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
records 60 >good.jsonl
{
    head -n 20 good.jsonl
    echo '{"instruction": "say nothing", "output": ""}'
    echo '[1, 2]'
    echo '{"instruction": "no output"}'
    echo ''
    long_record 600 response
    long_record 600 prompt
    tail -n +21 good.jsonl
    sed -n 4p good.jsonl
} >data.jsonl
n_records=66 # 60, six odd ones; the blank line is none

run()
{
    expect 0 "$LOBASS" run model data.jsonl --max-length 256 --epochs 2 --batch-size 8 \
        --learning-rate 1e-2 --mark-duplicates "$@"
}

run -o run -k 6% --json
equals "$(lines out)" 1 "lines of --json"
equals "$(number records out)" $n_records records
equals "$(sum_of_statuses out)" $n_records "sum of the statuses"
equals "$(number bad_record out)" 2 "bad records"
equals "$(number empty_response out)" 1 "empty responses"
equals "$(number no_scored_token out)" 1 "rows without a scored token"
equals "$(number truncated out)" 1 "truncated rows"
equals "$(number duplicate out)" 1 "duplicates"
equals "$(number selected out)" 4 "6% of 66 rows"
equals "$(text direction out)" highest direction
equals "$(text score out)" learnability score
equals "$(text run out)" run "run"
for key in tokens_scored prepare measure_initial train_reference measure_reference select; do
    [ -n "$(number $key out)" ] || fail "--json lacks $key"
done
[ -s "$(text output out)" ] || fail "the output that --json names is not there"

# Lines of the selection are lines of the data, in its order, as often as selected.
equals "$(lines run/selected.jsonl)" 4 "selected lines"
grep -nxFf run/selected.jsonl data.jsonl | cut -d: -f2- | sort -u >found
sort -u run/selected.jsonl >wanted
same found wanted
equals "$(grep -c '"selected": true' run/scores.jsonl)" 4 "rows marked as selected"
equals "$(lines run/scores.jsonl)" $n_records "lines of scores"
[ -f run/reference/model.safetensors ] || fail "no reference model"
[ -f run/manifest.json ] || fail "no manifest"

# A duplicate is not measured: it has no length of its own.
grep '"status": "duplicate"' run/scores.jsonl >repeated
lacks repeated n_tokens
says repeated "the same tokens as row"

# For people: the table adds up, and the direction is told.
run -o run -k 6%
says out "66  records"
says out "learnability, highest first"
says out "4 of 66 records"

# Again: nothing to do, the same bytes.
cp run/selected.jsonl selected.before
cp run/scores.jsonl scores.before
cksum run/reference/* >reference.before
run -o run -k 6% --json
same run/selected.jsonl selected.before
same run/scores.jsonl scores.before
cksum run/reference/* >reference.after
same reference.after reference.before

# Other amounts, on the measured run.
expect 0 "$LOBASS" select run -k 7 -o seven.jsonl --json
equals "$(number selected out)" 7 "count"
equals "$(lines seven.jsonl)" 7 "lines of a count"
expect 0 "$LOBASS" select run -k 0.06 -o share.jsonl --json
equals "$(lines share.jsonl)" 4 "lines of 0.06"
expect 0 "$LOBASS" select run -k 100tok -o budget.jsonl --json
budget=$(number selected_tokens_scored out)
[ "$budget" -le 100 ] || fail "a budget of 100 tokens took $budget"
[ "$budget" -gt 50 ] || fail "a budget of 100 tokens took only $budget"
expect 0 "$LOBASS" select run -k 5 --by length --ranked -o ranked.jsonl
says out "length, highest first"
head -n 1 ranked.jsonl | grep -q 'short' || fail "the longest response is not first"
expect 0 "$LOBASS" select run -k 5 --by loss --direction lowest -o lowest.jsonl
says out "loss, lowest first"
expect 0 "$LOBASS" select run -k 5 --by loss --direction highest -o highest.jsonl
if cmp -s lowest.jsonl highest.jsonl; then
    fail "lowest and highest choose the same rows"
fi
expect 0 "$LOBASS" select run -k 5 --by random --seed 3 -o three.jsonl
expect 0 "$LOBASS" select run -k 5 --by random --seed 4 -o four.jsonl
expect 0 "$LOBASS" select run -k 5 --by random --seed 3 -o again.jsonl
same three.jsonl again.jsonl
if cmp -s three.jsonl four.jsonl; then
    fail "the seed changes nothing"
fi
expect 0 "$LOBASS" select run -k 5 --by random --seed 18446744073709551615 -o big.jsonl --json
equals "$(text seed out)" 18446744073709551615 "the largest seed in the result"
sed -n 's/^ *"seed": //p' big.manifest.json | tr -d '",' >seed
equals "$(tail -n 1 seed)" 18446744073709551615 "the largest seed in the manifest"
expect 0 "$LOBASS" select run -k 5 -o chosen.json
equals "$(tr -d ' \n' <chosen.json | head -c 2)" '[{' "beginning of a .json selection"

# Threads change nothing.
run -o one -k 6% --threads 1 -q
if grep -v '^lobass: warning: data.jsonl:' err; then
    fail "-q is not quiet"
fi
run -o two -k 6% --threads 2 -q
same one/scores.jsonl two/scores.jsonl
same one/selected.jsonl two/selected.jsonl
same one/reference/model.safetensors two/reference/model.safetensors
same one/scores.jsonl scores.before

# The same data compressed or as an array makes the same rows.
gzip -c data.jsonl >data.gz.jsonl
mv data.gz.jsonl data.jsonl.gz
{
    echo '['
    grep . data.jsonl | sed '$!s/$/,/'
    echo ']'
} >data.json
for source in data.jsonl.gz data.json; do
    expect 0 "$LOBASS" prepare model "$source" -o "run-$source" --mark-duplicates --json
    equals "$(number records out)" $n_records "records of $source"
    expect 0 "$LOBASS" scores "run-$source"
    # A line is a record with its indentation, which the keyed hash of the record sees.
    sed 's/"source": "[^"]*"//; s/"random": [^,}]*//' out >"scores-$source"
done
same scores-data.jsonl.gz scores-data.json

# Standard input is data like any other.
code=0
"$LOBASS" prepare model - -o run-stdin --mark-duplicates -q <data.jsonl >out 2>err || code=$?
equals $code 0 "exit for standard input"
expect 0 "$LOBASS" scores run-stdin
sed 's/"source": "[^"]*"//; s/"random": [^,}]*//' out >scores-stdin
same scores-stdin scores-data.json
# A finished run does not take other input for its own.
code=0
head -n 3 data.jsonl | "$LOBASS" prepare model - -o run-stdin --mark-duplicates -q >out 2>err || code=$?
equals $code 1 "another standard input for a finished run"
says err "standard input: differs"
expect 0 "$LOBASS" prepare model - -o run-stdin --mark-duplicates -q
"$LOBASS" prepare model - -o run-stdin --mark-duplicates -q <data.jsonl >out 2>err || fail "the same input"

# -v tells how it is done, and only then.
expect 0 "$LOBASS" measure run model --as again -v
says err "measure again: "
says err "packs of up to"
expect 0 "$LOBASS" measure run model --as once-more
lacks err "packs of up to"
expect 0 "$LOBASS" train model data.jsonl -o detailed --epochs 1 --max-length 256 --checkpoint-seconds 0 -v
says err "checkpoint after step"
