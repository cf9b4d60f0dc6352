#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# scores: one line a record, as JSON lines, a table or one object; before, during and after the
# measuring; a score that does not exist is absent.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
{
    records 12
    printf '%s\n' '{"instruction": "a, \"b\"", "output": ""}'
} >'da,ta.jsonl'
records 5 >second.jsonl
expect 0 "$LOBASS" prepare model 'da,ta.jsonl' second.jsonl -o run -q
expect 0 "$LOBASS" scores run
equals "$(lines out)" 18 "lines"
lacks out initial_loss
lacks out learnability
lacks out null
sed -n 14p out >line
equals "$(number row line)" 13 "row of the second source's first record"
equals "$(number record line)" 0 "its record"
equals "$(text source line)" second.jsonl "its source"
equals "$(text status line)" ok "its status"

expect 0 "$LOBASS" measure run model --as initial -q
expect 0 "$LOBASS" scores run
says out '"initial_loss": '
lacks out learnability
expect 0 "$LOBASS" train model run -o reference --epochs 1 --batch-size 8 --learning-rate 1e-2 -q
expect 0 "$LOBASS" measure run reference --as reference -q
expect 0 "$LOBASS" select run -k 3 -q
expect 0 "$LOBASS" scores run
same out run/scores.jsonl
# Another selection elsewhere: its own table, and the run's stays; a second time it is done already.
expect 0 "$LOBASS" select run -k 2 --by length -o other.jsonl -q
expect 0 "$LOBASS" select run -k 2 --by length -o other.jsonl -q
equals "$(lines other.jsonl)" 2 "lines of the other selection"
equals "$(grep -c '"selected": true' run/scores.jsonl)" 3 "selected rows in the run's own table"
expect 0 "$LOBASS" scores run
same out other.scores.jsonl
[ -f other.manifest.json ] || fail "no manifest beside the other selection"
expect 1 "$LOBASS" select run -k 3 --by length -o other.jsonl -q
says err "exists already"
expect 1 "$LOBASS" select run -k 2 -o run/run.db -f -q
says err "run/run.db: belongs to the run"
expect 0 "$LOBASS" select run -k 3 -q
expect 0 "$LOBASS" scores run
equals "$(grep -c '"learnability": ' out)" 17 "rows with a score"
sed -n 13p out >line
equals "$(text status line)" empty_response "status of row 12"
lacks line _loss
lacks line null
lacks out nan

# learnability is what its formula says, for every row, to the last digit printed here.
sed -n 's/.*"initial_loss": \([0-9.e+-]*\), "reference_loss": \([0-9.e+-]*\).*"learnability": \([-0-9.e+]*\).*/\1 \2 \3/p' out |
    awk '{ d = ($1 - $2) / $1 - $3; if (d < 0) d = -d; if (d > 1e-12) bad++ }
         END { if (NR != 17 || bad > 0) exit 1 }' || fail "learnability is not (L0 - L1) / L0"

# The parts of the drop add up to it, and the end tokens have one.
sed -n 's/.*"learnability": \([-0-9.e]*\), "drop_end": \([-0-9.e]*\), "drop_first": \([-0-9.e]*\), "drop_rest": \([-0-9.e]*\),.*/\1 \2 \3 \4/p' out |
    awk '{ d = $2 + $3 + $4 - $1; if (d < 0) d = -d; if (d > 1e-12) bad++; if ($2 != 0) ends++ }
         END { if (NR != 17 || bad > 0 || ends == 0) exit 1 }' || fail "the parts are not learnability"

expect 0 "$LOBASS" scores run --format csv
equals "$(lines out)" 19 "lines of the table, with its head"
equals "$(head -n 1 out | cut -d, -f1-4)" "row,source,record,status" "head of the table"
says out '"da,ta.jsonl"'
cut -d, -f1 out | tail -n +2 >numbers
seq 0 17 >wanted
same numbers wanted
columns=$(head -n 1 out | tr ',' '\n' | grep -c .)
sed 's/"da,ta.jsonl"/x/' out | awk -F, -v n="$columns" 'NF != n { exit 1 }' ||
    fail "rows of the table have different lengths"

expect 0 "$LOBASS" scores run --json
equals "$(lines out)" 1 "lines of --json"
equals "$(tr '{' '\n' <out | grep -c '^"row": .*}\(, \|\]}\)$')" 18 "members of --json"
equals "$(grep -o '}, {"row": ' out | wc -l | tr -d ' ')" 17 "commas between them"
expect 0 "$LOBASS" info run --json
equals "$(number selected out)" 3 "selected rows in info"
equals "$(sum_of_statuses out)" 18 "sum of the statuses in info"
says out '"name": "reference"'

# Zones: rows outside have statuses of their own and keep their scores; the run remembers them.
expect 0 "$LOBASS" scores run --format csv
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
         { n = NF - length(column); if ($(column["initial_loss"] + n) != "") print $(column["initial_loss"] + n), $(column["reference_loss"] + n) }' out >losses
low=$(cut -d' ' -f1 losses | sort -g | sed -n 4p)
high=$(cut -d' ' -f2 losses | sort -g | sed -n 15p)
known=$(awk -v low="$low" '$1 < low' losses | grep -c .)
hard=$(awk -v low="$low" -v high="$high" '$1 >= low && $2 > high' losses | grep -c .)
[ "$known" -gt 0 ] && [ "$hard" -gt 0 ] || fail "no row is outside: nothing is tested"
expect 0 "$LOBASS" select run -k all --min-initial "$low" --max-reference "$high" --json
says out "\"initial_loss_below_minimum\": $known, \"reference_loss_above_maximum\": $hard}"
equals "$(sum_of_statuses out)" 18 "sum of the statuses"
equals "$(number selected out)" $((17 - known - hard)) "selected rows"
says run/manifest.json "\"min_initial\": $low"
says run/manifest.json "\"max_reference\": $high"
expect 0 "$LOBASS" scores run
same out run/scores.jsonl
equals "$(grep -c '"status": "initial_loss_below_minimum".*"learnability": .*"reason": "the initial loss is below the minimum of ' out)" "$known" "rows below"
equals "$(grep -c '"status": "reference_loss_above_maximum".*"learnability": .*"reason": "the reference loss is above the maximum of ' out)" "$hard" "rows above"
expect 0 "$LOBASS" info run --json
says out "\"initial_loss_below_minimum\": $known"
expect 0 "$LOBASS" compare run run -k 3 --min-initial "$low" --max-reference "$high" --json
says out "\"min_initial\": $low, \"max_reference\": $high"
says out "\"ranked\": {\"first\": $((17 - known - hard)),"
expect 2 "$LOBASS" select run -k 3 --min-initial -1
says err "option --min-initial: expected a number"
expect 0 "$LOBASS" select run -k 3 -q
lacks run/manifest.json '"min_initial"'
lacks run/manifest.json '"max_reference"'

# A budget that the best row does not fit into says so.
expect 0 "$LOBASS" select run -k 1tok --by length -o few.jsonl
says err "nothing is selected: the best row, "
says err "scored tokens, the budget is 1"
equals "$(lines few.jsonl)" 0 "lines of an empty selection"

# Names of files: one spelling everywhere, and nothing of them acts on a terminal.
name=$(printf 'caf\351 \033[2J\nx.jsonl')
records 3 >"$name"
expect 0 "$LOBASS" prepare model "$name" -o odd -q
expect 0 "$LOBASS" info odd --json
lacks out '"selected"'
expect 0 "$LOBASS" scores odd
says out '"source": "caf\\xe9 \\x1b[2J\\x0ax.jsonl"'
expect 0 "$LOBASS" info odd --json
says out '"name": "caf\\xe9 \\x1b[2J\\x0ax.jsonl"'
expect 0 "$LOBASS" scores odd --format csv
equals "$(lines out)" 4 "lines of the table"
says out '1,caf\xe9 \x1b[2J\x0ax.jsonl,1,ok'
expect 0 "$LOBASS" select odd -k 1 --by length -q
says odd/manifest.json '/caf\\xe9 \u001b[2J\nx.jsonl"'
