#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An adapter as a user makes and uses it: train and run with --lora-rank, measure with --adapter, info,
# kill -9 and the same command again, and what is refused.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
records 120 >data.jsonl

train() # FOLDER [OPTION]...
{
    folder=$1
    shift
    "$LOBASS" train model data.jsonl -o "$folder" --lora-rank 4 --learning-rate 1e-2 \
        --batch-size 8 --epochs 2 --checkpoint-seconds 0 "$@"
}

# ---- what is written, and said of it ---------------------------------------------------------------

expect 0 train adapter --json
grep -q '"recipe": {[^}]*"lora_rank": 4, "lora_alpha": 8.0, "lora_targets": "all-linear"}' out ||
    fail "the recipe: $(cat out)"
says err "an adapter of rank 4, alpha 8, on all-linear"
[ ! -e adapter/config.json ] || fail "an adapter has a config.json"
[ ! -e adapter/model.safetensors ] || fail "an adapter has the model's weights"
same model/tokenizer.json adapter/tokenizer.json
says adapter/adapter_config.json "\"base_model_name_or_path\": \"$(pwd -P)/model\""
expect 0 "$LOBASS" info adapter
says out "LoRA of rank 4, alpha 8, scale 2"
says out "$(pwd -P)/model"
expect 0 "$LOBASS" info adapter --json
equals "$(number rank out)" 4 "rank"
equals "$(text base_model out)" "$(pwd -P)/model" "base model"

# ---- the same bytes after kills --------------------------------------------------------------------

began=$(date +%s%N)
expect 0 train whole -q
took=$((($(date +%s%N) - began) / 1000000 + 1))
landed=0
state=7
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    state=$(((state * 16807) % 2147483647))
    delay=$((state % (took / 3 + 1) + 1))
    train killed -q --threads 1 >/dev/null 2>killed.err &
    process=$!
    sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
    child=$(cat /proc/$process/task/$process/children 2>/dev/null || true)
    code=0
    # shellcheck disable=SC2086  # there may be none, or the shell replaced itself
    kill -9 ${child:-$process} 2>/dev/null || true
    wait $process 2>/dev/null || code=$?
    [ $code -ne 137 ] || landed=$((landed + 1))
done
[ -e killed ] || expect 0 train killed -q --threads 2
[ $landed -ge 2 ] || fail "only $landed kills landed (a training takes $took ms)"
for file in adapter_model.safetensors adapter_config.json train_log.csv; do
    same whole/$file killed/$file
    same whole/$file adapter/$file
done

# ---- measure and run -------------------------------------------------------------------------------

expect 0 "$LOBASS" run model data.jsonl -o run -k 10% --lora-rank 4 --learning-rate 1e-2 \
    --batch-size 8 --epochs 2 -q
[ -e run/reference/adapter_model.safetensors ] || fail "run: the reference is no adapter"
says run/manifest.json "\"adapter\": \"$(pwd -P)/run/reference\""
says run/manifest.json '"lora_rank": 4'
expect 0 "$LOBASS" prepare model data.jsonl -o steps -q
expect 0 "$LOBASS" measure steps model --as initial -q
expect 0 "$LOBASS" measure steps model --as reference --adapter adapter -q
expect 0 "$LOBASS" select steps -k 10% -q
same run/selected.jsonl steps/selected.jsonl
same run/scores.jsonl steps/scores.jsonl
expect 0 "$LOBASS" info steps
says out "with the adapter $(pwd -P)/adapter"
expect 0 "$LOBASS" info steps --json
equals "$(text adapter out)" "$(pwd -P)/adapter" "adapter"

# ---- what is refused -------------------------------------------------------------------------------

refused() # WORD... : measuring with the adapter in broken/ fails, and names it all
{
    expect 1 "$LOBASS" measure steps model --as broken --adapter broken -q
    for word in "$@"; do
        says err "$word"
    done
    equals "$(lines err)" 1 "lines of the message"
    expect 0 "$LOBASS" info steps
    lacks out "broken"
}

edit() # SED_EXPRESSION: broken/ is adapter/ with another configuration
{
    rm -rf broken
    cp -r adapter broken
    sed "$1" adapter/adapter_config.json >broken/adapter_config.json
    cmp -s adapter/adapter_config.json broken/adapter_config.json && fail "the edit did nothing"
    return 0
}

edit 's/"use_dora": false/"use_dora": true/'
refused "broken/adapter_config.json" '"use_dora"'
edit 's/"peft_type": "LORA"/"peft_type": "IA3"/'
refused "broken/adapter_config.json" '"peft_type"' '"IA3"'
edit 's/"modules_to_save": null/"modules_to_save": ["lm_head"]/'
refused "broken/adapter_config.json" '"modules_to_save"'
edit 's/"r": 4/"r": 5/'
refused "broken/adapter_model.safetensors" "lora_A.weight" "expected shape [5, "
edit 's/"k_proj"/"o_proj"/'
refused "broken/adapter_model.safetensors" "k_proj.lora_A.weight"
rm -rf broken
cp -r adapter broken
head -c 3000 adapter/adapter_model.safetensors >broken/adapter_model.safetensors
refused "broken/adapter_model.safetensors"
rm broken/adapter_model.safetensors
refused "broken/adapter_model.safetensors"
rm -rf broken
cp -r adapter broken
sed 's/"add_prefix_space": false/"add_prefix_space": true/' model/tokenizer.json \
    >broken/tokenizer.json
refused "broken: its tokenizer"

expect 1 "$LOBASS" measure steps adapter --as other -q
says err "adapter: expected a model, found an adapter"
expect 2 train dropout --lora-dropout 0.1 -q
says err "lora_dropout: 0.1 is not supported"
[ ! -e dropout ] && [ ! -e dropout.partial ] || fail "a refused training leaves files"
expect 1 "$LOBASS" run model data.jsonl -o run -k 10% --lora-rank 8 --learning-rate 1e-2 \
    --batch-size 8 --epochs 2 -q
says err '"lora_rank": 4, now 8'
expect 0 "$LOBASS" run model data.jsonl -o run -k 10% --lora-rank 8 --learning-rate 1e-2 \
    --batch-size 8 --epochs 2 -q -f
says run/manifest.json '"lora_rank": 8'
# Now all weights: the reference is a model again, and no adapter is spoken of.
expect 0 "$LOBASS" run model data.jsonl -o run -k 10% --learning-rate 1e-2 --batch-size 8 \
    --epochs 2 -q -f
[ -e run/reference/model.safetensors ] || fail "run -f: the reference is no model"
lacks run/manifest.json "adapter"
expect 0 "$LOBASS" run model data.jsonl -o run -k 10% --learning-rate 1e-2 --batch-size 8 \
    --epochs 2 -q

# An adapter's folder may be replaced with -f, like a model's.
expect 1 train adapter --lora-alpha 2 -q
says err "adapter: exists already"
expect 0 train adapter --lora-alpha 2 -q -f
says adapter/adapter_config.json '"lora_alpha": 2'
