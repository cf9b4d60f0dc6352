#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# select: which end, several amounts in one call and that they are nested, amounts by source and by
# length, near-duplicates, from a file.
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
says out '"selections": [{"amount": "5%", "sources": [{"name": "a.jsonl", "records": 40, "selected": '
says out '"selected": 3, "selected_tokens_scored": '
says out '"selected": 60, "selected_tokens_scored": 870, "score": '
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

# By source: a recipe of the best of one and all of another, every ratio told.
expect 0 "$LOBASS" select run --source a.jsonl:10% --source b.jsonl:all -o mix.jsonl --json
says out '"selected": 24, '
says out '"sources": [{"name": "a.jsonl", "records": 40, "selected": 4, "share_of_records": 0.1, "share_of_selection": 0.16666666666666666, "selected_tokens_scored": '
says out '{"name": "b.jsonl", "records": 20, "selected": 20, "share_of_records": 1.0, "share_of_selection": 0.8333333333333334, '
says mix.manifest.json '"share_of_selection": 0.8333333333333334'
sort b.jsonl >wanted
sort mix.jsonl >found
equals "$(comm -12 found wanted | grep -c .)" 20 "records of b.jsonl"
# The four of a.jsonl are those that are best there.
sed -n 's/.*"source": "a.jsonl".*"rank": \([0-9]*\), "selected": \([a-z]*\).*/\1 \2/p' mix.scores.jsonl | sort -n >ranks
equals "$(head -n 4 ranks | grep -c true)" 4 "best of a.jsonl that are taken"
equals "$(tail -n +5 ranks | grep -c false)" 36 "others of a.jsonl that are not"
expect 0 "$LOBASS" select run --source b.jsonl:0 -k 25% -o rest.jsonl
says out "selected     10 of 60 records"
says out "          10      25.0 %       100.0 %"
says out "           0       0.0 %         0.0 %              0      0.0 %  b.jsonl"
# Drawn: by the seed, nested, and not the best.
expect 0 "$LOBASS" select run -k 5 --source b.jsonl:6:random --seed 3 --ranked -o d6.jsonl -q
expect 0 "$LOBASS" select run -k 5 --source b.jsonl:9:random --seed 3 -o d9.jsonl -q
expect 0 "$LOBASS" select run -k 5 --source b.jsonl:6:random --seed 4 -o other.jsonl -q
expect 0 "$LOBASS" select run -k 5 --source b.jsonl:6 -o b6.jsonl -q
equals "$(lines d6.jsonl)" 11 "lines with a draw"
sort d6.jsonl >six
sort d9.jsonl >nine
[ -z "$(comm -23 six nine)" ] || fail "a larger draw lacks a row of a smaller one"
sort other.jsonl >seeded
sort b6.jsonl >best
cmp -s six seeded && fail "another seed draws the same rows"
cmp -s six best && fail "the draw is the best"
# Ranked: best first, over all sources.
sed -n 's/.*"rank": \([0-9]*\), "selected": true.*/\1/p' d6.scores.jsonl >in_order
expect 0 "$LOBASS" select run -k 5 --source b.jsonl:6:random --seed 3 -o plain.jsonl -q
paste -d ' ' in_order plain.jsonl | sort -n | cut -d ' ' -f 2- >wanted
same d6.jsonl wanted
expect 1 "$LOBASS" select run --source c.jsonl:1 -q
says err 'source "c.jsonl": the run has none of that name; expected "a.jsonl", "b.jsonl"'
expect 1 "$LOBASS" select run --source a.jsonl:1 --source a.jsonl:2 -q
says err 'source "a.jsonl": given twice'
refused "option --source: source \"a.jsonl\": expected NAME:AMOUNT" "$LOBASS" select run --source a.jsonl
refused "option --source: source \"a.jsonl\": amount \"many\": not a number" \
    "$LOBASS" select run --source a.jsonl:many
expect 0 "$LOBASS" select run --source a.jsonl:40 --source b.jsonl:30 -o short-of.jsonl
says err "70 rows were asked for, 60 are taken: a source has too few that are selectable"

# By length: equal shares of bins, which are told.
expect 0 "$LOBASS" select run -k 12 --strata 4 -o even.jsonl --json
equals "$(grep -o '"rows": 15, "selectable": 15, "selected": 3,' out | wc -l | tr -d ' ')" 4 "bins"
says even.manifest.json '"strata": ['
says even.manifest.json '"strata": 4'
expect 0 "$LOBASS" select run -k 12 --strata 4 -o even.jsonl
says out "           3          15          15  "
refused "option --strata: expected an integer from 1 to 100, found '0'" "$LOBASS" select run -k 5 --strata 0

# run takes the same, and refuses a source that there is not before anything is computed.
expect 1 "$LOBASS" run model a.jsonl -o other --source b.jsonl:1 -q
says err 'source "b.jsonl": the run has none of that name; expected "a.jsonl"'
[ -f other/scores.jsonl ] && fail "run went on with an unknown source"
expect 0 "$LOBASS" run model a.jsonl b.jsonl -o whole --epochs 1 --source b.jsonl:3 --strata 2 --json -q
says out '"selected": 3, '
says out '"strata": [{"shortest": '

# Nearly the same: a row that repeats a better one but for a word is passed over, and the next best
# taken; rows of the alpaca template, with an input and without, are not alike for what it says.
for i in 1 2 3 4 5 6; do
    echo "{\"instruction\": \"name the colour of sky number $i\", \"output\": \"$i\"}"
    echo "{\"instruction\": \"count\", \"input\": \"$i$i\", \"output\": \"$i of them\"}"
    echo "{\"instruction\": \"tell a long story of the one dog and the two cats, then stop\", \"output\": \"there was a dog and there were two cats and they were blue and green for $i\"}"
done >near.jsonl
expect 0 "$LOBASS" prepare model near.jsonl -o near -q --max-length 384
expect 0 "$LOBASS" select near --by random -k all --near-duplicates 0.8 -q --json
says out '"selected": 13, '
says out '"near_duplicates": 5, '
says near/manifest.json '"near_duplicates": 5,'
says near/manifest.json '"near_duplicates": 0.8'
equals "$(grep -c story near/selected.jsonl)" 1 "stories"
equals "$(grep '"selected": true' near/scores.jsonl | grep -c .)" 13 "rows marked"
expect 0 "$LOBASS" select near --by random -k all --near-duplicates 1
says out "passed over  0 near-duplicates"
refused "option --near-duplicates: expected a number from 0.5 to 1, found '0.2'" \
    "$LOBASS" select near --by random -k 3 --near-duplicates 0.2

# From a file: a manifest makes its selection again, byte for byte; a spec of one's own; nothing is
# told twice.
expect 0 "$LOBASS" select run --by length --direction middle --source b.jsonl:30%:random -k 40% \
    --strata 3 --near-duplicates 0.9 --ranked --seed 5 --min-initial 0.1 -o made.jsonl -q
expect 0 "$LOBASS" select run --spec made.manifest.json -o again.jsonl -q
same made.jsonl again.jsonl
same made.scores.jsonl again.scores.jsonl
sed -n '/"spec": {/,/^    }/p' made.manifest.json >made.spec
sed -n '/"spec": {/,/^    }/p' again.manifest.json >again.spec
same made.spec again.spec
[ -s made.spec ] || fail "no spec in the manifest"
expect 0 "$LOBASS" select run -k 20% -o share.jsonl -q
echo '{"amount": "20%"}' >spec.json
expect 0 "$LOBASS" select run --spec spec.json -o 'of-{k}.jsonl' -q
same share.jsonl 'of-20%.jsonl'
refused "--spec and --amount exclude each other" "$LOBASS" select run --spec spec.json -k 5
refused "--spec and --lowest exclude each other" "$LOBASS" select run --spec spec.json --lowest
refused "--spec and --seed exclude each other" "$LOBASS" select run --spec spec.json --seed 1
refused "--spec and --source exclude each other" "$LOBASS" select run --source a:1 --spec spec.json
refused "unknown option --spec" "$LOBASS" run model a.jsonl -o x --spec spec.json
echo '{"amount": "5", "colour": "red"}' >unknown.json
expect 1 "$LOBASS" select run --spec unknown.json -q
says err 'unknown.json: unknown member "colour"; expected by, direction, amount, '
expect 1 "$LOBASS" select run --spec nowhere.json -q
says err nowhere.json
echo '{"amount": "5", "by": "loss"}' >told.json
expect 1 "$LOBASS" select run --spec told.json -q
says err '"loss": has no direction of its own'
