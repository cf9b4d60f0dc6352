#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# report: one HTML page about a run, measured or not; the same bytes each time; nothing is overwritten
# without -f, and with it nothing but a page.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
records 40 >data.jsonl
expect 0 "$LOBASS" prepare model data.jsonl -o run -q
expect 0 "$LOBASS" report run -o bare.html --json
equals "$(lines out)" 1 "lines of --json"
equals "$(number records out)" 40 "records"
equals "$(number rows out)" 40 "rows"
equals "$(number selected out)" 0 "rows selected of a run without losses"
equals "$(number size_bytes out)" "$(wc -c <bare.html | tr -d ' ')" "size of the page"
equals "$(text output out)" bare.html "output"

expect 0 "$LOBASS" measure run model --as initial -q
expect 0 "$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o other --seed 8
expect 0 "$LOBASS" measure run other --as reference -q
expect 0 "$LOBASS" select run -k 5 -q
expect 0 "$LOBASS" report run
says out "rows         40 of 40 records"
says out "written      run/report.html"
equals "$(head -n 1 run/report.html)" "<!doctype html>" "first line"
says run/report.html ' select run -k 5 -q"'
says run/report.html 'uPlot 1.6.32'
says run/report.html 'Permission is hereby granted, free of charge'
lacks run/report.html 'https://cdn'

# The same run, the same bytes.
expect 0 "$LOBASS" report run -o again.html -q
same run/report.html again.html

expect 1 "$LOBASS" report run
says err "run/report.html: exists already"
expect 0 "$LOBASS" report run -f --rows 10 --json
equals "$(number rows out)" 10 "rows of a sample"
equals "$(number selected out)" 5 "selected rows, of all"
echo mine >mine.html
expect 1 "$LOBASS" report run -o mine.html -f
says err "mine.html: is no report of lobass"
expect 1 "$LOBASS" report run -o run/run.db -f
says err "run/run.db: expected a name in .html"
expect 1 "$LOBASS" report nothing
says err "nothing"
[ ! -e nothing ] || fail "a folder was made"
expect 2 "$LOBASS" report
expect 2 "$LOBASS" report run --rows 0

# A run that is begun anew loses its page with the rest.
expect 0 "$LOBASS" prepare model data.jsonl -o run -f -q
[ ! -e run/report.html ] || fail "the page of the earlier run is still there"
