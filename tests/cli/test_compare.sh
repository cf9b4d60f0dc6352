#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compare: two runs over the same records, told apart by what `select` and `scores` say of each; with
# other sources, in another order, with another tokenizer; two scores of one run; refusals.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
"$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o other --seed 8 >/dev/null
records 120 >a.jsonl
records 200 | tail -n 80 >b.jsonl
echo '{"instruction": "nothing", "output": ""}' >>b.jsonl
for name in model other; do
    "$LOBASS" run $name a.jsonl b.jsonl -o "run-$name" -k 60 --epochs 1 --batch-size 8 \
        --learning-rate 1e-2 -q >/dev/null || fail "run $name"
done
listing run-model >before

# What the two commands say of each run by itself.
expect 0 "$LOBASS" compare run-model run-other -k 60 --json --list 1000
mv out whole
for name in model other; do
    expect 0 "$LOBASS" scores "run-$name" --format csv
    # rank and selected are the last columns but one of what is never quoted here
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
             { print $(column["source"]), $(column["rank"]) + 0, $(column["selected"]) }' out >"$name.ranks"
done
paste -d ' ' model.ranks other.ranks >pairs
wanted=$(awk '
    $3 == "true" { first++ }
    $6 == "true" { second++ }
    $3 == "true" && $6 == "true" { both++ }
    $2 > 0 && $5 > 0 { n++; d = $2 - $5; sum += d * d }
    END { printf "%d %d %d %d %.9f", first, second, both, n, 1 - 6 * sum / (n * (n * n - 1)) }' pairs)
found=$(sed 's/.*"ranked": {"first": 200, "second": 200, "both": \([0-9]*\)}, "spearman": \([-0-9.e]*\), "kendall": [-0-9.e]*, "selected": {"amount": "60", "first": \([0-9]*\), "second": \([0-9]*\), "both": \([0-9]*\),.*"depths".*/\3 \4 \5 \1 \2/' whole |
    awk '{ printf "%d %d %d %d %.9f", $1, $2, $3, $4, $5 }')
equals "$found" "$wanted" "selected, common, ranked, Spearman"
says whole '"records": 201'
says whole '"same_order": true'
says whole '"overlap_by_chance": 0.3,'
says whole '{"fraction": 0.167, "first": 34, "second": 34, '
says whole '"status_changes": []'
says whole '{"name": "b.jsonl", "records": 81, "ranked": {"first": 80, "second": 80, "both": 80}'
lacks whole nan
lacks whole null
# Which rows one selects alone, and where the other has them: best first.
awk '{ row = NR - 1 } $3 == "true" && $6 == "false" { print $2, row, $5 }' pairs | sort -n >wanted
sed 's/.*"first_alone": \[\([^]]*\)\].*/\1/' whole | tr '}' '\n' |
    sed -n 's/.*"row": \([0-9]*\), "second_row": \([0-9]*\), "first_rank": \([0-9]*\), "second_rank": \([0-9]*\)/\3 \1 \4/p' >found
[ -s wanted ] || fail "the two selections are the same: nothing is tested"
same found wanted
# By source: what the first selects of a.jsonl.
equals "$(sed 's/.*"name": "a.jsonl"[^}]*}[^}]*"first": \([0-9]*\),.*/\1/' whole)" \
    "$(awk '$1 == "a.jsonl" && $3 == "true"' pairs | grep -c .)" "selected of a.jsonl"

# For people.
expect 0 "$LOBASS" compare run-model run-other -k 60 --list 2 -q
[ ! -s err ] || fail "compare -q says something"
says out "first        run-model, by learnability, highest first"
says out "ranked       200 by both, 0 by the first alone, 0 by the second alone"
says out "Selected by the second alone: "
says out "  b.jsonl"
grep -q '^ *60  *60  *60 .* 30\.0% ' out || fail "no line for what was asked: $(cat out)"
grep -q '^ *16.7%  *34  *34 ' out || fail "no line for another depth: $(cat out)"

# One run against itself, and two of its scores.
expect 0 "$LOBASS" compare run-model run-model --json
says out '"spearman": 1.0, "kendall": 1.0, "selected": {"amount": "6%", "first": 12, "second": 12, "both": 12, "overlap": 1.0,'
says out '"first_alone": [], "second_alone": []'
expect 0 "$LOBASS" compare run-model run-model --by length --against loss --against-direction lowest --json
says out '"second": {"run": "run-model", "score": "loss", "direction": "lowest"}'
expect 0 "$LOBASS" compare run-model run-model --by loss --direction middle --json
says out '"second": {"run": "run-model", "score": "loss", "direction": "middle"}'
expect 0 "$LOBASS" compare run-model run-model --by length --against random --json
mv out seed
expect 0 "$LOBASS" compare run-model run-model --by length --against random --seed 5 --json
says out '"seed": "5"'
[ "$(number spearman out)" != "$(number spearman seed)" ] || fail "the seed changes nothing"

# Nothing of the runs changed, and what was selected plays no part.
expect 0 "$LOBASS" select run-other -k 3 --by length -q
expect 0 "$LOBASS" compare run-model run-other -k 60 --json --list 1000
same out whole
listing run-model | grep -v 'run\.db-' >after # SQLite's own, which any reader makes
same before after

# The same records in another order, in one file, with another tokenizer and vocabulary.
cat b.jsonl a.jsonl >c.jsonl
sed 's/"vocab_size": *[0-9]*/"vocab_size": 512/' "$fixtures/config.json" >config.json
"$LOBASS" init --like config.json --tokenizer "$root/tests/tokenizer.json" -o tokens >/dev/null
expect 0 "$LOBASS" prepare tokens c.jsonl -o run-tokens -q
expect 0 "$LOBASS" compare run-model run-tokens --by random -k 30 --json --list 1000
says out '"same_order": false'
says out '"spearman": 1.0, "kendall": 1.0, "selected": {"amount": "30", "first": 30, "second": 30, "both": 30,'
expect 0 "$LOBASS" compare run-model run-tokens --by length -k 30
says out "records      201, matched by their content"
expect 1 "$LOBASS" compare run-model run-tokens -q
says err 'lobass: run-tokens: the score "learnability" needs losses under "initial"'
equals "$(grep -c . err)" 1 "lines of the message"

# Other records, fewer records, what is no run.
sed '7s/Say/say/; 7s/"}$/ x"}/' a.jsonl >d.jsonl
expect 0 "$LOBASS" prepare model d.jsonl b.jsonl -o run-d -q
expect 1 "$LOBASS" compare run-model run-d --by length
says err "lobass: run-d: 1 of 201 records are not among those of run-model, the first of them row 6; expected two runs over the same records"
expect 0 "$LOBASS" prepare model a.jsonl -o run-a -q
expect 1 "$LOBASS" compare run-a run-model --by length
says err "lobass: run-model: 201 records, but run-a has 120; expected two runs over the same records"
expect 1 "$LOBASS" compare run-model model
says err "model"

# Statuses that differ: a floor that some rows are below in one of the runs alone.
for name in model other; do
    expect 0 "$LOBASS" scores "run-$name" --format csv
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
             { print $(column["initial_loss"]) == "" ? "-" : $(column["initial_loss"]) }' out >"$name.losses"
done
floor=$(sort -g model.losses | sed -n 100p)
paste -d ' ' model.losses other.losses >pairs
gone=$(awk -v floor="$floor" '$1 != "-" && $1 >= floor && $2 < floor' pairs | grep -c .)
kept=$(awk -v floor="$floor" '$1 != "-" && $1 < floor && $2 >= floor' pairs | grep -c .)
expect 0 "$LOBASS" compare run-model run-other -k 300tok --floor "$floor" --json
says out '"selected": {"amount": "300tok", '
says out "{\"first\": \"ok\", \"second\": \"initial_loss_below_floor\", \"records\": $gone}"
says out "{\"first\": \"initial_loss_below_floor\", \"second\": \"ok\", \"records\": $kept}"
expect 0 "$LOBASS" compare run-model run-other -k 300tok --floor "$floor"
grep -q "^ *$gone  ok -> initial_loss_below_floor\$" out || fail "no line of the status: $(cat out)"
grep -q "^ranked  .*, $gone by the first alone, $kept by the second alone\$" out ||
    fail "what one run ranks alone: $(cat out)"
