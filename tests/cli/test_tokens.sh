#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tokens and info: ids in columns, as JSON and as lines; what a model is.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
expect 0 "$LOBASS" tokens model 'the sky'
grep -q '"the"$\|"th"$' out || fail "no merged token: $(cat out)"
cut -c1-8 out | tr -d ' ' >ids
expect 0 "$LOBASS" tokens "$fixtures/tokenizer.json" 'the sky' --json
sed 's/.*"ids": \[\([^]]*\)\].*/\1/' out | tr -d ' ' | tr ',' '\n' >ids.json
same ids ids.json
equals "$(number n_tokens out)" "$(lines ids)" n_tokens
printf 'the sky' >text
code=0
"$LOBASS" tokens model - <text >out 2>err || code=$?
equals $code 0 "exit for standard input"
cut -c1-8 out | tr -d ' ' >ids.stdin
same ids ids.stdin

# Bytes of a character show as bytes, control characters harmless.
expect 0 "$LOBASS" tokens model "$(printf 'caf\303\251\033[2J')"
says out '"\xc3"'
says out '"\x1b"'
expect 0 "$LOBASS" tokens model ''
[ ! -s out ] || fail "no text has tokens"
expect 1 "$LOBASS" tokens model "$(printf 'a\377')"

printf '{"text": "the sky"}\n\n{"id": 3, "text": "caf\\u00e9 \\ud83d\\ude00"}\n{"text": ""}\n' >texts.jsonl
code=0
"$LOBASS" tokens model --jsonl <texts.jsonl >out 2>err || code=$?
equals $code 0 "exit of --jsonl"
equals "$(lines out)" 3 "lines of --jsonl"
equals "$(sed -n 1p out | tr -d ' ')" "{\"ids\":[$(paste -sd, ids)]}" "ids of the first line"
equals "$(sed -n 3p out)" '{"ids": []}' "ids of no text"
cp out lines.stdin
expect 0 "$LOBASS" tokens model --jsonl texts.jsonl
same out lines.stdin
printf '{"text": "fine"}\n{"text": 7}\n' >bad.jsonl
expect 1 "$LOBASS" tokens model --jsonl bad.jsonl
says err 'bad.jsonl:2: field "text": expected a string'
printf '{"text": "fine"}\n{"text": "cut\n' >bad.jsonl
expect 1 "$LOBASS" tokens model --jsonl bad.jsonl
says err 'bad.jsonl:2:'
expect 1 "$LOBASS" tokens model --jsonl nowhere.jsonl
says err 'nowhere.jsonl'
expect 1 "$LOBASS" tokens nowhere text
says err 'nowhere'

expect 0 "$LOBASS" info model --json
equals "$(text architecture out)" LlamaForCausalLM architecture
equals "$(number layers out)" 2 layers
equals "$(number d_model out)" 32 d_model
equals "$(number vocabulary out)" 384 vocabulary
# 384 x 32 embedding; a layer: two norms, q and o 32 x 32, k and v 16 x 32, three of 64 x 32
equals "$(number parameters out)" $((384 * 32 + 2 * (2 * 32 + 2 * 1024 + 2 * 512 + 3 * 2048) + 32)) \
    parameters
fingerprint=$(text fingerprint out)
equals "${#fingerprint}" 32 "digits of the fingerprint"
expect 0 "$LOBASS" info model
says out "$fingerprint"
says out "LlamaForCausalLM"

# The same seed makes the same model, another one another.
make_model again
same model/model.safetensors again/model.safetensors
expect 0 "$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o other --seed 8
expect 0 "$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o largest \
    --seed 18446744073709551615
if cmp -s model/model.safetensors other/model.safetensors; then
    fail "the seed changes nothing"
fi
