#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole method on real sets with a real model, each alone and all in one run: every record
# accounted for, the chosen lines are input lines, learnability follows from the printed losses, the
# top k are the top k. The heads of the files; with LOBASS_LONG=1 all of them.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

model=$shared/data/models/stories260K
[ -f "$model/model.safetensors" ] || skip "$model is not there"
[ -d "$shared/data/sft" ] || skip "$shared/data/sft is not there"

# cut NAME: the file, or its first 60 records.
cut_set()
{
    if [ "${LOBASS_LONG:-0}" = 1 ] || [ "${1##*.}" = json ]; then
        cp "$shared/data/sft/$1" "$1"
    else
        head -n 60 "$shared/data/sft/$1" >"$1"
    fi
}

# check RUN RECORDS FILE...: FILEs are the JSON Lines among the sources.
check()
{
    run=$1
    n_records=$2
    shift 2
    sed 's/"ignored": \[[^]]*\], //' out >counts # each of its fields has records, too
    equals "$(number records counts)" "$n_records" "records of $run"
    equals "$(sum_of_statuses out)" "$n_records" "sum of the statuses of $run"
    k=$(awk -v n="$n_records" 'BEGIN { print int(n * 0.06 + 0.5) }')
    equals "$(number selected out)" "$k" "selected of $run"
    equals "$(lines "$run/selected.jsonl")" "$k" "selected lines of $run"
    equals "$(lines "$run/scores.jsonl")" "$n_records" "scores of $run"
    sort -u "$run/selected.jsonl" >wanted
    [ $# -eq 0 ] || sort -u "$@" | comm -13 - wanted >strange
    [ $# -eq 0 ] || [ ! -s strange ] || fail "$run: a selected line is no input line"
    # A line: learnability, rank, selected, and what the losses give.
    awk -v k="$k" '
        function field(name,    at, rest) {
            at = index($0, "\"" name "\": ")
            if (at == 0) { return "" }
            rest = substr($0, at + length(name) + 4)
            return substr(rest, 1, match(rest, /[,}]/) - 1)
        }
        field("learnability") != "" {
            initial = field("initial_loss"); reference = field("reference_loss")
            d = field("learnability") - (initial - reference) / initial
            if (d < 0) { d = -d }
            if (d > 1e-12) { print "row " field("row") ": learnability is off by " d; bad = 1 }
            n++
            score[field("rank") + 0] = field("learnability") + 0
            taken[field("rank") + 0] = field("selected")
        }
        END {
            for (i = 1; i <= n; i++) {
                if (!(i in score)) { print "rank " i " is missing"; bad = 1 }
                if (i > 1 && score[i] > score[i - 1]) { print "rank " i " is better than the one before"; bad = 1 }
                if ((taken[i] == "true") != (i <= k)) { print "rank " i ": selected " taken[i]; bad = 1 }
            }
            if (n < k) { print "only " n " scores"; bad = 1 }
            exit bad
        }' "$run/scores.jsonl" >findings || fail "$run: $(head -n 1 findings)"
}

method()
{
    expect 0 "$LOBASS" run "$model" "$@" --epochs 1 --batch-size 32 --learning-rate 1e-3 -k 6% \
        --json -q
}

n_all=0
for name in lima_messages.jsonl gsm8k_train.jsonl sharegpt_500.json; do
    cut_set $name
    method $name -o "run-$name"
    case $name in
    *.jsonl)
        n=$(lines $name)
        check "run-$name" "$n" $name
        ;;
    *)
        n=500
        check "run-$name" "$n"
        ;;
    esac
    n_all=$((n_all + n))
done

cut_set alpaca_13k.jsonl
n_all=$((n_all + $(lines alpaca_13k.jsonl)))
method alpaca_13k.jsonl lima_messages.jsonl gsm8k_train.jsonl sharegpt_500.json -o run-all
check run-all $n_all
for name in alpaca_13k.jsonl lima_messages.jsonl gsm8k_train.jsonl; do
    equals "$(grep -c "\"source\": \"$name\"" run-all/scores.jsonl)" "$(lines $name)" "rows of $name"
    equals "$(grep -F "\"source\": \"$name\"" run-all/scores.jsonl | tail -n 1 |
        sed 's/.*"record": \([0-9]*\),.*/\1/')" $(($(lines $name) - 1)) "last record of $name"
done
equals "$(grep -c '"source": "sharegpt_500.json"' run-all/scores.jsonl)" 500 "rows of sharegpt"
