#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGINT and SIGTERM: exit 130, a message that says how to go on, and then the same bytes as without.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
records 200 >data.jsonl

train()
{
    "$LOBASS" train model data.jsonl -o "$1" --epochs "$2" --batch-size 8 --learning-rate 1e-2 \
        --checkpoint-seconds 0 </dev/null >"$1.out" 2>"$1.err"
}

train whole 8 || fail "uninterrupted: $(cat whole.err)"
for signal in INT TERM; do
    # Background jobs of a shell ignore SIGINT; env restores the default.
    code=0
    env --default-signal=INT "$LOBASS" train model data.jsonl -o stopped$signal --epochs 8 \
        --batch-size 8 --learning-rate 1e-2 --checkpoint-seconds 0 \
        </dev/null >stopped.out 2>stopped.err &
    process=$!
    # The first checkpoint tells that it is under way; there are hundreds of steps to come.
    until [ -e stopped$signal.partial/checkpoint ]; do
        kill -0 $process 2>/dev/null || fail "the training ended by itself: $(cat stopped.err)"
        sleep 0.01
    done
    kill -$signal $process 2>/dev/null || fail "the training was over before the signal"
    wait $process || code=$?
    equals $code 130 "exit after SIG$signal"
    says stopped.err "lobass: stopped; run the same command again to go on"
    [ ! -e stopped$signal ] || fail "a stopped training leaves a folder that looks whole"
    train stopped$signal 8 || fail "going on after SIG$signal: $(cat stopped$signal.err)"
    same whole/model.safetensors stopped$signal/model.safetensors
done

# A reader that has seen enough ends the writer without a word.
expect 0 "$LOBASS" prepare model data.jsonl -o run -q
"$LOBASS" scores run 2>scores.err | head -n 1 >first
equals "$(lines first)" 1 "lines through head"
[ ! -s scores.err ] || fail "a closed pipe is not quiet: $(cat scores.err)"
