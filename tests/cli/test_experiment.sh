#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lobass experiment: its numbers add up and are those of `evaluate`; nothing is done twice; killed at
# any moment it ends with the same bytes; and what it must not go on with is refused.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
records 300 >all.jsonl
head -n 240 all.jsonl >data.jsonl
sed -n '241,280p' all.jsonl >held.jsonl
tail -n 20 all.jsonl >other.jsonl

make_run()
{
    "$LOBASS" run "$work/model" data.jsonl -o "$1" -k 10% --epochs 2 --batch-size 16 --learning-rate 3e-3 -q \
        >run.out 2>err || fail "run"
}

# experiment RUN [OPTION]...
experiment()
{
    folder=$1
    shift
    expect 0 "$LOBASS" experiment "$folder" --held-out held.jsonl --held-out other.jsonl \
        --arms full,learnability,random --sizes 5%,12 --seeds 2 --equal-tokens --resamples 500 "$@"
}

# ---- it adds up
make_run run
began=$(date +%s%N)
experiment run --keep-models
milliseconds=$((($(date +%s%N) - began) / 1000000 + 1))
says out "learnability 5%"
says out "random 12 (tokens)"
# all but the base and the reference
says out "15, 13 of them trained now"
# base, full twice, and of two sizes: learnability and random by rows, random by tokens, twice each
equals "$(python3 "$here/check_experiment.py" run/experiment)" "15 30 30" "cells, summaries, comparisons"
cp run/experiment/experiment.json first.json
cp run/experiment/table.csv first.csv

# ---- the losses are those that `evaluate` finds, of a cell and of the reference
loss_of()
{
    python3 - "$1" "$2" <<'PYTHON'
import json, sys
made = json.load(open("run/experiment/experiment.json"))
print([l["loss"] for c in made["cells"] if c["name"] == sys.argv[1] for l in c["losses"] if l["source"] == sys.argv[2]][0])
PYTHON
}
for model in experiment/models/random-12-tokens-s1:random-12-tokens-s1 reference:full-s0; do
    expect 0 "$LOBASS" evaluate "run/${model%%:*}" held.jsonl --json
    awk -v a="$(number loss out | head -n 1)" -v b="$(loss_of "${model##*:}" held.jsonl)" \
        'BEGIN { exit !(a - b < 1e-6 && b - a < 1e-6 && a > 0) }' ||
        fail "$model: evaluate $(number loss out), experiment $(loss_of "${model##*:}" held.jsonl)"
done

# ---- again: nothing is trained, the same bytes; --json is the file on one line
experiment run --json
equals "$(lines out)" 1 "lines of --json"
python3 -c 'import json, sys
sys.exit(json.load(open("out")) != json.load(open("first.json")))' || fail "--json is not the file"
same run/experiment/experiment.json first.json
same run/experiment/table.csv first.csv
experiment run
says out "0 of them trained now"

# ---- more seeds and arms go on from there
expect 0 "$LOBASS" experiment run --held-out held.jsonl --held-out other.jsonl --resamples 500 \
    --arms learnability,longest --sizes 12 --seeds 3
says out "4 of them trained now"
experiment run
same run/experiment/experiment.json first.json

# ---- exact matches are those of `evaluate`; a model that was not asked for them is made again
awk 'BEGIN { for (i = 0; i < 30; i++)
    printf "{\"question\": \"number %d\", \"answer\": \"the sum is #### %d\"}\n", i, i % 2 }' >sums.jsonl
head -n 20 sums.jsonl >taught.jsonl
expect 0 "$LOBASS" run model taught.jsonl -o sums -k 50% --epochs 40 --batch-size 4 --learning-rate 1e-2 -q
expect 0 "$LOBASS" experiment sums --held-out sums.jsonl --arms full --sizes 50% --seeds 1 -q
lacks sums/experiment/experiment.json accuracy
expect 0 "$LOBASS" experiment sums --held-out sums.jsonl --arms full,random --sizes 50% --seeds 2 \
    --exact-match -q
says out "correct"
equals "$(python3 "$here/check_experiment.py" sums/experiment)" "5 3 1" "cells with answers"
expect 0 "$LOBASS" evaluate sums/reference sums.jsonl --exact-match --json
python3 - <<'PYTHON' || fail "exact matches of the reference are not those of evaluate"
import json, sys
made = json.load(open("sums/experiment/experiment.json"))
cell = [c for c in made["cells"] if c["is_reference"]][0]["losses"][0]
found = json.load(open("out"))
sys.exit(not (cell["n_correct"] == found["exact_match"]["n_correct"] > 0))
PYTHON

# ---- arms whose losses were not measured: left out, or refused by name
expect 0 "$LOBASS" experiment run --held-out held.jsonl --held-out other.jsonl --sizes 12 --seeds 1
says err "arm ifd_loss is left out"
lacks out ifd_loss
expect 1 "$LOBASS" experiment run --held-out held.jsonl --held-out other.jsonl --arms ifd_ppl \
    --sizes 12 --seeds 1
says err '"ifd_ppl" needs'
cp -r run asked
expect 0 "$LOBASS" measure asked model --as unconditional -q
expect 0 "$LOBASS" experiment asked --held-out held.jsonl --held-out other.jsonl --arms ifd_ppl \
    --sizes 12 --seeds 1
says out "ifd_ppl 12"

# ---- killed again and again, with another number of threads: the same bytes
mkdir killed
cp data.jsonl held.jsonl other.jsonl killed
(cd killed && make_run run)
state=4321
landed=0
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    state=$(((state * 16807) % 2147483647))
    # within a sixth of the time that the whole takes, so that most land before it is done
    delay=$((state % (milliseconds / 6 + 1) + 1))
    (cd killed && exec timeout -s KILL "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))" "$LOBASS" experiment run --threads 1 -q \
        --held-out held.jsonl --held-out other.jsonl --arms full,learnability,random --sizes 5%,12 \
        --seeds 2 --equal-tokens --resamples 500 >/dev/null 2>&1) || landed=$((landed + 1))
done
[ $landed -ge 2 ] || fail "only $landed kills landed"
cd killed
experiment run
cd ..
same killed/run/experiment/experiment.json first.json
same killed/run/experiment/table.csv first.csv

# ---- what it must not go on with
refused()
{
    text=$1
    shift
    expect 1 "$LOBASS" experiment "$@"
    says err "$text"
    equals "$(lines err)" 1 "lines of the refusal"
}
refused 'arm "nosuch": expected one of base, full' run --held-out held.jsonl --arms nosuch
refused 'size "100tok": expected a number or a share' run --held-out held.jsonl --sizes 100tok
refused 'size "5%": given twice' run --held-out held.jsonl --sizes 5%,5%
refused 'expected the same files' run --held-out other.jsonl -q
refused 'none.jsonl' killed/run --held-out none.jsonl -q
refused 'nowhere' nowhere --held-out held.jsonl
expect 2 "$LOBASS" experiment run
says err "--held-out"
expect 2 "$LOBASS" experiment run --held-out held.jsonl --resamples 99
says err "--resamples"
# a selection that is not the one that was trained on
head -n 3 data.jsonl >run/experiment/selected/random-12-s0.jsonl
refused 'begun with another selection' run --held-out held.jsonl --held-out other.jsonl \
    --arms random --sizes 12 --seeds 1
# another recipe, and -f makes it anew
expect 0 "$LOBASS" run model data.jsonl -o run -k 10% --epochs 1 --batch-size 16 \
    --learning-rate 3e-3 -q -f
refused 'made with "recipe"' run --held-out held.jsonl --held-out other.jsonl --arms random --sizes 12
expect 0 "$LOBASS" experiment run --held-out held.jsonl --arms random --sizes 12 --seeds 1 -f
says out "1 of them trained now"
equals "$(python3 "$here/check_experiment.py" run/experiment)" "2 2 0" "cells after -f"
# a base that is another one by now
cp -r model moved
expect 0 "$LOBASS" run moved data.jsonl -o own -k 10% --epochs 1 --batch-size 16 -q
cp run/reference/model.safetensors moved/model.safetensors
refused 'expected the same model' own --held-out held.jsonl
# a reference of one's own has no recipe
expect 0 "$LOBASS" prepare model data.jsonl -o measured -q
expect 0 "$LOBASS" measure measured model --as initial -q
expect 0 "$LOBASS" measure measured run/reference --as reference -q
refused 'was not trained by `run`' measured --held-out held.jsonl

# ---- held-out records that the run was trained on are counted and told
head -n 5 data.jsonl >leak.jsonl
cat held.jsonl >>leak.jsonl
expect 0 "$LOBASS" experiment killed/run --held-out leak.jsonl --arms random --sizes 12 --seeds 1 -f -q
says err "5 of 45 held-out records are in the run too"
says out "5 of the rows are in the run too"

# ---- two at once
(
    exec 9<>killed/run/experiment/lock
    flock -n 9 || exit 3
    "$LOBASS" experiment killed/run --held-out leak.jsonl --arms random --sizes 12 --seeds 1 \
        >out 2>err 9<&9 && exit 4
    exit 0
) || fail "a second experiment on the folder: $?"
says err "experiment/lock"

# ---- adapters are trained and measured as adapters
expect 0 "$LOBASS" run model data.jsonl -o lora -k 10% --epochs 1 --batch-size 16 --learning-rate 3e-2 \
    --lora-rank 2 --lora-targets q_proj,v_proj -q
expect 0 "$LOBASS" experiment lora --held-out held.jsonl --arms full,random --sizes 12 --seeds 1 --keep-models
[ -f lora/experiment/models/random-12-s0/adapter_model.safetensors ] || fail "the arm is no adapter"
equals "$(python3 "$here/check_experiment.py" lora/experiment)" "3 3 1" "cells with adapters"
