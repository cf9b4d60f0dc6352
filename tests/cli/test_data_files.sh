#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Data as people have it: tables, folders, odd JSON, files that hold no records. The same records give the same rows,
# whatever they lie in; what cannot be read ends with one line that says what it is and what to do.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model

# refused DATA WORD...: exit 1, one line, nothing left behind.
refused()
{
    file=$1
    shift
    expect 1 "$LOBASS" prepare model "$file" -o refused -q
    for word in "$@"; do
        says err "$word"
    done
    equals "$(lines err)" 1 "lines of the message about $file"
    [ ! -e refused ] || fail "$file leaves a run"
}

# rows RUN: what was made of the records, without where they were found, and what is drawn by their bytes.
rows()
{
    "$LOBASS" scores "$1" | sed -E 's/"source": "[^"]*", //; s/"record": [0-9]+, //; s/, "random": [^,}]*//'
    "$LOBASS" show "$1" 0 --all | sed 1,4d
}

# ---- the same records in other files

cat >a.jsonl <<'EOF'
{"instruction": "What, then?", "output": "A \"dog\"."}
{"instruction": "Two\nlines", "output": "007"}
{"instruction": "Caf\u00e9", "output": ""}
EOF
cat >a.csv <<'EOF'
instruction,output
"What, then?","A ""dog""."
"Two
lines",007

Café,
EOF
printf 'instruction\toutput\nWhat, then?\t"A ""dog""."\n"Two\nlines"\t007\nCaf\303\251\t\n' >a.tsv
printf '{"version": 1, "data": [' >wrapped.json
sed 's/$/,/; $s/,$//' a.jsonl >>wrapped.json
printf '], "licence": "none"}\n' >>wrapped.json
python3 -c '
import json
for line in open("a.jsonl"):
    print(json.dumps(json.loads(line), indent=2))' >pretty.jsonl
gzip -k a.csv
head -c 512 /dev/zero | cat a.csv.gz - >padded.csv.gz
expect 0 "$LOBASS" prepare model a.jsonl -o a -q
rows a >a.rows
says a.rows '"row": 2, "status": "empty_response"'
for file in a.csv a.tsv wrapped.json pretty.jsonl a.csv.gz padded.csv.gz; do
    rm -rf b
    expect 0 "$LOBASS" prepare model "$file" -o b
    cp err "$file.err"
    rows b >b.rows
    same a.rows b.rows
done
says wrapped.json.err 'passed over beside the list of records: "version", "licence"'
"$LOBASS" prepare model - -o stdin -q <wrapped.json || fail "an object with a list on standard input"
rows stdin >b.rows
same a.rows b.rows

# ---- a folder

mkdir folder train splits mixed deep none arrow
head -n 1 a.jsonl >folder/part-1.jsonl
sed -n 2,3p a.jsonl >folder/part-2.jsonl
echo '# about' >folder/README.md
expect 0 "$LOBASS" prepare model folder -o parts -q
rows parts >b.rows
same a.rows b.rows
expect 0 "$LOBASS" info parts --json
says out '"part-1.jsonl"'
expect 0 "$LOBASS" prepare model folder -o parts -q # again: nothing to do
cp a.jsonl folder/part-3.jsonl
expect 1 "$LOBASS" prepare model folder -o parts -q
says err 'as data file 3, now'
cp a.jsonl splits/train-00000.jsonl
cp a.jsonl splits/test-00000.jsonl
refused splits 'splits: a folder of several splits, "test-00000.jsonl" and "train-00000.jsonl"'
cp a.jsonl mixed/a.jsonl
cp wrapped.json mixed/dataset_infos.json
refused mixed 'mixed: a folder of .jsonl and .json files; name those that are to be read'
mkdir deep/data
refused deep 'deep: a folder without data files; name one of the folders in it'
refused none 'none: a folder without data files; expected .jsonl, .json, .csv, .tsv or .parquet'
printf 'ARROW1\0\0' >arrow/data-00000-of-00001.arrow
cp wrapped.json arrow/state.json
refused arrow 'as save_to_disk() makes it'

# ---- what is no data

printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' >lfs.jsonl
refused lfs.jsonl 'lfs.jsonl: a Git LFS pointer, not the file itself; `git lfs pull` brings the file'
printf 'PK\003\004....' >a.xlsx
refused a.xlsx 'a.xlsx: an Excel workbook; save its sheet as CSV in UTF-8'
printf 'BZh91AY&SY' >a.jsonl.bz2
refused a.jsonl.bz2 'a.jsonl.bz2: a bzip2 file'
printf '{"instruction": ["a", "b"], "output": ["c", "d"]}' >columns.json
refused columns.json 'columns.json: one object of columns, as pandas writes it'
refused https://example.org/a.jsonl 'an address; lobass reaches no network'
refused yahma/alpaca-cleaned '`hf download --repo-type dataset yahma/alpaca-cleaned --local-dir DIR` brings it'
expect 1 "$LOBASS" prepare meta-llama/Llama-3.2-1B a.jsonl -o refused -q
says err '`hf download meta-llama/Llama-3.2-1B --local-dir DIR` brings it'
printf 'instruction,output\n"a" b,c\n' >odd.csv
refused odd.csv 'odd.csv:2: found text behind a closing quote'

# ---- nothing that can be read

printf 'no json\nat all\n' >nothing.jsonl
refused nothing.jsonl 'nothing.jsonl:1: not valid JSON' 'none of the 2 records in the file can be read'
printf '{"a": 1}\n' >fields.jsonl
refused fields.jsonl 'fields.jsonl:1: expected instruction/output' 'found fields "a"; --fields names others; none of the 1 records'
expect 1 "$LOBASS" prepare model a.jsonl nothing.jsonl -o refused -q
says err 'nothing.jsonl:1: not valid JSON'
: >empty.jsonl
expect 0 "$LOBASS" prepare model a.jsonl empty.jsonl -o half
says err 'empty.jsonl: no record in it'
printf '{"rows": [{"row": {"instruction": "a", "output": "b"}}]}' >viewer.json
refused viewer.json 'found fields "row"; --fields names others; none of the 1 records'

# ---- training and evaluation take the same

expect 0 "$LOBASS" evaluate model a.csv -q --json
expect 0 "$LOBASS" train model a.tsv -o trained --steps 1 -q
expect 0 "$LOBASS" generate model --jsonl a.csv --max-tokens 2
equals "$(lines out)" 3 "lines of generate"
