#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demo's tables of files made by hand, whose shares, means and intervals are known; and on files that lack
# something, each refused with one line that says what.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

table=$root/demo/table.py

# ---- demo/run and demo/sweep refuse before they touch anything

mkdir own
echo mine >own/summary.json
refused() # CODE WHAT COMMAND...
{
    code=$1
    what=$2
    shift 2
    expect "$code" "$@"
    says err "$what"
    equals "$(lines err)" 1 "lines of a refusal"
}
refused 1 "holds files that are not of a demo" "$root/demo/run" own
equals "$(cat own/summary.json)" mine "a file of one's own"
refused 2 "usage: demo/run" "$root/demo/run" ""
refused 1 "expected 1, 2 or 3, found 'x'" env DEMO_FORMS=x "$root/demo/run" fresh
[ ! -e fresh ] || fail "a refused demo made its folder"
refused 2 "usage: demo/sweep" "$root/demo/sweep" --help

# Rows 0 to 9: the kinds that they are.
kinds="known known known known learnable learnable learnable noise wrong hard"

# scores ROWS: a line a record, those in ROWS selected. Row i has i + 10 tokens, an initial loss of
# i + 1, a reference loss of half of it, and so a learnability of 0.5; row 3 has no score.
scores()
{
    awk -v rows=" $1 " 'BEGIN { for (i = 0; i < 10; i++) {
        printf "{\"row\": %d, \"n_tokens\": %d, \"initial_loss\": %d, \"reference_loss\": %.1f, ", i, i + 10,
            i + 1, (i + 1) / 2
        if (i != 3) printf "\"learnability\": 0.5, "
        printf "\"selected\": %s}\n", index(rows, " " i " ") ? "true" : "false"
    } }'
}

# manifest RATE EPOCHS DIRECTION
manifest()
{
    cat <<END
{"records": 10, "format": {"template": "plain"},
 "train": {"recipe": {"epochs": $2, "batch_size": 4, "learning_rate": $1}, "rows": 10, "steps": 9,
           "tokens_scored": 435},
 "selection": {"direction": "$3", "amount": 0.4, "floor": 0.001}}
END
}

# losses ARM SIZE ROWS STEPS TOKENS MEAN LOW HIGH: summaries, the last three those on learnable rows.
losses()
{
    for kind in known learnable noise wrong hard; do
        figures='"mean": 1, "low": 0.9, "high": 1.1'
        [ $kind != learnable ] || figures="\"mean\": $6, \"low\": $7, \"high\": $8"
        printf ',\n{"arm": "%s", "size": "%s", "source": "heldout_%s.jsonl", ' "$1" "$2" $kind
        printf '"rows": %s, "steps": %s, "tokens_scored": %s, "n_seeds": 3, %s}' "$3" "$4" "$5" "$figures"
    done
}

# against ARM SIZE DIFFERENCE LOW HIGH P: comparisons of learnability with it.
against()
{
    for kind in known learnable noise wrong hard; do
        printf ',\n{"arm": "learnability", "size": "%s", "against": "%s", ' "$2" "$1"
        printf '"source": "heldout_%s.jsonl", "difference": %s, "low": %s, "high": %s, ' $kind "$3" "$4" "$5"
        printf '"median_difference": -0.3, "p": 0.0000001, "p_holm": %s, "n_rows": 7}' "$6"
    done
}

# Two sizes, of which the tables have the first.
experiment()
{
    printf '{"summaries": [{}'
    losses base none 0 0 0 5 4.9 5.1
    losses full all 10 9 145 1.5 1.4 1.6
    losses learnability 40% 4 3 50 2.14 2.04 2.24
    losses learnability 80% 8 6 100 1.7 1.6 1.8
    losses random 40% 4 3 49.5 3.14 3.04 3.24
    printf '],\n"comparisons": [{}'
    against full 40% 0.64 0.44 0.84 0.0416
    against random 40% -1 -1.2 -0.8 0.00001
    against random 80% -2 -2.2 -1.8 0.5
    printf ']}\n'
}

# The files of a demo, in the folder "d".
make_demo()
{
    rm -rf d
    mkdir -p d/run/experiment d/by d/sweep
    for kind in $kinds; do
        printf '{"instruction": "Is it %s?", "input": "", "output": "It is.", "kind": "%s"}\n' \
            "$kind" "$kind"
    done >d/sft.jsonl
    scores "4 5 6 7" >d/run/scores.jsonl
    manifest 1e-3 3 highest >d/run/manifest.json
    for score in loss rho_sum length random; do
        scores "0 1 4 9" >"d/by/$score.scores.jsonl"
        manifest 1e-3 3 highest >"d/by/$score.manifest.json"
    done
    manifest 1e-3 3 lowest >d/by/length.manifest.json
    scores "7 8 9 4" >d/sweep/a.scores.jsonl
    manifest 5e-4 1 highest >d/sweep/a.manifest.json
    scores "0 1 2 3" >d/sweep/b.scores.jsonl # the run's own recipe: it stands there once
    manifest 1e-3 3 highest >d/sweep/b.manifest.json
    experiment >d/run/experiment/experiment.json
}

# column WORD N: the N-th word of the line of $work/out that begins with WORD.
column()
{
    awk -v word="$1" -v n="$2" '$1 == word { print $n; exit }' out
}

# holds JSON: summary.json, without its spaces, holds it.
holds()
{
    tr -d ' \n' <d/summary.json >flat
    says flat "$1"
}

# ---- figures that are known

make_demo
expect 0 "$table" d examples
says out "learnable  Is it learnable?"
says out "        -> It is."

expect 0 "$table" d kinds
says out "Of the rows chosen by learnability 75.0% are learnable, and 25.0% are noise or"
says out "wrong; drawn at random it would be 30.0% and 20.0%."
equals "$(column kind 4)" learnability "first score"
for line in "known 4 40.0% 0.0% 50.0% 50.0% 50.0% 50.0%" \
    "learnable 3 30.0% 75.0% 25.0% 25.0% 25.0% 25.0%" "hard 1 10.0% 0.0% 25.0% 25.0% 25.0% 25.0%" \
    "known 11.5 2.500 1.250 0.500" "learnable 15.0 6.000 3.000 0.500" \
    "highest highest highest lowest highest"; do
    awk '{ $1 = $1; print }' out >words
    says words "$line"
done

expect 0 "$table" d arms
awk '{ $1 = $1; print }' out >words
says words "base 0 0 0 1.000 5.000 1.000 1.000 1.000"
says words "learnability 4 3 50 1.000 2.140 1.000 1.000 1.000"
says words "95 % from 0.900 2.040 0.900 0.900 0.900"
says words "to 1.100 2.240 1.100 1.100 1.100"
says words "full 10 9 145 1.000 1.500 1.000 1.000 1.000"
equals "$(awk 'NF == 9 { printf "%s ", $1 }' words)" "arm base learnability random full " \
    "lines of the table"
says words "is trained with 3 seeds"
says words "learnability 2.140 (2.040 to 2.240), random 3.140 (3.040 to 3.240):"
says words "difference -1.000 (-1.200 to -0.800); median row -0.300, p < 0.0001"
says words "learnability 2.140 (2.040 to 2.240), full 1.500 (1.400 to 1.600):"
says words "difference +0.640 (+0.440 to +0.840); median row -0.300, p = 0.0416"

expect 0 "$table" d sweep
awk '{ $1 = $1; print }' out >words
equals "$(lines out)" 5 "lines of the sweep"
says words "0.0005 1 9 0.0% 25.0% 25.0% 25.0% 25.0%"
says words "0.001 3 9 0.0% 75.0% 25.0% 0.0% 0.0%"

for section in kinds arms sweep; do
    "$table" d "$section" | awk 'length($0) > 80 { print "too wide: " $0; exit 1 }' >wide ||
        fail "$section: $(cat wide)"
done

expect 0 "$table" d summary
holds '"learnable":{"rows":3,"share_in_set":0.3,"share_in_selection":{"learnability":0.75,"loss":0.25,"rho_sum":0.25,"length":0.25,"random":0.25},"tokens":15.0,"initial_loss":6.0,"reference_loss":3.0,"learnability":0.5}'
holds '"learnability":{"rows":4,"tokens_scored":50,"steps":3,"n_seeds":3,"losses":{"known":{"mean":1,"low":0.9,"high":1.1},"learnable":{"mean":2.14,'
holds '"comparisons":{"random":{"known":{"difference":-1,"low":-1.2,"high":-0.8,"median_difference":-0.3,"p":1e-7,"p_holm":1e-5,"n_rows":7},'
holds '"full":{"known":{"difference":0.64,'
holds '"settings":{"records":10,"amount":0.4,"floor":0.001,"format":{"template":"plain"},"recipe":{"epochs":3,"batch_size":4,"learning_rate":0.001},"directions":{"learnability":"highest",'
holds '"length":"lowest"'
holds '"sweep":[{"learning_rate":0.0005,"epochs":1,"steps":9,"share_in_selection":{"known":0.0,"learnable":0.25,'

# A kind that the set lacks is not in the tables.
sed -i 's/"kind": "hard"/"kind": "wrong"/' d/sft.jsonl
for section in kinds arms; do
    expect 0 "$table" d "$section"
    lacks out hard
done
equals "$(awk '$1 == "base" { print NF }' out)" 8 "columns without a kind"

# ---- a method that failed

make_demo
scores "0 1 2 4" >d/run/scores.jsonl
expect 1 "$table" d kinds
says out "75.0%"
says err 'table: the kind "learnable" does not lead the selection'

# ---- what is missing or broken, in one line

# refused SECTION TEXT: the demo in d is, and the message holds TEXT.
refused()
{
    expect 1 "$table" d "$1"
    equals "$(lines err)" 1 "lines of the message"
    says err "table: $2"
    make_demo
}

make_demo
rm d/sft.jsonl
refused kinds "d/sft.jsonl: cannot be opened: No such file"
sed -i '3s/known"}/odd"}/' d/sft.jsonl
refused kinds 'd/sft.jsonl:3: unknown kind "odd"'
sed -i '2s/, "kind.*/}/' d/sft.jsonl
refused kinds 'd/sft.jsonl:2: unknown kind ""'
sed -i '5s/, "kind.*//' d/sft.jsonl
refused kinds "d/sft.jsonl:5: "
sed -i '/learnable/d' d/sft.jsonl
refused kinds 'd/sft.jsonl: no record of the kind "learnable"'
rm d/run/scores.jsonl
refused kinds "d/run/scores.jsonl: cannot be opened"
rm d/by/rho_sum.scores.jsonl
refused kinds "d/by/rho_sum.scores.jsonl: cannot be opened"
sed -i '4s/true}/tr/' d/by/length.scores.jsonl
sed -i '4s/"selected.*/"sel/' d/by/length.scores.jsonl
refused kinds "d/by/length.scores.jsonl:4: "
sed -i '10d' d/run/scores.jsonl
refused kinds "d/run/scores.jsonl: 9 rows, the set has 10"
sed -i '10d' d/sft.jsonl
refused kinds "d/run/scores.jsonl:10: row 9, expected 9 of the 9 rows of the set"
sed -i '3d' d/run/scores.jsonl
refused kinds "d/run/scores.jsonl:3: row 3, expected 2"
sed -i 's/true/false/' d/by/loss.scores.jsonl
refused kinds "d/by/loss.scores.jsonl: no row is selected"
sed -i 's/"direction"/"end"/' d/by/loss.manifest.json
refused kinds 'd/by/loss.manifest.json: lacks "selection/direction"'
file=d/run/experiment/experiment.json
rm $file
refused arms "$file: cannot be opened"
sed -i '3s/"mean.*//' $file
refused arms "$file:4: "
sed -i 's/"summaries"/"summary"/' $file
refused arms "$file: lacks \"summaries\""
sed -i 's/"comparisons"/"compared"/' $file
refused arms "$file: lacks \"comparisons\""
sed -i '/"full", "size"/s/heldout_noise/heldout_nose/' $file
refused arms "$file: \"summaries\" has nothing of full on heldout_noise.jsonl"
sed -i 's/"against": "random"/"against": "chance"/' $file
refused arms "$file: \"comparisons\" has nothing of learnability against random on heldout_known.jsonl"
sed -i 's/"against": "full"/"against": ["full"]/' $file
refused arms "$file: \"comparisons\" has nothing of learnability against full on heldout_known.jsonl"
sed -i 's/"steps": 3/"steps": "3"/' $file
refused arms "$file: \"steps\" is not a number"
sed -i 's/"low": -1.2, //' $file
refused summary "$file: lacks \"low\""
rm d/sweep/a.manifest.json
refused sweep "d/sweep/a.manifest.json: cannot be opened"
rm d/run/manifest.json
refused summary "d/run/manifest.json: cannot be opened"
expect 2 "$table" d
expect 2 "$table" d chart
