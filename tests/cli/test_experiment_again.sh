#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lobass experiment, where a mistake would cost hours: nothing is removed before all that is asked for
# is known to be there, models that were to stay stay, and runs that it cannot stand on are refused.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
records 160 >all.jsonl
head -n 120 all.jsonl >data.jsonl
tail -n 40 all.jsonl >held.jsonl

# make_run FOLDER DATA
make_run()
{
    "$LOBASS" run model "$2" -o "$1" -k 10% --epochs 1 --batch-size 16 --learning-rate 3e-3 -q \
        >run.out 2>err || fail "run"
}

# experiment RUN [OPTION]...: the shortest one.
experiment()
{
    folder=$1
    shift
    "$LOBASS" experiment "$folder" --held-out held.jsonl --sizes 12 --seeds 1 --resamples 100 "$@"
}

refused()
{
    text=$1
    shift
    expect 1 experiment "$@"
    says err "$text"
    equals "$(lines err)" 1 "lines of the refusal"
}

# ---- -f removes nothing for what cannot be done
make_run run data.jsonl
expect 0 experiment run --arms random,learnability --keep-models
says err "3 of 3 models are done"
listing run/experiment | grep -v ' \./lock$' >before
for wrong in "--held-out none.jsonl" "--arms ifd_loss" "--held-out text.txt" \
    "--held-out run/experiment/selected/random-12-s0.jsonl" "--held-out - --exact-match"; do
    echo words >text.txt
    # shellcheck disable=SC2086  # a list of words
    expect 1 experiment run $wrong -f -q
    listing run/experiment | grep -v ' \./lock$' >after
    same before after
done
says err "standard input can be read once"
# what it was begun with goes last
mv run/experiment/models models
: >run/experiment/models
expect 1 experiment run -f -q
[ -f run/experiment/held_out/run.db ] || fail "-f removed the held-out run first"
rm run/experiment/models
mv models run/experiment/models

# ---- models that were to stay do, whatever is asked for later
cp -r run kept
"$LOBASS" experiment kept --held-out held.jsonl --sizes 12 --seeds 1 --resamples 100 -f --keep-models \
    --arms random,learnability -q >out 2>err || fail "anew"
expect 0 "$LOBASS" experiment kept --held-out held.jsonl --sizes 12 --seeds 2 --resamples 100 -q --arms random
equals "$(ls kept/experiment/models | tr '\n' ' ')" "learnability-12-s0 random-12-s0 " "models that are left"

# ---- another set of rows under the same name
expect 0 experiment run --arms full -q -f
head -n 60 data.jsonl >half.jsonl
"$LOBASS" run model half.jsonl -o run -k 10% --epochs 1 --batch-size 16 --learning-rate 3e-3 -q -f \
    >run.out 2>err || fail "another run"
refused 'expected the same rows' run --arms full

# ---- while it works, no `run -f` changes the recipe or the reference
cp -r run busy
(
    exec 9<>busy/experiment/lock
    flock -n 9 || exit 3
    "$LOBASS" run model half.jsonl -o busy -k 10% --epochs 2 --batch-size 16 --learning-rate 3e-3 -q -f \
        >run.out 2>err 9<&9 && exit 4
    exit 0
) || fail "run -f beside an experiment: $?"
says err "experiment/lock"
[ -f busy/reference/model.safetensors ] || fail "the reference is gone"

# ---- a run that is not done
cp -r run part
python3 - <<'PYTHON'
import sqlite3
store = sqlite3.connect("part/run.db")
store.execute("delete from losses where row > 5 and measurement ="
              " (select measurement from measurements where name = 'reference')")
store.execute("update measurements set n_rows = 6 where name = 'reference'")
store.commit()
PYTHON
refused 'rows have them' part
refused 'rows have them' part --arms random --equal-tokens
python3 - <<'PYTHON'
import sqlite3
store = sqlite3.connect("part/run.db")
store.execute("delete from measurements where name = 'reference'")
store.commit()
PYTHON
refused 'give the same `lobass run` again' part

# ---- fewer rows than were asked for, and held-out records that cannot be scored, are told
cp held.jsonl mixed.jsonl
echo '{"instruction": "say nothing", "output": ""}' | tee -a mixed.jsonl >empty.jsonl
expect 0 "$LOBASS" experiment run --held-out mixed.jsonl --held-out empty.jsonl --sizes 5000 --seeds 1 \
    --resamples 100 --arms random,longest -q -f --exact-match
says err "arm longest, size 5000: 5000 rows were asked for, all 60 selectable ones are taken"
says err "2 of 42 held-out records cannot be scored and are left out"
says err "no held-out record has an answer behind ####"
lacks out nan
equals "$(grep -c '^arm .*against' out)" 2 "tables of differences"
python3 - <<'PYTHON' || fail "comparisons on no rows"
import json, sys
made = json.load(open("run/experiment/experiment.json"))
sys.exit({c["source"] for c in made["comparisons"]} != {"mixed.jsonl", "all"})
PYTHON
expect 1 "$LOBASS" experiment run --held-out empty.jsonl --sizes 12 --seeds 1 -f -q
says err "none of the 1 held-out records can be scored"
