#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# select --format: sources of several kinds in one schema, what is learned kept or refused by name. Checked with
# Python's json against what the records say, and ids against `show`.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
cat >a.jsonl <<'EOF'
{"instruction": "Add.", "input": "1 and 2", "output": "3"}
{"instruction": "Say \"hi\"\n", "input": "", "output": " hi \u00e9\n"}
EOF
cat >s.json <<'EOF'
[{"conversations": [{"from": "human", "value": "one"}, {"from": "gpt", "value": "two"}, {"from": "human", "value": "three"}, {"from": "gpt", "value": "four"}], "system": "Be good."}]
EOF
printf 'question,answer\n"x, y",z\n' >q.csv
cat >flags.jsonl <<'EOF'
{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "bad", "weight": 0}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "good"}]}
EOF
echo '{"text": "Once upon a time."}' >text.jsonl

# write NAME OPTION...: all rows of the run in $run as NAME.
write()
{
    file=$1
    shift
    expect 0 "$LOBASS" select $run -k all --by length -o "$file" -q --json "$@"
}

# refused OPTION...: nothing is written, in one line.
refused()
{
    expect 1 "$LOBASS" select $run -k all --by length -o refused.jsonl -q "$@"
    equals "$(lines err)" 1 "lines of the message"
    [ ! -e refused.jsonl ] || fail "a refused selection leaves its file"
}

run=mixed
expect 0 "$LOBASS" prepare model a.jsonl s.json q.csv -o mixed -q

write trl.jsonl --format trl
says out '"selected": 4'
says out '"written": 5'
says out '"format": "trl"'
says trl.manifest.json '"output_format": "trl"'
cat >expected.jsonl <<'EOF'
{"prompt": [{"role": "user", "content": "Add.\n1 and 2"}], "completion": [{"role": "assistant", "content": "3"}]}
{"prompt": [{"role": "user", "content": "Say \"hi\"\n"}], "completion": [{"role": "assistant", "content": " hi é\n"}]}
{"prompt": [{"role": "system", "content": "Be good."}, {"role": "user", "content": "one"}], "completion": [{"role": "assistant", "content": "two"}]}
{"prompt": [{"role": "system", "content": "Be good."}, {"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, {"role": "user", "content": "three"}], "completion": [{"role": "assistant", "content": "four"}]}
{"prompt": [{"role": "user", "content": "x, y"}], "completion": [{"role": "assistant", "content": "z"}]}
EOF
# like FILE: the same values as in expected.jsonl, line by line or as an array.
like()
{
    python3 - "$1" <<'EOF' || fail "$1: other values"
import json, sys
text = open(sys.argv[1], encoding="utf-8").read()
found = json.loads(text) if sys.argv[1].endswith(".json") else [json.loads(line) for line in text.splitlines()]
expected = [json.loads(line) for line in open("expected.jsonl", encoding="utf-8")]
if found != expected:
    print(found, expected, sep="\n", file=sys.stderr)
    sys.exit(1)
EOF
}
like trl.jsonl
write array.json --format trl
like array.json
write messages.jsonl --format messages
cat >expected.jsonl <<'EOF'
{"messages": [{"role": "user", "content": "Add.\n1 and 2"}, {"role": "assistant", "content": "3"}]}
{"messages": [{"role": "user", "content": "Say \"hi\"\n"}, {"role": "assistant", "content": " hi é\n"}]}
{"messages": [{"role": "system", "content": "Be good."}, {"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, {"role": "user", "content": "three"}, {"role": "assistant", "content": "four"}]}
{"messages": [{"role": "user", "content": "x, y"}, {"role": "assistant", "content": "z"}]}
EOF
like messages.jsonl
write sharegpt.jsonl --format sharegpt
cat >expected.jsonl <<'EOF'
{"conversations": [{"from": "human", "value": "Add.\n1 and 2"}, {"from": "gpt", "value": "3"}]}
{"conversations": [{"from": "human", "value": "Say \"hi\"\n"}, {"from": "gpt", "value": " hi é\n"}]}
{"conversations": [{"from": "human", "value": "one"}, {"from": "gpt", "value": "two"}, {"from": "human", "value": "three"}, {"from": "gpt", "value": "four"}], "system": "Be good."}
{"conversations": [{"from": "human", "value": "x, y"}, {"from": "gpt", "value": "z"}]}
EOF
like sharegpt.jsonl
write alpaca.jsonl --format alpaca
cat >expected.jsonl <<'EOF'
{"instruction": "Add.", "input": "1 and 2", "output": "3"}
{"instruction": "Say \"hi\"\n", "input": "", "output": " hi é\n"}
{"instruction": "three", "input": "", "output": "four", "system": "Be good.", "history": [["one", "two"]]}
{"instruction": "x, y", "input": "", "output": "z"}
EOF
like alpaca.jsonl
refused --format prompt-completion
says err 's.json:1: row 2: more than one question and its answer, which --format prompt-completion cannot hold'

# Best first, and again: the same lines in another order, the same bytes.
write ranked.jsonl --format trl --ranked
sort trl.jsonl >one
sort ranked.jsonl >two
same one two
if cmp -s trl.jsonl ranked.jsonl; then
    fail "--ranked changes nothing"
fi
write trl.jsonl --format trl # the very bytes: no -f needed
write records.jsonl --format records
write plain.jsonl
same records.jsonl plain.jsonl

# What was measured, token by token.
write tokens.jsonl --format trl --tokens
for row in 0 1 2 3; do
    "$LOBASS" show mixed $row --all --json >"shown$row.json" || fail "show $row"
done
python3 - <<'EOF' || fail "other tokens than were measured"
import json
for row, line in enumerate(open("tokens.jsonl")):
    made = json.loads(line)
    tokens = json.load(open(f"shown{row}.json"))["tokens"]
    assert made["input_ids"] == [token["id"] for token in tokens], row
    assert made["labels"] == [token["id"] if token["scored"] else -100 for token in tokens], row
    assert -100 in made["labels"] and set(made["labels"]) != {-100}, row
assert row == 3
EOF

# A turn that is not learned stays one, or the record is refused.
run=flagged
expect 0 "$LOBASS" prepare model flags.jsonl -o flagged -q
write flags.trl.jsonl --format trl
cat >expected.jsonl <<'EOF'
{"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "bad"}, {"role": "user", "content": "b"}], "completion": [{"role": "assistant", "content": "good"}]}
EOF
like flags.trl.jsonl
write flags.messages.jsonl --format messages
cat >expected.jsonl <<'EOF'
{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "bad", "train": false}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "good", "train": true}]}
EOF
like flags.messages.jsonl
expect 0 "$LOBASS" prepare model flags.messages.jsonl -o again -q --json # we read what we write
equals "$(number tokens_scored out)" "$(sed -n 's/.*"n_tokens": \([0-9]*\).*/\1/p' flags.trl.scores.jsonl)" "scored tokens"
for format in sharegpt alpaca; do
    refused --format $format
    says err "flags.jsonl:1: row 0: a turn that is not to be learned, and this schema learns all"
done
run=last
expect 0 "$LOBASS" prepare model s.json -o last -q --turns last
write last.trl.jsonl --format trl
equals "$(lines last.trl.jsonl)" 1 "lines of the last turns"
refused --format sharegpt
write last.messages.jsonl --format messages
says last.messages.jsonl '{"role": "assistant", "content": "two", "train": false}'

# Plain text has no answer.
run=texts
expect 0 "$LOBASS" prepare model text.jsonl -o texts -q
for format in trl messages sharegpt alpaca prompt-completion; do
    refused --format $format
    says err 'text.jsonl:1: row 0: plain text without an answer'
done
write texts.tokens.jsonl --format trl --tokens
equals "$(lines texts.tokens.jsonl)" 1 "lines of the text's tokens"

# Usage.
expect 2 "$LOBASS" select mixed -k 1 --by length --format nonsense -o x.jsonl
expect 2 "$LOBASS" select mixed -k 1 --by length --tokens -o x.jsonl
says err 'option --tokens needs --format trl'
expect 1 "$LOBASS" select mixed -k 1 --by length --format trl
says err "holds the records' own bytes; another format needs an output of its own (-o FILE)"
expect 1 "$LOBASS" select mixed -k 1 --by length -o x.csv
says err 'x.csv: not written as .csv; expected .jsonl, .json or .parquet'
expect 0 "$LOBASS" select --help
for format in records trl messages sharegpt alpaca prompt-completion; do
    says out "  $format "
done
