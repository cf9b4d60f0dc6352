#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Plain text: train on it and evaluate it; what a run does not take is refused before anything is
# written; what is temporary goes away, whatever ends the command.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
records 300 | tr -c 'a-z\n' ' ' | tr -s ' ' >text.txt
records 40 | tr -c 'a-z\n' ' ' | tr -s ' ' >held.txt
records 40 >data.jsonl
mkdir temporary
TMPDIR=$work/temporary
export TMPDIR

train() # ARGUMENT...
{
    "$LOBASS" train model "$@" --max-length 32 --template plain --epochs 1 --batch-size 32 \
        --learning-rate 1e-2 --dtype fp32 --threads 1
}

# ---- not for runs

expect 0 "$LOBASS" prepare model data.jsonl -o run -q
listing run | grep -v run.db- >before
for command in "prepare model text.txt -o new" "prepare model data.jsonl text.txt -o new" \
    "run model text.txt -o new" "prepare model text.txt -o run -f" "run model text.txt -o run -f" \
    "bench model text.txt"; do
    # shellcheck disable=SC2086  # it is to be split
    expect 1 "$LOBASS" $command
    says err "text.txt: plain text is for training and evaluation"
    equals "$(lines err)" 1 "lines of '$command'"
    [ ! -e new ] || fail "'$command' leaves something"
done
listing run | grep -v run.db- >after # a reader's files of SQLite
same before after

refused() # MESSAGE ARGUMENT...
{
    message=$1
    shift
    expect 2 "$LOBASS" "$@"
    says err "$message"
    equals "$(lines err)" 1 "lines of '$*'"
}
refused "option --evaluate-every needs --held-out" train model text.txt -o x --evaluate-every 5
refused "option --scored is for data files" train model run -o x --scored all
refused "unknown option --scored" prepare model data.jsonl -o x --scored all
refused "option --steps: expected an integer from 1" train model text.txt -o x --steps 0
refused "option --held-out: the value is empty" train model text.txt -o x --held-out ''
refused "option --held-out needs a value, found the option '-f'" train model text.txt --held-out -f
refused "evaluate needs MODEL and DATA" evaluate model
many=$(i=0 && while [ $i -lt 65 ]; do echo "--held-out a" && i=$((i + 1)); done)
# shellcheck disable=SC2086  # they are to be split
refused "option --held-out: given more than 64 times" train model text.txt -o x $many

# ---- training and evaluating

expect 0 train text.txt -o trained --held-out held.txt --held-out data.jsonl --evaluate-every 20 \
    --json -q
cp out trained.json
equals "$(sed -n 's/^step,.*,tokens,held_out_loss,held_out_bits_per_byte$/&/p' trained/train_log.csv |
    wc -l | tr -d ' ')" 1 "header of the log"
equals "$(lines trained/train_log.csv)" $((1 + $(number steps out))) "lines of the log"
equals "$(awk -F , 'NR > 1 && $7 != "" { printf "%s ", $1 }' trained/train_log.csv)" \
    "$(awk -v n="$(number steps out)" 'BEGIN { for (i = 20; i < n; i += 20) printf "%d ", i; printf "%d ", n }')" \
    "steps with an evaluation"
equals "$(awk -F , 'NR > 1 { sum += $6 } END { print sum }' trained/train_log.csv)" \
    "$(number tokens out)" "tokens"

evaluate() # ARGUMENT...
{
    "$LOBASS" evaluate "$@" --max-length 32 --template plain --dtype fp32 --threads 1 --json
}
expect 0 evaluate trained held.txt data.jsonl -q
sed 's/, "sources.*//' out >total
equals "$(number loss total)" "$(number held_out_loss trained.json)" "loss of the trained model"
equals "$(number bits_per_byte total)" "$(number held_out_bits_per_byte trained.json)" "bits per byte"
equals "$(number records total)" 41 "records"
equals "$(sum_of_statuses out)" 41 "sum of the statuses"
expect 0 evaluate model held.txt data.jsonl -q
sed 's/, "sources.*//' out >untrained
awk -v before="$(number loss untrained)" -v after="$(number loss total)" \
    'BEGIN { exit !(after < before - 0.5) }' || fail "nothing was learned"

# stored_zstd FILE: a zstd frame of stored blocks (RFC 8878: a window of 2 MiB; a block's header is
# its size times 8, plus 1 for the last), so that the tool need not be there.
stored_zstd()
{
    printf '\050\265\057\375\000\130'
    split -b 65536 "$1" stored.
    for block in stored.*; do
        header=$(($(wc -c <"$block") * 8))
        for byte in $((header % 256)) $((header / 256 % 256)) $((header / 65536)); do
            # shellcheck disable=SC2059  # the octal number is the format
            printf "\\$(printf %03o "$byte")"
        done
        cat "$block"
    done
    printf '\001\000\000'
    rm stored.*
}

# Compressed or not, the same text.
gzip -k text.txt
expect 0 train text.txt.gz -o from-gz -q
same trained/model.safetensors from-gz/model.safetensors
stored_zstd text.txt >text.txt.zst
expect 0 train text.txt.zst -o from-zst -q
same trained/model.safetensors from-zst/model.safetensors

# Files of one name, a total, and standard input for records.
mkdir other
cp held.txt other/held.txt
expect 0 "$LOBASS" evaluate model held.txt other/held.txt -q
says out "held.txt "
says out "held.txt (2)"
says out "all "
expect 0 evaluate model held.txt other/held.txt -q
says out '"held.txt": {'
says out '"held.txt (2)": {'
expect 0 evaluate model data.jsonl -q
sed 's/, "sources.*//' out >from-file
evaluate model - -q <data.jsonl >out 2>err || fail "standard input"
sed 's/, "sources.*//' out >from-input
same from-file from-input

# An adapter, trained on text too.
expect 0 train text.txt -o adapter --lora-rank 4 --held-out held.txt --json -q
cp out adapter.json
expect 0 evaluate model held.txt --adapter adapter -q
sed 's/, "sources.*//' out >total
equals "$(text adapter total)" adapter "the adapter's name"
equals "$(number loss total)" "$(number held_out_loss adapter.json)" "loss with the adapter"
expect 1 evaluate model held.txt --adapter trained -q
says err "trained"
cp -r adapter foreign
sed 's/"add_prefix_space": false/"add_prefix_space": true/' adapter/tokenizer.json >foreign/tokenizer.json
expect 1 evaluate model held.txt --adapter foreign -q
says err "foreign: its tokenizer"

# ---- what is wrong with the data

printf 'one line\n\303( no text\n' >bytes.txt
expect 1 evaluate model bytes.txt held.txt -q
says err "bytes.txt:1: text, byte 9: not valid UTF-8; none of the 1 records in the file can be read"
printf '{"text": "a good line"}\n{"text": 1}\n' >bytes.jsonl
expect 0 evaluate model bytes.jsonl held.txt -q
says err "warning: bytes.jsonl:2: field \"text\""
says out '"bad_record": 1'
expect 1 evaluate model bytes.jsonl held.txt -q --strict
says err "bytes.jsonl:2: field \"text\""
expect 0 "$LOBASS" evaluate model held.txt --max-length 100000
says err "max length 100000 is above the model's own limit; using 256"
expect 1 train text.txt -o x --held-out nowhere.txt -q
says err "nowhere.txt: cannot open"
[ ! -e x.partial ] || fail "missing held-out data leave something"
expect 0 train text.txt -o same --held-out text.txt -q
says err "warning: train: text.txt is trained on and held out"
TMPDIR=$work/nowhere expect 1 evaluate model held.txt
says err "nowhere/lobass-evaluate-"
equals "$(lines err)" 1 "lines"
[ -z "$(ls "$TMPDIR")" ] || fail "left behind: $(ls "$TMPDIR")"

# ---- a store of windows is no run to choose from

env --default-signal=INT "$LOBASS" train model text.txt -o stopped --max-length 32 --epochs 10000 \
    --checkpoint-seconds 0 --held-out held.txt --evaluate-every 1000000 </dev/null >stopped.out 2>&1 &
process=$!
until [ -e stopped.partial/checkpoint ]; do
    kill -0 $process 2>/dev/null || fail "the training ended by itself: $(cat stopped.out)"
    sleep 0.01
done
kill -INT $process
wait $process || true
expect 1 "$LOBASS" measure stopped.partial/rows model --as initial -q
says err "its rows are texts to cut windows of"
expect 0 "$LOBASS" info stopped.partial/rows
lacks out initial # nothing of it was kept
expect 0 "$LOBASS" show stopped.partial/rows 0
expect 1 "$LOBASS" select stopped.partial/rows -k 1

# ---- what is said of a training, and of losses that are no numbers

expect 0 "$LOBASS" train model held.txt -o few --max-length 32 --steps 3 --json -q
grep -q '"recipe": {"steps": 3, "batch_size"' out || fail "the recipe of --steps: $(cat out)"
records 20 >other.jsonl
expect 0 "$LOBASS" prepare model other.jsonl -o other_run -q
expect 0 "$LOBASS" train model other_run -o leaky --steps 1 --held-out other.jsonl
says err "is trained on and held out"
cp -R model broken
# The last value of the file's last tensor becomes infinite: an fp32 one.
size=$(wc -c <broken/model.safetensors)
printf '\000\000\200\177' | dd of=broken/model.safetensors bs=1 seek=$((size - 4)) conv=notrunc 2>/dev/null
expect 1 "$LOBASS" evaluate broken held.txt -q
says err "held.txt: row 0: its loss is not finite"

# ---- evaluate stopped

sed -e 's/"hidden_size": [0-9]*/"hidden_size": 1024/' \
    -e 's/"intermediate_size": [0-9]*/"intermediate_size": 4096/' "$fixtures/config.json" >config.json
"$LOBASS" init --like config.json --tokenizer "$fixtures" -o slow -q >/dev/null || fail "init slow"
evaluate_slowly() # SIGNAL
{
    LOBASS_CPU=plain env --default-signal=INT "$LOBASS" evaluate slow text.txt --dtype fp32 \
        --threads 1 -v </dev/null >slow.out 2>slow.err &
    process=$!
    until [ -e "$(echo "$TMPDIR"/lobass-evaluate-*)/run/run.db" ]; do
        kill -0 $process 2>/dev/null || fail "it ended by itself: $(cat slow.err)"
        sleep 0.01
    done
    kill "-$1" $process
    code=0
    wait $process 2>/dev/null || code=$?
}
evaluate_slowly INT
equals $code 130 "exit of an evaluation that was stopped"
[ -z "$(ls "$TMPDIR")" ] || fail "left behind: $(ls "$TMPDIR")"
evaluate_slowly KILL
equals $code 137 "exit of an evaluation that was killed"
equals "$(find "$TMPDIR" -mindepth 1 -maxdepth 1 | wc -l | tr -d ' ')" 1 "folders behind a kill"
