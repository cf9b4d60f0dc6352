#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kill -9 at random moments of prepare, measure and train, the same command again each time: the end
# has the bytes of an uninterrupted run. First each step by itself, then the whole method. The moments
# follow from a fixed seed and the time the uninterrupted command took.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

n_kills=12
[ -z "${LOBASS_LONG:-}" ] || n_kills=120
make_model model
records 600 >data.jsonl

# Pseudo-random milliseconds, 1 to MOST, in $delay.
state=12345
next_delay()
{
    state=$(((state * 16807) % 2147483647))
    delay=$((state % $1 + 1))
}

# timed COMMAND...: runs it; how long it took is in $milliseconds.
timed()
{
    began=$(date +%s%N)
    "$@" || return 1
    ended=$(date +%s%N)
    milliseconds=$(((ended - began) / 1000000 + 1))
}

# kill_once MOST COMMAND...: kills it within MOST milliseconds; false when it was done before.
kill_once()
{
    next_delay "$1"
    shift
    "$@" &
    process=$!
    sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
    # The command is the child of the subshell that & made.
    child=$(cat /proc/$process/task/$process/children 2>/dev/null || true)
    code=0
    # shellcheck disable=SC2086  # there may be none, or the shell replaced itself
    kill -9 ${child:-$process} 2>/dev/null || true
    wait $process 2>/dev/null || code=$?
    [ $code -eq 137 ]
}

# kill_in_step NAME COMMAND...: the step on folder `whole`, then again and again on `killed`; a third
# of its time and less, so that most kills land before it is done.
kill_in_step()
{
    step=$1
    shift
    timed "$@" whole || fail "the uninterrupted $step: $(cat whole.err)"
    landed=0
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        if kill_once $((milliseconds / 3 + 1)) "$@" killed; then
            landed=$((landed + 1))
        fi
    done
    "$@" killed || fail "$step after kills: $(cat killed.err)"
    [ $landed -ge 2 ] || fail "only $landed kills landed in $step ($milliseconds ms)"
    for folder in whole killed; do
        "$LOBASS" scores $folder >$folder.scores
    done
    same whole.scores killed.scores
    steps="$steps $landed in $step ($milliseconds ms),"
}

prepare_step()
{
    "$LOBASS" prepare model many.jsonl -o "$1" -q >"$1.out" 2>"$1.err" </dev/null
}

measure_step()
{
    "$LOBASS" measure "$1" model --as initial -q >"$1.out" 2>"$1.err" </dev/null
}

steps=
: >many.jsonl
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    cat data.jsonl >>many.jsonl
done
kill_in_step prepare prepare_step
kill_in_step measure measure_step
rm -rf whole killed

run()
{
    "$LOBASS" run model data.jsonl -o "$1" -k 6% --epochs 2 --batch-size 16 \
        --learning-rate 1e-2 --checkpoint-seconds 0 -q >"$1.out" 2>"$1.err" </dev/null
}

timed run whole || fail "the uninterrupted run: $(cat whole.err)"

kills=0
in_training=0
attempts=0
run_number=0
while [ $kills -lt $n_kills ] && [ $attempts -lt $((n_kills * 4)) ]; do
    run_number=$((run_number + 1))
    folder=killed$run_number
    # A few kills into one run, then to its end, then the next one.
    for _ in 1 2 3; do
        attempts=$((attempts + 1))
        kill_once $((milliseconds / 3)) run $folder || continue
        kills=$((kills + 1))
        [ ! -d $folder/reference.partial ] || in_training=$((in_training + 1))
    done
    run $folder || fail "after a kill: $(cat $folder.err)"
    for file in selected.jsonl scores.jsonl reference/model.safetensors reference/config.json; do
        cmp "whole/$file" "$folder/$file" >&2 || fail "$file differs after kills"
    done
    leftovers=$(find $folder -name '*.tmp*' -o -name '*.partial*' -o -name '*checkpoint*')
    [ -z "$leftovers" ] || fail "left behind: $leftovers"
    rm -rf $folder
done
[ $kills -ge $n_kills ] || fail "only $kills of $attempts kills landed"
[ $in_training -gt 0 ] || fail "no kill landed in the training"
echo "$steps $kills of $attempts in run, $in_training of them in the training;" \
    "a run takes $milliseconds ms"
