#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Broken data: counted, or with --strict refused with file and line; nothing half-written.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
records 20 >good.jsonl

# refused FILE WORD...: prepare fails, and names the place.
refused()
{
    file=$1
    shift
    expect 1 "$LOBASS" prepare model "$file" -o run -q --strict
    for word in "$@"; do
        says err "$word"
    done
    equals "$(lines err)" 1 "lines of the message"
    [ ! -d "$file" ] || return 0 # to train, a folder is a run
    expect 1 "$LOBASS" train model "$file" -o trained -q --strict
    says err "$1"
    [ ! -e trained ] || fail "a failed training leaves its folder"
    if [ -e run ]; then
        [ ! -e run/run.db ] || fail "a failed first prepare leaves its run"
        expect 0 "$LOBASS" prepare model good.jsonl -o run -q # the corrected command
        rm -rf run
    fi
}

: >empty.jsonl
refused empty.jsonl "empty.jsonl"
refused nowhere.jsonl "nowhere.jsonl"
mkdir folder
refused folder "folder"

{
    head -n 7 good.jsonl
    echo '["not", "an", "object"]'
    tail -n +8 good.jsonl
} >array.jsonl
refused array.jsonl "array.jsonl:8"

{
    head -n 3 good.jsonl
    printf '{"instruction": "broken \377\376 bytes", "output": "x"}\n'
    tail -n +4 good.jsonl
} >utf8.jsonl
refused utf8.jsonl "utf8.jsonl:4"

{
    head -n 4 good.jsonl
    echo '{"instruction": "no output", "output": null}'
} >null.jsonl
refused null.jsonl "null.jsonl:5" 'field "output"' "expected a string" "null"

{
    head -n 2 good.jsonl
    echo '{"instruction": "cut off", "output": "x'
} >cut.jsonl
refused cut.jsonl "cut.jsonl:3"
expect 1 "$LOBASS" prepare model cut.jsonl -o run -q --strict
cp err cut.err

echo '[{"instruction": "a", "output": "b"}, {"instruction": "a"' >cut.json
refused cut.json "cut.json"

head -c 100 /dev/zero | gzip -c | head -c 20 >cut.jsonl.gz
refused cut.jsonl.gz "cut.jsonl.gz"

# Without --strict such records are counted, with a reason, and the others are used.
cat array.jsonl >mixed.jsonl
sed -n 4p utf8.jsonl >>mixed.jsonl
sed -n 5p null.jsonl >>mixed.jsonl
expect 0 "$LOBASS" prepare model mixed.jsonl -o mixed -q --json
equals "$(number records out)" 23 records
equals "$(number bad_record out)" 3 "bad records"
equals "$(sum_of_statuses out)" 23 "sum of the statuses"
expect 0 "$LOBASS" show mixed 22
says out "bad_record: field \"output\": expected a string, found null"

# Nothing to train on is a failure with a message, not an empty model.
echo '{"instruction": "a", "output": ""}' >nothing.jsonl
expect 1 "$LOBASS" train model nothing.jsonl -o trained -q
says err "none of its 1 records can be trained on"
[ ! -e trained ] || fail "a model trained on nothing"

# The message has one place: file and line, and the byte within the record.
says cut.err "cut.jsonl:3: not valid JSON within the record: byte "
lacks cut.err "line 1"
# A data file where a model should be is told from broken JSON.
expect 1 "$LOBASS" info good.jsonl
says err "lobass: good.jsonl: a data file by its name; expected the folder of a model"
