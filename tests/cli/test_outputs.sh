#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Outputs: nothing is overwritten without -f, nothing appears by halves, a full disk and a place
# that cannot be written are failures with a message, a run has one writer.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
records 40 >data.jsonl
: >file

run()
{
    "$LOBASS" run model data.jsonl -k 5 --epochs 1 --batch-size 16 --learning-rate 1e-2 -q "$@"
}

# A place that cannot be written: below a file.
expect 1 "$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o file/model
says err "file"
expect 1 "$LOBASS" prepare model data.jsonl -o file/run -q
says err "file"
expect 1 "$LOBASS" train model data.jsonl -o file/trained --epochs 1 -q
says err "file"

expect 0 run -o run
expect 1 "$LOBASS" select run -k 5 -o file/selected.jsonl -q
says err "file/selected.jsonl"
expect 1 "$LOBASS" select run -k 5 -o nowhere/selected.jsonl -q
says err "nowhere"

# Existing outputs stay as they are without -f.
echo precious >chosen.jsonl
expect 1 "$LOBASS" select run -k 5 -o chosen.jsonl -q
says err "chosen.jsonl"
equals "$(cat chosen.jsonl)" precious "an existing selection"
expect 0 "$LOBASS" select run -k 5 -o chosen.jsonl -q -f
equals "$(lines chosen.jsonl)" 5 "lines of the new selection"

listing model >before
expect 1 "$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o model --seed 8
says err "model"
listing model >after
same before after
expect 1 "$LOBASS" train model data.jsonl -o model --epochs 1 -q
says err "model"
listing model >after
same before after
expect 0 "$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o model -f --seed 8
listing model >after
if cmp -s before after; then
    fail "init -f with another seed changed nothing"
fi
expect 0 "$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o model -f --seed 7
listing model >after
same before after

# What a run is made of is no output of any command, -f or not.
mkdir run/experiment
echo '{"question": "2?", "answer": "#### 2"}' >asked.jsonl
for place in experiment/experiment.json scores.jsonl manifest.json run.db rows.lock reference/config.json \
    tokenizer/tokenizer.json; do
    [ -e "run/$place" ] || echo '{"prompt": "mine"}' >"run/$place"
    cksum "run/$place" >before
    for force in "" -f; do
        # shellcheck disable=SC2086  # none or one
        expect 1 "$LOBASS" select run -k 5 -o "run/$place" -q $force
        says err "run/$place: belongs to the "
        # shellcheck disable=SC2086  # none or one
        expect 1 "$LOBASS" evaluate model asked.jsonl --exact-match --predictions "run/$place" -q $force
        says err "run/$place: "
    done
    cksum "run/$place" >after
    same before after
done
for place in experiment/page.html reference/page.html; do
    expect 1 "$LOBASS" report run -o "run/$place" -q -f
    says err "run/$place: belongs to the "
done
cp -r run/tokenizer before.tokenizer
expect 1 "$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o run/tokenizer -f
says err "run/tokenizer: belongs to the run"
# What a link leads to is not replaced, nor is the link.
mkdir linked
ln -s linked link
expect 1 "$LOBASS" train model data.jsonl -o link --epochs 1 -q -f
says err "link: not overwritten: it is a symbolic link"
expect 1 "$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o link -f
says err "link: not overwritten: it is a symbolic link"
[ -L link ] && [ -d linked ] && [ ! -e link.partial ] || fail "the link is no longer as it was"
expect 1 "$LOBASS" train model data.jsonl -o run/tokenizer --epochs 1 -q -f
says err "run/tokenizer: belongs to the run"
diff -r run/tokenizer before.tokenizer || fail "a refused command changed the run's tokenizer"
rm -r run/experiment
expect 0 "$LOBASS" report run -o run/report.html -q

# A run of other options or data is not mixed with this one.
expect 1 "$LOBASS" prepare model data.jsonl -o run --max-length 100 -q
says err "run"
says err "max_length"
expect 1 run -o run --epochs 2
says err "epochs"
records 41 >other.jsonl
expect 1 "$LOBASS" prepare model other.jsonl -o run -q
says err "run"
expect 0 run -o run --json
equals "$(number records out)" 40 "records after refusals"
mkdir stranger
echo precious >stranger/notes.txt
expect 1 "$LOBASS" run model data.jsonl -o stranger -f -q
says err "stranger"
equals "$(cat stranger/notes.txt)" precious "a folder that is no run, even with -f"
expect 0 run -o run -f --epochs 2

# Standard output on a full disk.
if [ -c /dev/full ]; then
    for command in "scores run" "info run" "show run 0" "select run -k 3" "info model --json" \
        "tokens model hello" "--help" "run --help"; do
        code=0
        # shellcheck disable=SC2086  # words
        "$LOBASS" $command >/dev/full 2>err </dev/null || code=$?
        equals $code 1 "exit of '$command' on a full disk"
        says err "No space left on device"
    done
fi

# A disk that fills up, played by a limit on file sizes: blocks of 512 bytes.
code=0
(
    ulimit -f 20
    "$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o limited >out 2>err
) || code=$?
equals $code 1 "exit of init under a limit"
says err "limited"
[ ! -e limited ] || fail "a failed init leaves its folder"
code=0
(
    ulimit -f 40
    "$LOBASS" train model data.jsonl -o limited --epochs 1 -q >out 2>err
) || code=$?
equals $code 1 "exit of train under a limit"
says err "limited"
[ ! -e limited ] || fail "a failed training leaves its folder"
code=0
(
    ulimit -f 30
    "$LOBASS" prepare model data.jsonl -o limited-run -q >out 2>err
) || code=$?
equals $code 1 "exit of prepare under a limit"
says err "limited-run"
expect 0 "$LOBASS" prepare model data.jsonl -o limited-run -q --json
equals "$(number ok out)" 40 "rows after the limit is gone"

# One writer at a time.
records 3000 >many.jsonl
"$LOBASS" run model many.jsonl -o busy --epochs 3 --learning-rate 1e-2 -q >busy.out 2>busy.err \
    </dev/null &
process=$!
tries=0
while [ ! -f busy/run.db ] && [ $tries -lt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
sleep 0.1
expect 1 "$LOBASS" prepare model many.jsonl -o busy -q
says err "busy"
expect 1 "$LOBASS" prepare model many.jsonl -o busy -q -f
says err "busy"
expect 0 "$LOBASS" info busy
kill -9 $process 2>/dev/null || fail "the first writer was over too early: $(cat busy.err)"
wait $process 2>/dev/null || true
expect 0 "$LOBASS" prepare model many.jsonl -o busy -q

# On a full disk what only reads still reads: SQLite cannot make its index there, and needs none
# where no log is left. Where one is left, the message says what is in the way.
rm -f run/run.db-shm run/run.db-wal
for command in "info run" "show run 0" "scores run"; do
    code=0
    (
        ulimit -f 20
        # shellcheck disable=SC2086  # words
        "$LOBASS" $command >/dev/null 2>err
    ) || code=$?
    equals $code 0 "exit of '$command' under a limit: $(cat err)"
done
cp -r run logged
printf 'left by a writer that was killed' >logged/run.db-wal
code=0
(
    ulimit -f 20
    "$LOBASS" info logged >out 2>err
) || code=$?
equals $code 1 "exit of info of a run with a log under a limit"
says err "logged/run.db: disk I/O error: File too large"
