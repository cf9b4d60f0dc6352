#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every command explains itself: each option stands in its help with its default.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

has_option() # COMMAND OPTION [DEFAULT]
{
    expect 0 "$LOBASS" "$1" --help
    grep -q -e "--$2\\( \\|\$\\)" out || fail "help of $1 lacks --$2"
    if [ $# -gt 2 ]; then
        # an entry runs until the next line that begins with an option
        awk -v name="--$2" '
            /^  (-|    --)/ { inside = index($0 " ", " " name " ") > 0 }
            inside { print }' out | tr '\n' ' ' | tr -s ' ' | grep -qF "(default: $3)" ||
            fail "help of $1: --$2 lacks its default $3"
    fi
}

expect 0 "$LOBASS" --help
cp out overview
for command in run prepare measure train evaluate select scores compare report show experiment init generate judge tokens info bench; do
    says overview "  $command "
    expect 0 "$LOBASS" "$command" --help
    cp out help
    says help "Usage: lobass $command"
    [ ! -s err ] || fail "help of $command writes to stderr"
    expect 0 "$LOBASS" help "$command"
    same out help
    for option in json quiet verbose overwrite threads dtype seed; do
        grep -q -e "--$option\\( \\|,\\|\$\\)" help || fail "help of $command lacks --$option"
    done
    # One that stands twice would be read once, and a letter by the first that has it.
    twice=$(sed -n 's/^  -\(.\), --\([a-z-]*\).*/\1\n\2/p; s/^      --\([a-z-]*\).*/\1/p' help | sort | uniq -d)
    [ -z "$twice" ] || fail "help of $command has twice: $twice"
    widest=$(awk '{ if (length($0) > most) most = length($0) } END { print most }' help)
    [ "$widest" -le 80 ] || fail "help of $command is $widest columns wide"
done

for command in prepare train run evaluate; do
    has_option $command template "chat where the model has one, else alpaca"
    has_option $command max-length "512; 2048 with a chat template"
    has_option $command eos count
    has_option $command boundary split
    has_option $command turns all
    has_option $command strict
    has_option $command mark-duplicates
    has_option $command threads 0
done
has_option train steps "as many as the epochs have"
has_option train held-out none
has_option train evaluate-every "a twentieth of all"
has_option train scored responses
has_option evaluate scored responses
has_option evaluate adapter none
has_option evaluate exact-match
has_option evaluate predictions none
has_option evaluate max-tokens 256
has_option judge parallel 4
has_option judge per-minute 0
has_option judge timeout 120
has_option judge retries 5
has_option judge backoff 1
has_option judge instructions "those of docs/CLI.md"
for command in train run; do
    has_option $command epochs 3
    has_option $command batch-size 128
    has_option $command learning-rate 2e-05
    has_option $command warmup 0.03
    has_option $command weight-decay 0
    has_option $command clip 1
    has_option $command checkpoint-seconds
    has_option $command lora-rank "none: all weights are trained"
    has_option $command lora-alpha "twice the rank"
    has_option $command lora-targets all-linear
    has_option $command lora-dropout 0
    has_option $command dtype auto
    has_option $command seed 0
done
for command in select run; do
    has_option $command by learnability
    has_option $command direction "the score's own"
    has_option $command lowest
    has_option $command floor 0.001
    has_option $command min-initial none
    has_option $command max-reference none
    has_option $command ranked
    has_option $command source
    has_option $command strata none
    has_option $command near-duplicates none
done
has_option run amount 6%
has_option select amount none
has_option select spec none
has_option select output RUN/selected.jsonl
has_option scores format jsonl
has_option compare amount 6%
has_option compare by learnability
has_option compare direction "the score's own"
has_option compare against "that of --by"
has_option compare against-direction
has_option compare floor 0.001
has_option compare min-initial none
has_option compare max-reference none
has_option compare list 10
has_option compare seed 0
has_option report output RUN/report.html
has_option report rows 100000
has_option measure as
has_option measure adapter none
has_option init like
has_option init tokenizer
has_option show all
has_option tokens jsonl
has_option bench shape smollm-135m
has_option bench scored all
has_option bench part both
has_option bench seconds 10
has_option bench pack-tokens
has_option bench epochs 3
has_option bench template "chat where the model has one, else alpaca"

expect 0 "$LOBASS" --version
grep -q '^lobass [0-9]*\.[0-9]*\.[0-9]*$' out || fail "version: $(cat out)"
cp out version

# Programs of their own: started by the command, looked for beside it and nowhere else.
for program in judge bench; do
    expect 0 "$LOBASS-$program" --version
    equals "$(cat out)" "$(sed "s/lobass/lobass-$program/" version)" "version of lobass-$program"
    expect 0 "$LOBASS-$program" --help
    cp out help
    expect 0 "$LOBASS" "$program" --help
    same out help
    mkdir -p alone strangers
    cp "$LOBASS" alone/lobass
    cp /bin/true "strangers/lobass-$program"
    expect 1 env PATH="$work/strangers:$PATH" alone/lobass "$program" --help
    says err "lobass: $program: the program lobass-$program is not there; expected it in $work/alone or $work/alone/../libexec/lobass"
    equals "$(lines err)" 1 "lines of the message"
    echo 'no program' >"alone/lobass-$program"
    expect 1 alone/lobass "$program" --help
    says err "lobass: $work/alone/lobass-$program: cannot be started: "
done
