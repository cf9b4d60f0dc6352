#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo_table on files made by hand, whose shares, means and ranges are known; and on files that lack
# something, each refused with one line that says what.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

: "${BUILD_DIR:?is the build folder}"
table=$BUILD_DIR/demo_table

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

# heldout LEARNABLE: an evaluation, with this loss on learnable rows and 1 on the others.
heldout()
{
    printf '{"loss": 3, "sources": {'
    for kind in known noise wrong hard; do
        printf '"heldout_%s.jsonl": {"loss": 1.0}, ' "$kind"
    done
    printf '"heldout_learnable.jsonl": {"loss": %s}}}\n' "$1"
}

# The files of a demo, in the folder "d".
make_demo()
{
    rm -rf d
    mkdir -p d/run d/by d/arms d/sweep
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
    heldout 5.0 >d/arms/base.0.heldout.json
    heldout 1.5 >d/arms/everything.0.heldout.json
    for seed in 1 2 12; do
        heldout "2.$seed" >"d/arms/top.$seed.heldout.json"
        heldout "3.$seed" >"d/arms/random.$seed.heldout.json"
        for arm in top random; do
            printf '{"rows": 4, "steps": 3, "tokens_scored": %d, "recipe": {"epochs": 3}}\n' \
                $((seed * 30)) >"d/arms/$arm.$seed.train.json"
        done
    done
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
# Tokens of one epoch: those of 3 epochs are 30, 60 and 360 for the 3 seeds, and 435 for everything.
says words "top 4 3 50 1.000 2.140 1.000 1.000 1.000"
says words "range over 3 seeds 0.000 0.100 0.000 0.000 0.000"
says words "everything 10 9 145 1.000 1.500 1.000 1.000 1.000"
says words "top 2.140 (range 0.100), random 3.140 (range 0.100): top is 1.000 lower"
says words "top 2.140 (range 0.100), everything 1.500: top is 0.640 higher"

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
holds '"top":{"rows":4,"steps":3,"tokens":50,"seeds":{"1":{"known":1.0,"learnable":2.1,'
holds '"12":{"known":1.0,"learnable":2.12,'
holds '"range":{"known":0.0,"learnable":0.1,'
holds '"base":{"rows":0,"steps":0,"tokens":0,"seeds":{"0":{"known":1.0,"learnable":5.0,'
holds '"settings":{"records":10,"amount":0.4,"floor":0.001,"format":{"template":"plain"},"recipe":{"epochs":3,"batch_size":4,"learning_rate":0.001},"directions":{"learnability":"highest",'
holds '"length":"lowest"'
holds '"sweep":[{"learning_rate":0.0005,"epochs":1,"steps":9,"share_in_selection":{"known":0.0,"learnable":0.25,'

# A kind that the set lacks is not in the tables.
sed -i 's/"kind": "hard"/"kind": "wrong"/' d/sft.jsonl
expect 0 "$table" d kinds
lacks out hard

# ---- a method that failed

make_demo
scores "0 1 2 4" >d/run/scores.jsonl
expect 1 "$table" d kinds
says out "75.0%"
says err 'demo_table: the kind "learnable" does not lead the selection'

# ---- what is missing or broken, in one line

# refused SECTION TEXT: the demo in d is, and the message holds TEXT.
refused()
{
    expect 1 "$table" d "$1"
    equals "$(lines err)" 1 "lines of the message"
    says err "demo_table: $2"
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
rm d/arms/top.*.heldout.json
refused arms "d/arms/top.*.heldout.json: there is none"
rm d/arms/random.2.train.json
refused arms "d/arms/random.2.train.json: cannot be opened"
sed -i 's/heldout_noise/heldout_nose/' d/arms/top.2.heldout.json
refused arms 'd/arms/top.2.heldout.json: lacks "sources/heldout_noise.jsonl/loss"'
sed -i 's/"steps": 3/"steps": "3"/' d/arms/top.1.train.json
refused arms 'd/arms/top.1.train.json: "steps" is not a number'
rm d/sweep/a.manifest.json
refused sweep "d/sweep/a.manifest.json: cannot be opened"
rm d/run/manifest.json
refused summary "d/run/manifest.json: cannot be opened"
expect 2 "$table" d
expect 2 "$table" d chart
