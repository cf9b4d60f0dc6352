#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kill -9 at random moments of prepare, measure and train, the same command again each time: the end
# has the bytes of an uninterrupted run. The moments follow from a fixed seed and the time the
# uninterrupted run took.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

n_kills=12
[ -z "${LOBASS_LONG:-}" ] || n_kills=120
make_model model
records 600 >data.jsonl

run()
{
    "$LOBASS" run model data.jsonl -o "$1" -k 6% --epochs 2 --batch-size 16 \
        --learning-rate 1e-2 --checkpoint-seconds 0 -q >"$1.out" 2>"$1.err" </dev/null
}

began=$(date +%s%N)
run whole || fail "the uninterrupted run: $(cat whole.err)"
ended=$(date +%s%N)
milliseconds=$(((ended - began) / 1000000))

# Pseudo-random milliseconds, 1 to MOST, in $delay.
state=12345
next_delay()
{
    state=$(((state * 16807) % 2147483647))
    delay=$((state % $1 + 1))
}

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
        next_delay $((milliseconds / 3))
        run $folder &
        process=$!
        sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
        # The command is the child of the subshell that & made.
        child=$(cat /proc/$process/task/$process/children 2>/dev/null || true)
        code=0
        # shellcheck disable=SC2086  # there may be none, or the shell replaced itself
        kill -9 ${child:-$process} 2>/dev/null || true
        wait $process 2>/dev/null || code=$?
        [ $code -eq 137 ] || continue
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
[ $in_training -lt $kills ] || fail "all kills landed in the training"
echo "$kills kills in $attempts attempts, $in_training of them in the training;" \
    "a run takes $milliseconds ms"
