#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Broken models: exit 1, a message that names the place, nothing half-written.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
records 20 >data.jsonl
"$LOBASS" prepare model data.jsonl -o run -q >/dev/null || fail "prepare"

copy()
{
    rm -rf broken
    cp -r model broken
}

# Everything but what the commands print and the run's database.
snapshot()
{
    find . -type f ! -path ./out ! -path ./err ! -path './run/run.db*' ! -path ./run/lock \
        -exec cksum {} + | sort
}

# refused WORD... : measuring and training with the model in broken/ fail, and name it all.
refused()
{
    before=$(snapshot)
    for step in measure train; do
        case $step in
        measure) expect 1 "$LOBASS" measure run broken --as initial -q ;;
        train) expect 1 "$LOBASS" train broken data.jsonl -o trained -q ;;
        esac
        for word in "$@"; do
            says err "$word"
        done
        equals "$(lines err)" 1 "lines of the message"
        equals "$(snapshot)" "$before" "files after a failed $step"
    done
}

copy
size=$(wc -c <model/model.safetensors)
head -c $((size - 100)) model/model.safetensors >broken/model.safetensors
refused "broken/model.safetensors"

copy
head -c 5 model/model.safetensors >broken/model.safetensors
refused "broken/model.safetensors"

copy
# The first eight bytes are the length of the header.
{
    printf '\377\377\377\377\377\377\377\177'
    tail -c +9 model/model.safetensors
} >broken/model.safetensors
refused "broken/model.safetensors"

copy
rm broken/model.safetensors
refused "broken"

copy
grep -v '"hidden_size"' model/config.json >broken/config.json
refused "broken/config.json" "hidden_size"

copy
sed 's/LlamaForCausalLM/MambaForCausalLM/' model/config.json >broken/config.json
refused "broken/config.json" "MambaForCausalLM"

copy
sed 's/"hidden_size": *32/"hidden_size": 64/' model/config.json >broken/config.json
refused "broken/model.safetensors"

copy
echo '{"hidden_size": ' >broken/config.json
refused "broken/config.json"

copy
rm broken/model.safetensors
cat >broken/model.safetensors.index.json <<'END'
{"metadata": {}, "weight_map": {"model.embed_tokens.weight": "model-00001-of-00002.safetensors"}}
END
refused "broken" "model-00001-of-00002.safetensors"

copy
rm broken/model.safetensors
cat >broken/model.safetensors.index.json <<'END'
{"metadata": {}, "weight_map": {"model.embed_tokens.weight": "../model/model.safetensors"}}
END
refused "../model/model.safetensors"

copy
sed 's/"type": "BPE"/"type": "Quantum"/' model/tokenizer.json >broken/tokenizer.json
cmp -s model/tokenizer.json broken/tokenizer.json && fail "the edit did nothing"
refused "broken/tokenizer.json" "Quantum"

copy
awk '/"pre_tokenizer": \{/ { inside = 1 } inside && /"type": "ByteLevel"/ {
        sub("ByteLevel", "Telepathy"); inside = 0 } { print }' \
    model/tokenizer.json >broken/tokenizer.json
cmp -s model/tokenizer.json broken/tokenizer.json && fail "the edit did nothing"
refused "broken/tokenizer.json" "Telepathy"

# After all these failures the name is free, and a failure takes nothing away from it, even with -f.
expect 0 "$LOBASS" measure run model --as initial -q
expect 0 "$LOBASS" scores run
cp out scores.before
copy
head -c $((size - 100)) model/model.safetensors >broken/model.safetensors
expect 1 "$LOBASS" measure run broken --as initial -q -f
expect 0 "$LOBASS" scores run
same out scores.before

# A model that reads other tokens than the run's is refused.
copy
sed 's/"add_prefix_space": false/"add_prefix_space": true/' model/tokenizer.json \
    >broken/tokenizer.json
cmp -s model/tokenizer.json broken/tokenizer.json && fail "the edit did nothing"
expect 1 "$LOBASS" measure run broken --as initial -q
says err "tokenizer"

# init: the same for what it reads.
expect 1 "$LOBASS" init --like nowhere.json --tokenizer model -o new
says err "nowhere.json"
grep -v '"num_attention_heads"' model/config.json >few.json
expect 1 "$LOBASS" init --like few.json --tokenizer model -o new
says err "few.json"
says err "num_attention_heads"
[ ! -e new ] || fail "a failed init leaves its folder"
