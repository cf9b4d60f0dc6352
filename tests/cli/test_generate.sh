#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a model writes: the same text for any batch size and number of threads, greedy and sampled;
# prompts from the argument, standard input and records; limits and refusals; a stop in the middle.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
records 23 >data.jsonl

# ---- one prompt
expect 0 "$LOBASS" generate model "the sky is" --max-tokens 12
cp out once
expect 0 "$LOBASS" generate model "the sky is" --max-tokens 12 --threads 3 --batch-size 4
same out once
printf 'the sky is' | "$LOBASS" generate model --max-tokens 12 >out
same out once
printf 'the sky is' | "$LOBASS" generate model - --max-tokens 12 >out
same out once
expect 0 "$LOBASS" generate model "the sky is" --max-tokens 12 --json
equals "$(number tokens out)" 12 tokens
equals "$(text stopped out)" length stopped
equals "$(text prompt out)" "the sky is" prompt

# ---- records: an object each, whatever is beside it
for chance in "" "--temperature 1.3 --top-k 50 --top-p 0.9 --seed 5"; do
    rm -f first
    for way in "--batch-size 1 --threads 1" "--batch-size 5 --threads 2" "--batch-size 64"; do
        # shellcheck disable=SC2086  # options are words
        expect 0 "$LOBASS" generate model --jsonl data.jsonl --max-tokens 20 -q $chance $way
        [ -f first ] || cp out first
        same out first
    done
    equals "$(lines out)" 23 "lines"
    equals "$(sed -n 's/^{"row": \([0-9]*\),.*/\1/p' out | tr '\n' ' ')" \
        "$(seq 0 22 | tr '\n' ' ')" "rows in order"
    equals "$(grep -c '"stopped": "\(length\|end\|context\)"' out)" 23 "lines with a stop"
done
cp out seed5
expect 0 "$LOBASS" generate model --jsonl data.jsonl --max-tokens 20 -q --temperature 1.3 --top-k 50 \
    --top-p 0.9 --seed 6
if cmp -s out seed5; then fail "another seed gives the same texts"; fi
"$LOBASS" generate model --jsonl - --max-tokens 20 -q --temperature 1.3 --top-k 50 --top-p 0.9 \
    --seed 5 <data.jsonl >out
same out seed5
expect 0 "$LOBASS" generate model --jsonl data.jsonl --max-tokens 20 -q --temperature 1.3 --top-k 1
cp out one
expect 0 "$LOBASS" generate model --jsonl data.jsonl --max-tokens 20 -q
same out one # the likeliest of one

# ---- the prompt of a record is what its row begins with
printf '{"instruction": "name this", "input": "", "output": "a cat"}\n' >one.jsonl
expect 0 "$LOBASS" generate model --jsonl one.jsonl --max-tokens 3
says out '### Instruction:\nname this\n\n### Response:", "text"'
expect 0 "$LOBASS" generate model "name this" --template alpaca --max-tokens 3 --json
says out '### Instruction:\nname this\n\n### Response:", "text"'

# ---- limits
positions=$(sed -n 's/.*"max_position_embeddings": *\([0-9]*\).*/\1/p' "$fixtures/config.json")
expect 0 "$LOBASS" generate model "the sky is" --max-tokens 0 --json
equals "$(text stopped out)" context "stopped"
equals "$(($(number prompt_tokens out) + $(number tokens out)))" "$positions" "positions used"
long_record 3000 prompt >long.jsonl
cat one.jsonl long.jsonl one.jsonl >mixed.jsonl
echo '{"what": 1}' >>mixed.jsonl
expect 0 "$LOBASS" generate model --jsonl mixed.jsonl --max-tokens 3 -q
equals "$(lines out)" 4 "lines"
equals "$(grep -c '"error": ' out)" 2 "prompts that were refused"
says out "the model has $positions positions"
says out "expected instruction/output"
says err "warning: 2 of 4 prompts could not be used"
printf '{"prompt": 3}\n{"foo": 1}\n' >unusable.jsonl
expect 1 "$LOBASS" generate model --jsonl unusable.jsonl -q
equals "$(lines out)" 2 "lines of prompts that were refused"
says err "none of the 2 prompts could be used"
{
    awk 'BEGIN { for (i = 0; i < 300; i++) print "{\"what\": 1}" }' # more than are held at once
    cat one.jsonl
} >late.jsonl
expect 0 "$LOBASS" generate model --jsonl late.jsonl --max-tokens 3 -q
equals "$(lines out)" 301 "lines"
says out '{"row": 300, "prompt": "Below is'
expect 1 "$LOBASS" generate model --max-tokens 0 "$(awk 'BEGIN { for (i = 0; i < 3000; i++) printf "hello " }')"
says err "the model has $positions positions"
equals "$(lines err)" 1 "lines of the message"

# ---- refusals
expect 2 "$LOBASS" generate model x --top-p 0.5
says err "option --top-p needs a --temperature above 0"
expect 2 "$LOBASS" generate model x --jsonl one.jsonl
expect 2 "$LOBASS" generate model --jsonl one.jsonl --json
expect 1 "$LOBASS" generate nowhere x
code=0
printf 'ab\377' | "$LOBASS" generate model 2>err || code=$?
equals "$code" 1 "exit code"
says err "byte 2: not valid UTF-8"
echo "words" >words.txt
expect 1 "$LOBASS" generate model --jsonl words.txt
says err "plain text has no prompts in it"
mkdir bare
cp model/* bare
sed 's/"add_bos_token": true/"add_bos_token": false/; s/PreTrainedTokenizerFast/LlamaTokenizerFast/' \
    model/tokenizer_config.json >bare/tokenizer_config.json
expect 0 "$LOBASS" generate model "" --max-tokens 1
expect 1 "$LOBASS" generate bare "" --max-tokens 1
says err "the prompt is empty"

# ---- an adapter: one that was just begun changes nothing, one that was trained does
expect 0 "$LOBASS" train model data.jsonl -o adapter --lora-rank 4 --epochs 1 --batch-size 4 \
    --learning-rate 0.05 -q
expect 0 "$LOBASS" generate model --jsonl data.jsonl --max-tokens 20 -q --adapter adapter
if cmp -s out one; then fail "the adapter changes nothing"; fi
expect 1 "$LOBASS" generate model x --adapter model

# ---- a full disk and a stop
if [ -c /dev/full ]; then
    code=0
    "$LOBASS" generate model "the sky" --max-tokens 5 >/dev/full 2>err || code=$?
    equals "$code" 1 "exit code on a full disk"
fi
records 4000 >many.jsonl
# A job in the background ignores SIGINT.
env --default-signal=INT "$LOBASS" generate model --jsonl many.jsonl --max-tokens 0 --threads 1 >out 2>err &
process=$!
for _ in $(seq 200); do
    [ -s out ] && break
    sleep 0.1
done
kill -INT $process
code=0
wait $process || code=$?
equals "$code" 130 "exit code of a stop"
says err "stopped"
[ "$(lines out)" -gt 0 ] || fail "nothing was printed before the stop"
