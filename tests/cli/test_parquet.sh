#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Parquet, in and out, through DuckDB's library: the same records give the same rows; a run goes on after a kill and
# sees that the file changed; what cannot be one column is refused. Skipped where the library is not there.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
awk 'BEGIN {
    for (i = 0; i < 3000; i++) {
        printf "{\"messages\": [{\"role\": \"user\", \"content\": \"ask %d\"}, {\"role\": \"assistant\", \"content\": \"say \\\"%d\\\"\"}]}\n", i, i % 7
    }
}' >a.jsonl
expect 0 "$LOBASS" prepare model a.jsonl -o a -q
code=0
"$LOBASS" select a -k all --by length -o a.parquet -q >out 2>err || code=$?
if [ $code = 1 ] && grep -q "Parquet needs DuckDB's library" err; then
    skip "$(cat err)"
fi
equals $code 0 "exit of select: $(cat err)"

# Without the library: one line, nothing written.
expect 1 env LOBASS_DUCKDB=/nowhere.so "$LOBASS" prepare model a.parquet -o none -q
says err "a.parquet: Parquet needs DuckDB's library, and there is none at /nowhere.so: \`scripts/fetch duckdb\` brings it"
[ ! -e none ] || fail "a refused prepare leaves its run"
expect 1 env LOBASS_DUCKDB=/nowhere.so "$LOBASS" select a -k all --by length -o none.parquet -q
[ ! -e none.parquet ] || fail "a refused selection leaves its file"

rows()
{
    "$LOBASS" scores "$1" | sed -E 's/"source": "[^"]*", //; s/, "(random|rank|selected)": [^,}]*//g'
}

expect 0 "$LOBASS" prepare model a.parquet -o b -q
rows a >a.rows
rows b >b.rows
same a.rows b.rows
expect 0 "$LOBASS" select b -k all --by length -o b.jsonl -q
same a.jsonl b.jsonl # the records' own bytes are canonical JSON
expect 0 "$LOBASS" select a -k all --by length -o a.parquet -q # the same bytes again: no -f needed
expect 0 "$LOBASS" select b -k 10 --by random --format trl -o trl.parquet -q --ranked
expect 0 "$LOBASS" prepare model trl.parquet -o trl -q --json
equals "$(number records out)" 10 "records of trl.parquet"

# Killed while it prepares, it goes on to the same rows.
for delay in 0.02 0.1 0.3; do
    rm -rf c
    "$LOBASS" prepare model a.parquet -o c -q >/dev/null 2>&1 &
    sleep $delay
    kill -9 $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    expect 0 "$LOBASS" prepare model a.parquet -o c -q
    rows c >c.rows
    same b.rows c.rows
done

# A changed file is seen, a copy with the same rows is fine.
cp a.parquet kept.parquet
touch a.parquet
expect 0 "$LOBASS" prepare model a.parquet -o b
says err "written to since the run was prepared; its records are the same"
sed 's/ask 1500"/ask 1501"/' a.jsonl >changed.jsonl
expect 0 "$LOBASS" prepare model changed.jsonl -o changed -q
expect 0 "$LOBASS" select changed -k all --by length -o a.parquet -q -f
expect 1 "$LOBASS" prepare model a.parquet -o b -q
says err 'a.parquet:1501: not the record that was prepared as row 1500'
mv kept.parquet a.parquet

# Columns of one type each; what some records lack is null in them.
cat >mixed.jsonl <<'EOF'
{"instruction": "a", "output": "b", "n": 1, "meta": {"x": 1.5}}
{"instruction": "c", "output": "d", "n": 2.5, "meta": {"y": ["2024-01-01"]}, "date": "2024-01-01"}
EOF
expect 0 "$LOBASS" prepare model mixed.jsonl -o mixed -q
expect 0 "$LOBASS" select mixed -k all --by length -o mixed.parquet -q
expect 0 "$LOBASS" prepare model mixed.parquet -o back -q
expect 0 "$LOBASS" select back -k all --by length -o back.jsonl -q
cat >expected.jsonl <<'EOF'
{"instruction": "a", "output": "b", "n": 1.0, "meta": {"x": 1.5, "y": null}, "date": null}
{"instruction": "c", "output": "d", "n": 2.5, "meta": {"x": null, "y": ["2024-01-01"]}, "date": "2024-01-01"}
EOF
same back.jsonl expected.jsonl
cat >unlike.jsonl <<'EOF'
{"prompt": "a", "completion": "b"}
{"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]}
EOF
expect 0 "$LOBASS" prepare model unlike.jsonl -o unlike -q
expect 1 "$LOBASS" select unlike -k all --by length -o unlike.parquet -q
says err '"prompt" is a list here and a string in a record before; a column of a Parquet file has one type'
[ ! -e unlike.parquet ] || fail "a refused selection leaves its file"
expect 0 "$LOBASS" select unlike -k all --by length --format messages -o unlike.parquet -q

# What is no Parquet file, and what has no records in it.
printf 'PAR1\0\0\0\0PAR1' >broken.parquet
expect 1 "$LOBASS" prepare model broken.parquet -o none -q
says err "broken.parquet: "
equals "$(lines err)" 1 "lines of the message"
cat a.parquet | "$LOBASS" prepare model - -o stdin -q >/dev/null || fail "Parquet on standard input"
rows stdin >b.rows
same a.rows b.rows
