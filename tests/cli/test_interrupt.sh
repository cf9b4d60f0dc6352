#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGINT, SIGTERM and SIGHUP: exit 130, a message that says how to go on, and then the same bytes as without.
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
for signal in INT TERM HUP; do
    # Background jobs of a shell ignore SIGINT; env restores the default.
    code=0
    env --default-signal=INT,HUP "$LOBASS" train model data.jsonl -o stopped$signal --epochs 8 \
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

# What is ignored from the beginning stays ignored, as nohup wants it.
env --ignore-signal=HUP "$LOBASS" train model data.jsonl -o ignored --epochs 8 --batch-size 8 \
    --learning-rate 1e-2 --checkpoint-seconds 0 </dev/null >ignored.out 2>ignored.err &
process=$!
until [ -e ignored.partial/checkpoint ]; do
    kill -0 $process 2>/dev/null || fail "the training ended by itself: $(cat ignored.err)"
    sleep 0.01
done
kill -HUP $process 2>/dev/null || fail "the training was over before the signal"
wait $process || fail "an ignored SIGHUP ended it: $(cat ignored.err)"
same whole/model.safetensors ignored/model.safetensors

# Nor does a training go on with other input than it began with.
"$LOBASS" train model - -o fed --epochs 8 --batch-size 8 --learning-rate 1e-2 --checkpoint-seconds 0 \
    <data.jsonl >fed.out 2>fed.err &
process=$!
until [ -e fed.partial/checkpoint ]; do
    kill -0 $process 2>/dev/null || fail "the training ended by itself: $(cat fed.err)"
    sleep 0.01
done
kill -9 $process
wait $process 2>/dev/null || true
code=0
head -n 9 data.jsonl | "$LOBASS" train model - -o fed --epochs 8 --batch-size 8 --learning-rate 1e-2 \
    >fed.out 2>fed.err || code=$?
equals $code 1 "other input for a stopped training"
says fed.err "standard input: differs"
"$LOBASS" train model - -o fed --epochs 8 --batch-size 8 --learning-rate 1e-2 -q \
    <data.jsonl >fed.out 2>fed.err || fail "the same input: $(cat fed.err)"
same whole/model.safetensors fed/model.safetensors

# A second signal waits for nothing, not even for the pack at hand: here one of many seconds, since
# the plain products are slow.
sed -e 's/"hidden_size": [0-9]*/"hidden_size": 1024/' \
    -e 's/"intermediate_size": [0-9]*/"intermediate_size": 4096/' "$fixtures/config.json" >config.json
"$LOBASS" init --like config.json --tokenizer "$fixtures" -o slow -q >/dev/null || fail "init slow"
expect 0 "$LOBASS" prepare slow data.jsonl -o slow-run -q
code=0
LOBASS_CPU=plain env --default-signal=INT "$LOBASS" measure slow-run slow --as initial -v \
    --dtype fp32 --threads 1 </dev/null >twice.out 2>twice.err &
process=$!
until grep -q "measure initial: .* packs" twice.err; do
    kill -0 $process 2>/dev/null || fail "the measuring ended by itself: $(cat twice.err)"
    sleep 0.01
done
sleep 0.1
kill -INT $process
sleep 0.05
kill -INT $process || fail "the pack was over before the second signal"
wait $process || code=$?
equals $code 130 "exit after two signals"
lacks twice.err "stopped"

# A reader that has seen enough ends the writer without a word.
expect 0 "$LOBASS" prepare model data.jsonl -o run -q
"$LOBASS" scores run 2>scores.err | head -n 1 >first
equals "$(lines first)" 1 "lines through head"
[ ! -s scores.err ] || fail "a closed pipe is not quiet: $(cat scores.err)"

# An interrupt ends the writer of a pipe too: what came until then is not taken for the whole.
records 400 >long.jsonl
mkfifo pipe
code=0
env --default-signal=INT "$LOBASS" prepare model - -o piped <pipe >piped.out 2>piped.err &
process=$!
(
    trap - EXIT
    head -n 150 long.jsonl
    exec sleep 600
) >pipe &
writer=$!
until [ -d piped/sources ]; do
    kill -0 $process 2>/dev/null || fail "prepare ended by itself: $(cat piped.err)"
    sleep 0.01
done
sleep 0.1
kill -INT $process
kill $writer
wait $process || code=$?
equals $code 130 "exit after an interrupt while standard input is read"
says piped.err "stopped; run the same command again to go on"
[ ! -e piped/sources/stdin.jsonl ] || fail "input that was cut off is kept as whole"
"$LOBASS" prepare model - -o piped -q --json <long.jsonl >out 2>err || fail "going on"
equals "$(number records out)" 400 "records of the whole input"
same long.jsonl piped/sources/stdin.jsonl

# An input that says nothing can be interrupted.
code=0
env --default-signal=INT "$LOBASS" prepare model - -o silent <pipe >silent.out 2>silent.err &
process=$!
sleep 600 >pipe &
writer=$!
until [ -d silent/sources ]; do
    kill -0 $process 2>/dev/null || fail "prepare ended by itself: $(cat silent.err)"
    sleep 0.01
done
kill -INT $process
wait $process || code=$?
kill $writer
equals $code 130 "exit after an interrupt without any input"
